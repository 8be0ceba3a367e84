"""TFLite files: the reader, and the way to a `Network`."""

__all__ = ["import_tflite"]

from hwgen.importers.tflite.importer import import_tflite
