"""Ops that compute nothing: elements in another order or shape."""

__all__ = ["Flatten"]

from dataclasses import dataclass

from hwgen.network.ops.base import Op


@dataclass(frozen=True, eq=False)
class Flatten(Op):
    """(channels, height, width) becomes (channels * height * width,), channels outermost; likewise
    (channels, length)."""
