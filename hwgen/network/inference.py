"""Shape and exact range of every value of a network, derived, never trusted.

The range is that of the weights which are really there: for an accumulator, the sum of the
extremes of each product. It is reached for a fully connected layer, and is a bound on any layer.
One range per channel is kept; registers are sized by their union.
"""

__all__ = ["INFERENCE", "Tensor", "infer", "output_extent"]

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwgen.errors import NetworkError
from hwgen.formats import Fixed
from hwgen.network.ops import (
    MAX_CHANNELS,
    MAX_ELEMENTS,
    Conv2d,
    Flatten,
    FloatArray,
    Input,
    IntArray,
    Linear,
    MaxPool2d,
    Op,
    Requantize,
    _Weighted,
)

ACCUMULATOR_BITS = 62  # what int64 golden and float-free range arithmetic carry without overflow


@dataclass(frozen=True, eq=False)
class Tensor:
    """The type of a value.

    shape : (channels, height, width) or (features,)
    lows, highs : (channels,) or (features,): the exact range of each channel
    scale : (1,) or (channels,)
    zero_point : real = scale * (q - zero_point)
    format : how it is written, or None for an accumulator, which is as wide as its range
    """

    shape: tuple[int, ...]
    lows: IntArray
    highs: IntArray
    scale: FloatArray
    zero_point: int
    format: Fixed | None

    @property
    def lo(self) -> int:
        """Smallest value of any channel."""
        return int(self.lows.min())

    @property
    def hi(self) -> int:
        """Largest value of any channel."""
        return int(self.highs.max())

    @property
    def channels(self) -> int:
        """Number of channels, or of features."""
        return self.shape[0]


def output_extent(
    size: int, kernel: int, stride: int, padding: int, dilation: int, what: str
) -> int:
    """Return how many windows fit along one axis.

    Raises
    ------
    NetworkError : not even one
    """
    extent = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    if extent < 1:
        raise NetworkError(
            f"Kernel must fit the padded input of {what} {size + 2 * padding}, "
            f"not span {dilation * (kernel - 1) + 1}"
        )
    return extent


def _check_int64(lows: list[int], highs: list[int]) -> tuple[IntArray, IntArray]:
    if min(lows) < -(1 << ACCUMULATOR_BITS) or max(highs) >= 1 << ACCUMULATOR_BITS:
        raise NetworkError(
            f"Values must stay below 2**{ACCUMULATOR_BITS}, not reach "
            f"[{min(lows)}, {max(highs)}]; use fewer bits"
        )
    return np.array(lows, dtype=np.int64), np.array(highs, dtype=np.int64)


def _input(op: Input, inputs: Sequence[Tensor]) -> Tensor:
    channels = op.shape[0]
    if not op.format.lo <= op.zero_point <= op.format.hi:
        raise NetworkError(f"Zero point must lie in the range of {op.format}, not {op.zero_point}")
    return Tensor(
        op.shape,
        np.full(channels, op.format.lo, dtype=np.int64),
        np.full(channels, op.format.hi, dtype=np.int64),
        op.scale,
        op.zero_point,
        op.format,
    )


def _windows(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> tuple[int, int]:
    """Return how many windows fit down and across."""
    padded = [x.shape[1 + a] + 2 * padding[a] for a in range(2)]
    if x.channels * math.prod(padded) > MAX_ELEMENTS:
        raise NetworkError(
            f"Padded input must have at most {MAX_ELEMENTS} elements, not "
            f"{x.channels} x {padded[0]} x {padded[1]}"
        )
    height, width = (
        output_extent(
            x.shape[1 + a], kernel[a], stride[a], padding[a], dilation[a], ("height", "width")[a]
        )
        for a in range(2)
    )
    return height, width


def _dot_range(op: _Weighted, x: Tensor, padded: bool) -> tuple[IntArray, IntArray]:
    # Formats have 16 bits and values 2**28 elements at most, so these sums fit int64; with the
    # bias they need not.
    weight = op.weight.reshape(op.weight.shape[0], x.channels, -1)
    positive, negative = np.maximum(weight, 0).sum(axis=2), np.minimum(weight, 0).sum(axis=2)
    lows, highs = x.lows - x.zero_point, x.highs - x.zero_point
    if padded:  # a tap on the padding contributes nothing
        lows, highs = np.minimum(lows, 0), np.maximum(highs, 0)
    bias = op.bias.astype(object)
    return _check_int64(
        list(bias + (positive @ lows + negative @ highs)),
        list(bias + (positive @ highs + negative @ lows)),
    )


def _accumulator(op: _Weighted, x: Tensor, shape: tuple[int, ...], padded: bool) -> Tensor:
    if x.format is None:
        raise NetworkError("Input must be requantized before it is multiplied again")
    if x.scale.size != 1:
        raise NetworkError("Input must have one scale, not one per channel")
    lows, highs = _dot_range(op, x, padded)
    return Tensor(shape, lows, highs, x.scale * op.weight_scale, 0, None)


def _conv2d(op: Conv2d, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    if len(x.shape) != 3 or x.shape[0] != op.weight.shape[1]:
        raise NetworkError(
            f"Input must have shape ({op.weight.shape[1]}, height, width), not {x.shape}"
        )
    height, width = _windows(x, op.weight.shape[2:], op.stride, op.padding, op.dilation)
    return _accumulator(op, x, (op.weight.shape[0], height, width), any(op.padding))


def _linear(op: Linear, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    if x.shape != (op.weight.shape[1],):
        raise NetworkError(f"Input must have shape ({op.weight.shape[1]},), not {x.shape}")
    return _accumulator(op, x, (op.weight.shape[0],), padded=False)


def _max_pool2d(op: MaxPool2d, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    if len(x.shape) != 3:
        raise NetworkError(f"Input must have shape (channels, height, width), not {x.shape}")
    if x.scale.size != 1:
        raise NetworkError("Input must have one scale, not one per channel")
    height, width = _windows(x, op.kernel, op.stride, op.padding, (1, 1))
    return Tensor((x.channels, height, width), x.lows, x.highs, x.scale, x.zero_point, x.format)


def _flatten(op: Flatten, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    if len(x.shape) == 1:
        return x
    area = x.shape[1] * x.shape[2]
    if x.channels * area > MAX_CHANNELS:
        raise NetworkError(f"Flattened value must have at most {MAX_CHANNELS} features")
    scale = np.repeat(x.scale, area) if x.scale.size > 1 else x.scale
    return Tensor(
        (x.channels * area,),
        np.repeat(x.lows, area),
        np.repeat(x.highs, area),
        scale,
        x.zero_point,
        x.format,
    )


def round_shift(value: int, shift: int, rounding: str) -> int:
    """Return value / 2**shift rounded to an integer, for one Python integer of any size."""
    if shift == 0:
        return value
    floor, rest, half = value >> shift, value & ((1 << shift) - 1), 1 << (shift - 1)
    if rest != half:
        return floor + (rest > half)
    tie_up = {"half_up": True, "half_even": bool(floor & 1), "half_away": value >= 0}
    return floor + tie_up[rounding]


def _requantize(op: Requantize, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    for what, array in (("Multiplier", op.multiplier), ("Shift", op.shift)):
        if array.size not in (1, x.channels):
            raise NetworkError(f"{what} must be one number or {x.channels}, not {array.size}")
    if not op.format.lo <= op.zero_point <= op.format.hi:
        raise NetworkError(f"Zero point must lie in the range of {op.format}, not {op.zero_point}")
    lo, hi = op.lo, op.hi
    assert lo is not None and hi is not None
    multiplier = np.broadcast_to(op.multiplier, x.channels)
    shift = np.broadcast_to(op.shift, x.channels)

    def apply(values: IntArray) -> list[int]:
        # The zero point of the input is zero for accumulators; others are shifted to zero first.
        out = []
        for value, m, s in zip(values, multiplier, shift, strict=True):
            scaled = (int(value) - x.zero_point) * int(m)
            if abs(scaled) >= 1 << ACCUMULATOR_BITS:
                raise NetworkError(
                    f"Products with the multiplier must stay below 2**{ACCUMULATOR_BITS}; "
                    "use a smaller multiplier and shift"
                )
            rounded = op.zero_point + round_shift(scaled, int(s), op.rounding)
            out.append(min(max(rounded, lo), hi))
        return out

    lows, highs = _check_int64(apply(x.lows), apply(x.highs))  # rounding is monotone
    return Tensor(x.shape, lows, highs, op.scale, op.zero_point, op.format)


INFERENCE: dict[type[Op], Callable[[Any, Sequence[Tensor]], Tensor]] = {
    Input: _input,
    Conv2d: _conv2d,
    Linear: _linear,
    MaxPool2d: _max_pool2d,
    Flatten: _flatten,
    Requantize: _requantize,
}

ARITY: dict[type[Op], int] = {
    Input: 0,
    Conv2d: 1,
    Linear: 1,
    MaxPool2d: 1,
    Flatten: 1,
    Requantize: 1,
}


def infer(op: Op, inputs: Sequence[Tensor]) -> Tensor:
    """Return the type of the op's value from the types of its inputs.

    Raises
    ------
    NetworkError : the inputs do not fit the op
    """
    if type(op) not in INFERENCE:
        raise NetworkError(f"Op must be one of hwgen's, not {type(op).__name__}")
    if len(inputs) != ARITY[type(op)]:
        raise NetworkError(f"Number of inputs must be {ARITY[type(op)]}, not {len(inputs)}")
    with np.errstate(over="ignore", under="ignore"):
        tensor = INFERENCE[type(op)](op, inputs)
    if math.prod(tensor.shape) > MAX_ELEMENTS:
        raise NetworkError(f"Value must have at most {MAX_ELEMENTS} elements, not {tensor.shape}")
    if not np.isfinite(tensor.scale).all() or not tensor.scale.all():
        raise NetworkError(f"Scale must be positive and finite, not {tensor.scale[:4]}")
    return tensor
