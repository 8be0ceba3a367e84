"""Golden, op by op: what each op means, in NumPy.

Every entry of `GOLDEN` takes an op and the types of its inputs and returns the function that
computes it. Values run in the layout (channels, height, width, batch) or (features, batch): with
the batch innermost, windows, pools and channel factors are long contiguous runs whatever the
channel count, a convolution is one matrix product, and flattening is free.
"""

__all__ = ["GOLDEN", "Kernel"]

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hwgen.golden.exact import Values, dot_bound, magnitudes, matrix_product, working_type
from hwgen.network.inference import Tensor, output_extent
from hwgen.network.ops import (
    Add,
    ArgMax,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Input,
    IntArray,
    Linear,
    MaxPool2d,
    Op,
    Requantize,
    Threshold,
)

Kernel = Callable[..., Values]


def _input(op: Input, inputs: Sequence[Tensor]) -> Kernel:
    return lambda x: x


def _taps(
    size: int, kernel: int, stride: int, padding: int, dilation: int
) -> tuple[int, list[slice]]:
    """Return, along one axis, how many windows there are and what each tap of them reads."""
    extent = output_extent(size, kernel, stride, padding, dilation, "input")
    span = stride * (extent - 1) + 1
    return extent, [slice(k * dilation, k * dilation + span, stride) for k in range(kernel)]


def _pad(x: Values, padding: tuple[int, int], value: int) -> Values:
    """Return `x` with rows and columns of `value` on each side."""
    if not any(padding):
        return x
    (top, left), (channels, height, width, batch) = padding, x.shape
    out = np.full((channels, height + 2 * top, width + 2 * left, batch), value, dtype=x.dtype)
    out[:, top : top + height, left : left + width] = x
    return out


def _centre(x: Values, zero_point: int, dtype: np.dtype[Any]) -> Values:
    """Return q - zero_point in the working type."""
    x = x.astype(dtype, copy=False)
    return x - dtype.type(zero_point) if zero_point else x


def _conv2d(op: Conv2d, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    _, height, width = x_type.shape
    out_channels, channels, *kernel = op.weight.shape  # channels of a group
    rows, row_taps = _taps(height, kernel[0], op.stride[0], op.padding[0], op.dilation[0])
    columns, column_taps = _taps(width, kernel[1], op.stride[1], op.padding[1], op.dilation[1])
    dtype = working_type(dot_bound(op.weight, op.bias, x_type, op.groups))
    groups, inner = op.groups, channels * kernel[0] * kernel[1]
    pad = x_type.pad_value - x_type.zero_point
    flat = np.empty((groups, out_channels // groups, inner + 1), dtype=dtype)
    flat[..., :inner] = op.weight.reshape(groups, -1, inner)
    flat[..., inner] = op.bias.reshape(groups, -1)

    def kernel_of(x: Values) -> Values:
        batch = x.shape[-1]
        padded = _pad(_centre(x, x_type.zero_point, dtype), op.padding, pad)
        padded = padded.reshape(groups, channels, *padded.shape[1:])
        windows = np.empty((groups, inner + 1, rows * columns * batch), dtype=dtype)
        windows[:, inner] = 1  # meets the bias
        taps = windows[:, :inner].reshape(groups, channels, *kernel, rows, columns, batch)
        for i, row in enumerate(row_taps):
            for j, column in enumerate(column_taps):
                taps[:, :, i, j] = padded[:, :, row, column]
        out = np.empty((*flat.shape[:2], windows.shape[2]), dtype=dtype)
        for group in range(groups):
            matrix_product(flat[group], windows[group], out=out[group])
        return out.reshape(out_channels, rows, columns, batch)

    return kernel_of


def _linear(op: Linear, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    dtype = working_type(dot_bound(op.weight, op.bias, x_type))
    weight, bias = op.weight.astype(dtype), op.bias.astype(dtype)[:, None]

    def kernel_of(x: Values) -> Values:
        out = matrix_product(weight, _centre(x, x_type.zero_point, dtype))
        out += bias
        return out

    return kernel_of


def _pool_taps(op: MaxPool2d | AvgPool2d, x: Tensor) -> list[list[slice]]:
    return [
        _taps(x.shape[1 + a], op.kernel[a], op.stride[a], op.padding[a], 1)[1] for a in range(2)
    ]


def _max_pool2d(op: MaxPool2d, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    taps = _pool_taps(op, x_type)

    def kernel_of(x: Values) -> Values:
        x = _pad(x, op.padding, x_type.lo)  # no value is smaller, so padding never wins
        x = _reduce(np.maximum, [x[:, tap] for tap in taps[0]])
        return _reduce(np.maximum, [x[:, :, tap] for tap in taps[1]])

    return kernel_of


def _avg_pool2d(op: AvgPool2d, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    taps = _pool_taps(op, x_type)
    dtype = working_type(int(magnitudes(x_type).max()) * op.kernel[0] * op.kernel[1])

    def kernel_of(x: Values) -> Values:
        x = _pad(_centre(x, x_type.zero_point, dtype), op.padding, 0)
        x = _reduce(np.add, [x[:, tap] for tap in taps[0]])
        return _reduce(np.add, [x[:, :, tap] for tap in taps[1]])

    return kernel_of


def _reduce(combine: np.ufunc, views: list[Values]) -> Values:
    first, *rest = views
    if not rest:
        return first
    out: Values = combine(first, rest[0])
    for view in rest[1:]:
        combine(out, view, out=out)
    return out


def _add(op: Add, inputs: Sequence[Tensor]) -> Kernel:
    reaches = [int(magnitudes(x).max()) * m for x, m in zip(inputs, op.multipliers, strict=True)]
    dtype = working_type(sum(reaches))

    def kernel_of(*values: Values) -> Values:
        a, b = (
            _centre(x, of.zero_point, dtype) * dtype.type(m)
            for x, of, m in zip(values, inputs, op.multipliers, strict=True)
        )
        total: Values = a + b
        return total

    return kernel_of


def _concat(op: Concat, inputs: Sequence[Tensor]) -> Kernel:
    return lambda *values: np.concatenate(values)  # of formats, which any of the types holds


def _arg_max(op: ArgMax, inputs: Sequence[Tensor]) -> Kernel:
    return lambda x: np.argmax(x, axis=0, keepdims=True).astype(np.float32)  # 16 bits at most


def _flatten(op: Flatten, inputs: Sequence[Tensor]) -> Kernel:
    return lambda x: x.reshape(-1, x.shape[-1])


def _requantize(op: Requantize, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    largest = magnitudes(x_type)  # times a multiplier it stays below 2**62: range inference
    bound = int((largest * op.multiplier + (np.int64(1) << op.shift >> 1)).max())
    dtype = working_type(max(bound, int(largest.max())))
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
            product = _centre(x, x_type.zero_point, dtype) * multiplier
            return clamp(round_shift(product, shift, op.rounding))

        return integers

    # multiplier / 2**shift, exact: its numerator is one of the products that fit the mantissa
    factor = np.ldexp(multiplier.astype(dtype), -shift).astype(dtype)

    def floats(x: Values) -> Values:
        y = np.multiply(_centre(x, x_type.zero_point, dtype), factor)
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


GOLDEN: dict[type[Op], Callable[[Any, Sequence[Tensor]], Kernel]] = {
    Input: _input,
    Conv2d: _conv2d,
    Linear: _linear,
    MaxPool2d: _max_pool2d,
    AvgPool2d: _avg_pool2d,
    Add: _add,
    Concat: _concat,
    Flatten: _flatten,
    Requantize: _requantize,
    Threshold: _threshold,
    ArgMax: _arg_max,
}
