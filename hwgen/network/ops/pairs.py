"""Two values, element by element: products and the larger or smaller of both."""

__all__ = ["Maximum", "Minimum", "Multiply"]

from dataclasses import dataclass

from hwgen.network.ops.base import Op


@dataclass(frozen=True, eq=False)
class Multiply(Op):
    """acc = (a - zero point of a) * (b - zero point of b), for two inputs of one shape.

    The second one may also be a factor a channel, (channels, 1, 1), one a pixel, (1, height,
    width), or one for all, (1, 1, 1), of a first one of (channels, height, width). Both are
    requantized tensors of one scale each; the product is an accumulator of scale of a * scale of b.
    """


@dataclass(frozen=True, eq=False)
class Maximum(Op):
    """The larger of two values of one shape, scale, zero point and format, which it keeps."""


@dataclass(frozen=True, eq=False)
class Minimum(Op):
    """The smaller of two values of one shape, scale, zero point and format, which it keeps."""
