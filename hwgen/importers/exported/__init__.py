"""Programs of `torch.export`: the reader, and the way to a `Network`."""

__all__ = ["import_exported"]

from hwgen.importers.exported.importer import import_exported
