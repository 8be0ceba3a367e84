"""What is done to each value by itself, and the largest of all."""

__all__ = ["VALUES", "round_shift"]

from collections.abc import Sequence

import numpy as np

from hwgen.golden.exact import Values, magnitudes, working_type
from hwgen.golden.kernels.parts import Kernel, Kernels, centre
from hwgen.network.inference import Tensor
from hwgen.network.ops import ArgMax, IntArray, Requantize, Threshold


def _requantize(op: Requantize, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    largest = magnitudes(x_type)  # times a multiplier it stays below 2**62: range inference
    bound = int((largest * op.multiplier + (np.int64(1) << op.shift >> 1)).max())
    dtype = working_type(max(bound, int(largest.max())))
    if op.rounding == "double":
        dtype = np.dtype(np.int64)  # the first of the two rounds what a float would not keep
    axes = (-1, *[1] * len(x_type.shape))
    multiplier, shift = op.multiplier.reshape(axes), op.shift.reshape(axes)
    assert op.lo is not None and op.hi is not None
    lowest, highest = op.lo - op.zero_point, op.hi - op.zero_point

    def clamp(y: Values) -> Values:
        np.maximum(y, y.dtype.type(lowest), out=y)
        np.minimum(y, y.dtype.type(highest), out=y)
        if op.zero_point:
            y += y.dtype.type(op.zero_point)
        return y

    if dtype == np.int64:

        def integers(x: Values) -> Values:
            product = centre(x, x_type.zero_point, dtype) * multiplier
            return clamp(round_shift(product, shift, op.rounding))

        return integers

    # multiplier / 2**shift, exact: its numerator is one of the products that fit the mantissa
    factor = np.ldexp(multiplier.astype(dtype), -shift).astype(dtype)

    def floats(x: Values) -> Values:
        y = np.multiply(centre(x, x_type.zero_point, dtype), factor)
        return clamp(_round_in_place(y, op.rounding))

    return floats


def _round_in_place(y: Values, rounding: str) -> Values:
    """Round floats that hold exact quotients, where y + 1/2 is exact too."""
    half = y.dtype.type(0.5)
    if rounding == "half_even":
        return np.rint(y, out=y)
    if rounding == "half_up":
        y += half
        return np.floor(y, out=y)
    y += np.copysign(half, y)
    return np.trunc(y, out=y)


def round_shift(value: IntArray, shift: IntArray, rounding: str) -> IntArray:
    """Return value / 2**shift rounded to int64, for |value| + 2**(shift - 1) below 2**63."""
    if rounding == "double":  # gemmlowp's doubling high multiplication, then its division
        first = np.minimum(shift, 31)
        return round_shift(round_shift(value, first, "half_up"), shift - first, "half_away")
    half = np.int64(1) << shift >> 1
    if rounding == "half_up":
        return (value + half) >> shift
    if rounding == "half_away":
        return (value + half - ((value < 0) & (shift > 0))) >> shift
    floor = value >> shift
    rest = value - (floor << shift)
    up = (rest > half) | ((rest == half) & (half > 0) & (floor & 1 == 1))
    result: IntArray = floor + up
    return result


def _threshold(op: Threshold, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    lo, hi = x_type.lo, x_type.hi
    dtype = working_type(max(abs(lo), abs(hi + 1)))
    # what lies beyond the range is never reached, or always, as well at its ends
    thresholds = np.clip(op.thresholds, lo, hi + 1).astype(dtype)

    def kernel_of(x: Values) -> Values:
        x = x.astype(dtype, copy=False)
        out = np.empty(x.shape, dtype=np.float32)  # 16 bits at most
        if len(thresholds) == 1:
            out[:] = thresholds[0].searchsorted(x, side="right")
        else:
            for channel, row in enumerate(thresholds):
                out[channel] = row.searchsorted(x[channel], side="right")
        out *= op.format.step
        out += op.base
        return out

    return kernel_of


def _arg_max(op: ArgMax, inputs: Sequence[Tensor]) -> Kernel:
    return lambda x: np.argmax(x, axis=0, keepdims=True).astype(np.float32)  # 16 bits at most


VALUES: Kernels = {
    Requantize: _requantize,
    Threshold: _threshold,
    ArgMax: _arg_max,
}
