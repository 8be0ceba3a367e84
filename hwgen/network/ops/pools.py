"""Pools."""

__all__ = [
    "AvgPool",
    "AvgPool1d",
    "AvgPool2d",
    "MaxPool",
    "MaxPool1d",
    "MaxPool2d",
    "Pool",
    "PositionScale",
]

import math
from dataclasses import dataclass
from typing import ClassVar

from hwgen.errors import NetworkError
from hwgen.network.fields import Factors, Padding, as_int, extents, sides
from hwgen.network.ops.base import MAX_ELEMENTS, Op

MOST_FACTOR = 1 << 15


class Pool(Op):
    """What pools share, whatever the number of spatial axes.

    kernel, stride : of each spatial axis
    padding : (before, after) of each spatial axis; one integer of an axis stands for both its sides
    """

    rank: ClassVar[int]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Padding

    def _check_window(self) -> None:
        self._set(
            kernel=extents(self.kernel, "Kernel", 1, self.rank),
            stride=extents(self.stride, "Stride", 1, self.rank),
            padding=sides(self.padding, self.rank),
        )


class MaxPool(Pool):
    """The largest value of each window; padding never wins, and no window lies on it alone."""

    dilation: tuple[int, ...]

    def __post_init__(self) -> None:
        self._check_window()
        dilation = extents(self.dilation, "Dilation", 1, self.rank)
        self._set(dilation=dilation)
        for kernel, apart, padding in zip(self.kernel, dilation, self.padding, strict=True):
            if max(padding) > apart * (kernel - 1):
                raise NetworkError(
                    f"Padding of a maximum must be less than its windows, which span "
                    f"{apart * (kernel - 1) + 1}, not {padding}"
                )


class AvgPool(Pool):
    """acc = sum over the window of (q - zero_point), in units of input scale / divisor.

    Padding contributes nothing, and the divisor is the same nevertheless (torch's
    count_include_pad=True): by default the size of the kernel. The division is in the scale of the
    accumulator, whose zero point is zero; a requantizer carries it out. A kernel of the whole frame
    is global average pooling, with a divisor of 1 a sum.
    """

    divisor: int

    def __post_init__(self) -> None:
        self._check_window()
        divisor = as_int(self.divisor, "Divisor")
        if not 0 <= divisor <= MAX_ELEMENTS:
            raise NetworkError(f"Divisor must be 1 to {MAX_ELEMENTS}, not {divisor}")
        self._set(divisor=divisor or math.prod(self.kernel))


@dataclass(frozen=True, eq=False)
class MaxPool1d(MaxPool):
    """The largest value of each window along the length."""

    rank = 1
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Padding = ((0, 0),)
    dilation: tuple[int, ...] = (1,)


@dataclass(frozen=True, eq=False)
class MaxPool2d(MaxPool):
    """The largest value of each window of an image."""

    rank = 2
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Padding = ((0, 0), (0, 0))
    dilation: tuple[int, ...] = (1, 1)


@dataclass(frozen=True, eq=False)
class AvgPool1d(AvgPool):
    """The average of each window along the length."""

    rank = 1
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Padding = ((0, 0),)
    divisor: int = 0


@dataclass(frozen=True, eq=False)
class AvgPool2d(AvgPool):
    """The average of each window of an image."""

    rank = 2
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Padding = ((0, 0), (0, 0))
    divisor: int = 0


@dataclass(frozen=True, eq=False)
class PositionScale(Op):
    """acc = (q - zero_point) * factor of the row * factor of the column, in units of input scale /
    divisor: sums over windows that do not all hold as many elements become averages of one scale.

    factors : of each spatial axis, the factor of each position; at least 1
    divisor : by which all factors are too large
    """

    factors: Factors
    divisor: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.factors, (tuple, list)) or len(self.factors) not in (1, 2):
            raise NetworkError(f"Factors must be of one or two axes, not {self.factors!r}")
        factors = tuple(_factors(axis) for axis in self.factors)
        divisor = as_int(self.divisor, "Divisor")
        if not 1 <= divisor <= MAX_ELEMENTS:
            raise NetworkError(f"Divisor must be 1 to {MAX_ELEMENTS}, not {divisor}")
        self._set(factors=factors, divisor=divisor)


def _factors(axis: object) -> tuple[int, ...]:
    if not isinstance(axis, (tuple, list)) or not axis:
        raise NetworkError(f"Factors of an axis must be integers, not {axis!r}")
    found = tuple(as_int(factor, "Factor") for factor in axis)
    if min(found) < 1 or max(found) >= MOST_FACTOR:
        raise NetworkError(f"Factors must lie in [1, {MOST_FACTOR}), not {found}")
    return found
