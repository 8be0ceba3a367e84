"""Importers: from other tools' networks to `hwgen.network.Network`."""

__all__ = ["import_torch", "trace_torch"]

from hwgen.importers.from_torch import import_torch, trace_torch
