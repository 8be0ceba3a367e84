"""ONNX files: the reader, and the way to a `Network`."""

__all__ = ["import_onnx"]

from hwgen.importers.onnx.importer import import_onnx
