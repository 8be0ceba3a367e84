"""Pools and means of TFLite."""

__all__ = ["POOLS", "least_sum"]

import math
from collections.abc import Mapping, Sequence

import numpy as np

from hwgen.errors import StoreError
from hwgen.formats import Fixed
from hwgen.importers.tflite.arithmetic import NONE, quantized_multiplier
from hwgen.importers.tflite.builder import Builder, Refusal
from hwgen.importers.tflite.file import TfliteOperator
from hwgen.importers.tflite.settings import (
    Convert,
    check_equal_grids,
    clamped,
    counted,
    fused,
    padding_of,
    window_of,
)
from hwgen.network import (
    AvgPool1d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    Linear,
    MaxPool2d,
    Op,
    PositionScale,
    Requantize,
)

MOST_FACTOR = 1 << 15  # of a position
MOST_COUNTS = 32  # of elements in windows of an axis
MOST_WEIGHTS = 1 << 20  # of a sum of channels


def _average_pool_2d(builder: Builder, operator: TfliteOperator) -> None:
    """Add sums, brought to one divisor where padding leaves windows fewer elements than others."""
    (x,), (out,) = operator.inputs, operator.outputs
    _, *size = builder.image(x)
    kernel = window_of(operator)
    stride, _, padding = padding_of(operator, (size[0], size[1]), kernel)
    check_equal_grids(builder, x, out)
    name = builder.tensor(out).name
    sums = builder.add(AvgPool2d(kernel, stride, padding), [builder.value(x)], name, "acc")
    divisor = math.prod(kernel)
    if any(map(any, padding)):
        rows, columns = (
            _factors(*axis) for axis in zip(size, kernel, stride, padding, strict=True)
        )
        rows = tuple(2 * factor for factor in rows)  # so that half of the divisor is an integer
        if max(*rows, *columns) >= MOST_FACTOR:
            raise Refusal("an AVERAGE_POOL_2D with so many counts of elements", "use VALID")
        divisor = rows[0] * columns[0] * _first_count(size, kernel, padding)
        scale = PositionScale((rows, columns), max(1, divisor // math.prod(kernel)))
        sums = builder.add(scale, [sums], name, "scaled")
    lo, hi = builder.clamp(out, fused(operator))
    # averages of the integers as they are, whatever their zero point
    least = np.array([least_sum(y, divisor) for y in range(lo + 1, hi + 1)], np.int64)
    thresholds = least - divisor * builder.zero_point(x)
    builder.finish(operator, counted(builder, out, thresholds, lo), [sums])


def _factors(size: int, kernel: int, stride: int, padding: tuple[int, int]) -> tuple[int, ...]:
    """Return a factor for each window of an axis: that many times its elements is one number."""
    places = range(-padding[0], size + padding[1] - kernel + 1, stride)
    if not 1 <= len(places) <= MOST_FACTOR:
        raise StoreError(f"windows along an axis must be 1 to {MOST_FACTOR}")
    counts = [min(size, start + kernel) - max(0, start) for start in places]
    if min(counts) < 1:
        raise StoreError("each window must hold at least one element")
    if len(set(counts)) > MOST_COUNTS:
        raise Refusal("an AVERAGE_POOL_2D with so many counts of elements", "use VALID")
    least = math.lcm(*counts)
    return tuple(least // count for count in counts)


def _first_count(
    size: Sequence[int], kernel: Sequence[int], padding: Sequence[tuple[int, int]]
) -> int:
    """Return how many elements the first window holds."""
    axes = zip(size, kernel, padding, strict=True)
    return math.prod(min(extent, taps - before) for extent, taps, (before, _) in axes)


def least_sum(y: int, count: int) -> int:
    """Return the least sum whose average, rounded half away from zero by division in C, is at
    least y.

    It is so too of sums of count / n times as much, of n elements: those next to a half are
    count / (2 * n) from it where n is odd, and on it or count / n from it where n is even.
    """
    half = count // 2
    return count * y - half if y > 0 else count * (y - 1) + half + 1


def _max_pool_2d(builder: Builder, operator: TfliteOperator) -> None:
    (x,), (out,) = operator.inputs, operator.outputs
    _, *size = builder.image(x)
    kernel = window_of(operator)
    stride, _, padding = padding_of(operator, (size[0], size[1]), kernel)
    check_equal_grids(builder, x, out)
    pool, of = MaxPool2d(kernel, stride, padding), builder.format(out)
    clamp = builder.clamp(out, fused(operator))
    if clamp == (of.lo, of.hi):
        builder.finish(operator, pool, [builder.value(x)])
        return
    largest = builder.add(pool, [builder.value(x)], builder.tensor(out).name, "max")
    builder.finish(operator, clamped(builder, out, clamp), [largest])


def _mean(builder: Builder, operator: TfliteOperator) -> None:
    """Add sums along axes: of a pool, or where channels are summed of a dot product of ones."""
    x, (out,) = operator.inputs[0], operator.outputs
    axes = _axes(builder, operator)
    own, name = builder.shape(x), builder.tensor(out).name
    spatial = tuple(n if axis + 1 in axes else 1 for axis, n in enumerate(own[1:]))
    count = math.prod(builder.tensor(x).shape[axis] for axis in axes)
    if len(own) in axes:
        if math.prod(own) > MOST_WEIGHTS:
            raise Refusal(f"a MEAN of channels of more than {MOST_WEIGHTS} elements")
        sums: Op = _sum_of_channels(own, spatial)
    elif len(own) == 1:
        raise Refusal("a MEAN of single values", "leave it out")
    else:
        sums = (AvgPool2d if len(own) == 3 else AvgPool1d)(spatial, spatial)
    made = builder.add(sums, [builder.value(x)], name, "acc")
    requantize = _divided(builder, x, out, count)
    left = (
        (1 if len(own) in axes else own[0]),
        *(n // by for n, by in zip(own[1:], spatial, strict=True)),
    )
    builder.finish_as(operator, requantize, [made], left)


def _axes(builder: Builder, operator: TfliteOperator) -> set[int]:
    """Return the axes of the file that an operator reduces, without the batch."""
    rank = len(builder.tensor(operator.inputs[0]).shape)
    given = [int(axis) for axis in builder.constant(operator.inputs[1]).reshape(-1)]
    if any(not -rank <= axis < rank for axis in given):
        raise StoreError("axes must be those of the input")
    return {axis % rank for axis in given} - {0}


def _sum_of_channels(own: tuple[int, ...], spatial: tuple[int, ...]) -> Linear | Conv1d | Conv2d:
    weight, bias, unit = np.ones((1, own[0], *spatial), np.int64), np.zeros(1, np.int64), np.ones(1)
    if len(own) == 1:
        return Linear(weight, bias, Fixed(2), unit)
    if len(own) == 2:
        return Conv1d(weight, bias, Fixed(2), unit, spatial)
    return Conv2d(weight, bias, Fixed(2), unit, spatial)


def _divided(builder: Builder, x: int, out: int, count: int) -> Requantize:
    """Return the requantizer of a mean: its multiplier is divided by the count, rounded down, with
    as many more bits as the count takes off."""
    made = builder.requantize(out, [builder.scale(x) / builder.scale(out)], NONE)
    multiplier, shift = quantized_multiplier(builder.scale(x) / builder.scale(out))
    bits = min(count.bit_length() - 1, 32, 62 - shift)
    return Requantize(
        np.array([(multiplier << bits) // count]),
        np.array([shift + bits]),
        made.format,
        made.scale,
        zero_point=made.zero_point,
        rounding=made.rounding,
    )


POOLS: Mapping[str, Convert] = {
    "AVERAGE_POOL_2D": _average_pool_2d,
    "MAX_POOL_2D": _max_pool_2d,
    "MEAN": _mean,
}
