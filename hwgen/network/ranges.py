"""Range arithmetic: windows that fit, the extremes of sums, and rounding of single integers.

Python integers wherever int64 could overflow; what leaves is proven to stay below 2**62, which is
what int64 golden carries.
"""

__all__ = [
    "ACCUMULATOR_BITS",
    "AXES",
    "DOUBLE_BITS",
    "as_int64",
    "count_windows",
    "dot_range",
    "output_extent",
    "real_taps",
    "requantize_value",
    "round_shift",
]

import math
from collections.abc import Iterable, Sequence

import numpy as np

from hwgen.errors import NetworkError
from hwgen.network.fields import IntArray, Padding
from hwgen.network.ops import MAX_ELEMENTS, Requantize
from hwgen.network.tensor import Tensor

DOUBLE_BITS = 31  # of double rounding's first shift
ACCUMULATOR_BITS = 62  # what int64 golden and float-free range arithmetic carry without overflow
AXES = {1: ("length",), 2: ("height", "width")}  # names of the spatial axes, by how many there are


def as_int64(lows: Iterable[int], highs: Iterable[int]) -> tuple[IntArray, IntArray]:
    """Return the ends of ranges as arrays.

    Raises
    ------
    NetworkError : an end needs more than `ACCUMULATOR_BITS`
    """
    lows, highs = list(lows), list(highs)
    if min(lows) < -(1 << ACCUMULATOR_BITS) or max(highs) >= 1 << ACCUMULATOR_BITS:
        raise NetworkError(
            f"Values must stay below 2**{ACCUMULATOR_BITS}, not reach "
            f"[{min(lows)}, {max(highs)}]; use fewer bits"
        )
    return np.array(lows, dtype=np.int64), np.array(highs, dtype=np.int64)


def output_extent(
    size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int, what: str
) -> int:
    """Return how many windows fit along one axis.

    Parameters
    ----------
    padding : (before, after)

    Raises
    ------
    NetworkError : not even one
    """
    padded = size + sum(padding)
    extent = (padded - dilation * (kernel - 1) - 1) // stride + 1
    if extent < 1:
        raise NetworkError(
            f"Kernel must fit the padded input of {what} {padded}, "
            f"not span {dilation * (kernel - 1) + 1}"
        )
    return extent


def count_windows(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
) -> tuple[int, ...]:
    """Return how many windows fit along each spatial axis.

    Raises
    ------
    NetworkError : not even one, or the padded input is too large
    """
    padded = [size + sum(axis) for size, axis in zip(x.shape[1:], padding, strict=True)]
    if x.channels * math.prod(padded) > MAX_ELEMENTS:
        raise NetworkError(
            f"Padded input must have at most {MAX_ELEMENTS} elements, not "
            f"{' x '.join(map(str, (x.channels, *padded)))}"
        )
    names = AXES[len(padded)]
    axes = zip(x.shape[1:], kernel, stride, padding, dilation, names, strict=True)
    return tuple(output_extent(*axis) for axis in axes)


def real_taps(
    size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int
) -> tuple[int, int]:
    """Return the least and the most taps, over the windows along one axis, not on padding."""
    extent = output_extent(size, kernel, stride, padding, dilation, "input")
    starts = np.arange(extent, dtype=np.int64) * stride - padding[0]
    # taps start + n * dilation with 0 <= n < kernel that lie in [0, size)
    first = np.maximum(-(starts // dilation), 0)
    past = np.minimum(-((starts - size) // dilation), kernel)
    counts = np.maximum(past - first, 0)
    return int(counts.min()), int(counts.max())


def dot_range(
    weight: IntArray, bias: IntArray, x: Tensor, groups: int, padded: bool
) -> tuple[IntArray, IntArray]:
    """Return the range of bias + sum of weight * (q - zero_point), for each output channel.

    Parameters
    ----------
    weight : (out channels, in channels / groups, ...)
    bias : (out channels,)
    x : type of the input
    padded : whether taps may lie on padding
    """
    # Formats have 16 bits and values 2**28 elements at most, so these sums fit int64; with the
    # bias they need not.
    weight = weight.reshape(groups, weight.shape[0] // groups, weight.shape[1], -1)
    positive, negative = np.maximum(weight, 0).sum(axis=3), np.minimum(weight, 0).sum(axis=3)
    lows, highs = ((ends - x.zero_point).reshape(groups, -1, 1) for ends in (x.lows, x.highs))
    if padded:
        pad = x.pad_value - x.zero_point
        lows, highs = np.minimum(lows, pad), np.maximum(highs, pad)
    sums = bias.astype(object)
    return as_int64(
        sums + (positive @ lows + negative @ highs).reshape(-1),
        sums + (positive @ highs + negative @ lows).reshape(-1),
    )


def round_shift(value: int, shift: int, rounding: str) -> int:
    """Return value / 2**shift rounded to an integer, for one Python integer of any size."""
    if shift == 0:
        return value
    if rounding == "double":
        first = min(shift, DOUBLE_BITS)
        inner = round_shift(value, first, "half_up")
        return round_shift(inner, shift - first, "half_away")
    floor, rest, half = value >> shift, value & ((1 << shift) - 1), 1 << (shift - 1)
    if rest != half:
        return floor + (rest > half)
    tie_up = {"half_up": True, "half_even": bool(floor & 1), "half_away": value >= 0}
    return floor + tie_up[rounding]


def requantize_value(op: Requantize, value: int, multiplier: int, shift: int) -> int:
    """Return the output for one q - zero_point of the input, as Python integers of any size."""
    assert op.lo is not None and op.hi is not None
    rounded = op.zero_point + round_shift(value * multiplier, shift, op.rounding)
    return min(max(rounded, op.lo), op.hi)
