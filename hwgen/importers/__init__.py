"""Importers: from other tools' networks to `hwgen.network.Network`.

Each needs another package, so none is imported here: `from_torch`, `exported`, `onnx`, `tflite`.
"""
