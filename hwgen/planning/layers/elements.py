"""Elements: the integers that travel for the values of a tensor.

A binary tensor, -1 and +1, travels as 0 and 1 in one bit. Everything else travels as it is.
"""

__all__ = ["ElementEncoding", "element_encoding_of", "elements_of"]

from dataclasses import dataclass, replace

from hwgen.formats import Binary
from hwgen.network.tensor import Tensor


@dataclass(frozen=True)
class ElementEncoding:
    """value = base + step * element."""

    base: int = 0
    step: int = 1


def element_encoding_of(tensor: Tensor) -> ElementEncoding:
    """Return how the values of a tensor travel."""
    return ElementEncoding(-1, 2) if isinstance(tensor.format, Binary) else ElementEncoding()


def elements_of(tensor: Tensor) -> Tensor:
    """Return the type of what travels for a tensor: its range gives width and sign.

    A binary tensor has no zero point; its elements have 0, which stands for -1 in its padding.
    """
    encoding = element_encoding_of(tensor)
    if encoding == ElementEncoding():
        return tensor
    return replace(
        tensor,
        lows=(tensor.lows - encoding.base) // encoding.step,
        highs=(tensor.highs - encoding.base) // encoding.step,
        format=None,
    )
