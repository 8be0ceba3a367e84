"""Wires: the integers that travel for the values of a tensor.

A binary tensor, -1 and +1, travels as 0 and 1 in one bit. Everything else travels as it is.
"""

__all__ = ["Wire", "elements_of", "wire_of"]

from dataclasses import dataclass, replace

from hwgen.formats import Binary
from hwgen.network.tensor import Tensor


@dataclass(frozen=True)
class Wire:
    """value = base + step * element."""

    base: int = 0
    step: int = 1


def wire_of(tensor: Tensor) -> Wire:
    """Return how the values of a tensor travel."""
    return Wire(-1, 2) if isinstance(tensor.format, Binary) else Wire()


def elements_of(tensor: Tensor) -> Tensor:
    """Return the type of what travels for a tensor: its range gives width and sign.

    A binary tensor has no zero point; its elements have 0, which stands for -1 in its padding.
    """
    wire = wire_of(tensor)
    if wire == Wire():
        return tensor
    return replace(
        tensor,
        lows=(tensor.lows - wire.base) // wire.step,
        highs=(tensor.highs - wire.base) // wire.step,
        format=None,
    )
