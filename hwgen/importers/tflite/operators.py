"""What each operator of TFLite becomes."""

__all__ = ["CONVERT"]

from collections.abc import Callable

import numpy as np

from hwgen.errors import StoreError
from hwgen.formats import Fixed
from hwgen.importers.growing import Refusal, counted
from hwgen.importers.sums import find_sum
from hwgen.importers.tflite.arithmetic import (
    LEFT_SHIFT,
    NONE,
    SAME,
    rounded_product_thresholds,
    same_padding,
    sum_multipliers,
)
from hwgen.importers.tflite.builder import Builder
from hwgen.importers.tflite.file import TfliteOperator
from hwgen.network import Add, AvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, Requantize, Threshold
from hwgen.network.inference import round_shift
from hwgen.network.ops import FloatArray, IntArray

Pads = tuple[tuple[int, int], tuple[int, int]]


def _option(operator: TfliteOperator, name: str) -> int:
    return int(operator.options.get(name, 0))


def _function(operator: TfliteOperator) -> int:
    return _option(operator, "FusedActivationFunction")


def _padding(
    operator: TfliteOperator, size: tuple[int, int], kernel: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int], Pads]:
    """Return stride, dilation and padding."""
    stride = _option(operator, "StrideH"), _option(operator, "StrideW")
    dilation = (
        max(1, _option(operator, "DilationHFactor")),
        max(1, _option(operator, "DilationWFactor")),
    )
    if min(stride) < 1:
        raise StoreError("strides must be at least 1")
    if _option(operator, "Padding") != SAME:
        return stride, dilation, ((0, 0), (0, 0))
    rows, columns = (
        same_padding(n, k, s, d) for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)
    )
    return stride, dilation, (rows, columns)


def _weights(builder: Builder, number: int) -> tuple[IntArray, FloatArray]:
    """Return integer weights and their scales."""
    tensor = builder.tensor(number)
    if tensor.type != "INT8" or (tensor.zero_point != 0).any() or not tensor.scale.size:
        raise Refusal(f"weights of {tensor.type}", "quantize them to int8, symmetrically")
    return builder.constant(number), tensor.scale


def _bias(builder: Builder, operator: TfliteOperator, channels: int) -> IntArray:
    if len(operator.inputs) < 3 or operator.inputs[2] < 0:
        return np.zeros(channels, np.int64)
    bias = builder.constant(operator.inputs[2])
    if bias.dtype.kind != "i" or bias.shape != (channels,):
        raise Refusal("a bias that is no integer a channel")
    return bias.astype(np.int64)


def _ratios(builder: Builder, operator: TfliteOperator, scales: FloatArray) -> list[float]:
    """Return scales of accumulators over that of the output."""
    x, out = builder.scale(operator.inputs[0]), builder.scale(operator.outputs[0])
    return [x * scale / out for scale in scales.tolist()]


def _conv_2d(builder: Builder, operator: TfliteOperator) -> None:
    weight, scales = _weights(builder, operator.inputs[1])
    channels, *size = builder.image(operator.inputs[0])
    if weight.ndim != 4 or channels % weight.shape[3]:
        raise StoreError("weights do not fit the input")
    kernel = weight.shape[1], weight.shape[2]
    stride, dilation, padding = _padding(operator, (size[0], size[1]), kernel)
    op = Conv2d(
        weight.transpose(0, 3, 1, 2),
        _bias(builder, operator, weight.shape[0]),
        Fixed(8),
        scales,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=channels // weight.shape[3],
    )
    _with_weights(builder, operator, op, scales)


def _with_weights(
    builder: Builder, operator: TfliteOperator, op: Conv2d, scales: FloatArray
) -> None:
    """Add a convolution and its requantizer."""
    x, out = operator.inputs[0], operator.outputs[0]
    sums = builder.add(op, [builder.value(x)], f"{builder.tensor(out).name}.acc")
    reals = _ratios(builder, operator, scales)
    builder.finish(operator, builder.requantize(out, reals, _function(operator)), [sums])


def _depthwise_conv_2d(builder: Builder, operator: TfliteOperator) -> None:
    weight, scales = _weights(builder, operator.inputs[1])
    channels, *size = builder.image(operator.inputs[0])
    if weight.ndim != 4 or weight.shape[0] != 1 or weight.shape[3] % channels:
        raise StoreError("weights do not fit the input")
    kernel = weight.shape[1], weight.shape[2]
    stride, dilation, padding = _padding(operator, (size[0], size[1]), kernel)
    op = Conv2d(
        weight.transpose(3, 0, 1, 2),
        _bias(builder, operator, weight.shape[3]),
        Fixed(8),
        scales,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=channels,
    )
    _with_weights(builder, operator, op, scales)


def _fully_connected(builder: Builder, operator: TfliteOperator) -> None:
    weight, scales = _weights(builder, operator.inputs[1])
    x = operator.inputs[0]
    shape = builder.tensor(x).shape
    if weight.ndim != 2 or shape[:1] != (1,):
        raise StoreError("weights do not fit the input")
    if len(shape) == 4 and builder.image(x)[1:] != (1, 1) or len(shape) not in (2, 4):
        raise Refusal(f"a FULLY_CONNECTED of shape {shape}", "reshape to (1, features) before it")
    if _option(operator, "WeightsFormat"):
        raise Refusal("shuffled weights")
    order = builder.orders.get(x)
    if order is not None:
        weight = weight[:, order]
    op = Linear(weight, _bias(builder, operator, len(weight)), Fixed(8), scales)
    (out,) = operator.outputs
    zero, (lo, hi) = builder.zero_point(out), builder.clamp(out, _function(operator))
    rows = [
        rounded_product_thresholds(real, (lo - zero, hi - zero))
        for real in _ratios(builder, operator, scales)
    ]
    name = builder.tensor(out).name
    sums = builder.add(op, [builder.value(x)], f"{name}.acc")
    builder.finish(operator, _counted(builder, out, np.array(rows), lo), [sums])


def _add(builder: Builder, operator: TfliteOperator) -> None:
    (out,), (a, b) = operator.outputs, operator.inputs
    if builder.tensor(a).shape != builder.tensor(b).shape:
        raise Refusal("an ADD of two shapes", "give both the same shape")
    if {builder.format(n) for n in (a, b, out)} != {Fixed(8)}:
        raise Refusal("an ADD of int16", "quantize to int8")
    scales = builder.scale(a), builder.scale(b)
    zeros = builder.zero_point(a), builder.zero_point(b)
    *inputs, (q, shift) = sum_multipliers(scales, builder.scale(out))
    x = np.arange(-128, 128)
    scaled = [
        np.array([round_shift((n << LEFT_SHIFT) * by, s, "double") for n in (x - zero).tolist()])
        for zero, (by, s) in zip(zeros, inputs, strict=True)
    ]
    lo, hi = builder.clamp(out, _function(operator))
    raw = (scaled[0][:, None] + scaled[1][None, :]).ravel().tolist()
    zero = builder.zero_point(out)
    y = np.array([min(max(zero + round_shift(n * q, shift, "double"), lo), hi) for n in raw])
    found = find_sum(y.reshape(256, 256), scales[0] / scales[1], (x - zeros[0], x - zeros[1]))
    if found is None:
        raise Refusal("an ADD of scales that are too far apart")
    name = builder.tensor(out).name
    sums = builder.add(Add((found.a, found.b)), [builder.value(a), builder.value(b)], f"{name}.acc")
    builder.finish(operator, _counted(builder, out, found.thresholds, int(y.min())), [sums])


def _counted(builder: Builder, out: int, thresholds: IntArray, lo: int) -> Threshold | Requantize:
    """Return what counts thresholds; where there are none, the output is the same for all."""
    return counted(thresholds, builder.format(out), builder.scale(out), builder.zero_point(out), lo)


def _window(operator: TfliteOperator) -> tuple[int, int]:
    kernel = _option(operator, "FilterHeight"), _option(operator, "FilterWidth")
    if min(kernel) < 1:
        raise StoreError("a window must have at least one element")
    return kernel


def _average_pool_2d(builder: Builder, operator: TfliteOperator) -> None:
    (x,), (out,) = operator.inputs, operator.outputs
    _, *size = builder.image(x)
    kernel = _window(operator)
    stride, _, padding = _padding(operator, (size[0], size[1]), kernel)
    if any(sum(sides) for sides in padding):
        raise Refusal("an AVERAGE_POOL_2D with padding", "use VALID, or a window that divides")
    _check_equal_grids(builder, x, out)
    name, count = builder.tensor(out).name, kernel[0] * kernel[1]
    sums = builder.add(AvgPool2d(kernel, stride), [builder.value(x)], f"{name}.acc")
    lo, hi = builder.clamp(out, _function(operator))
    # averages of the integers as they are, whatever their zero point
    least = np.array([_least_sum(y, count) for y in range(lo + 1, hi + 1)], np.int64)
    thresholds = least - count * builder.zero_point(x)
    builder.finish(operator, _counted(builder, out, thresholds, lo), [sums])


def _least_sum(y: int, count: int) -> int:
    """Return the least sum whose average, rounded half away from zero by division in C, is at
    least y."""
    half = count // 2
    return count * y - half if y > 0 else count * (y - 1) + half + 1


def _check_equal_grids(builder: Builder, x: int, out: int) -> None:
    same = builder.scale(x) == builder.scale(out) and builder.zero_point(x) == builder.zero_point(
        out
    )
    if not same or builder.format(x) != builder.format(out):
        raise Refusal("a pool that changes the scale")


def _max_pool_2d(builder: Builder, operator: TfliteOperator) -> None:
    (x,), (out,) = operator.inputs, operator.outputs
    _, *size = builder.image(x)
    kernel = _window(operator)
    stride, _, padding = _padding(operator, (size[0], size[1]), kernel)
    _check_equal_grids(builder, x, out)
    pool, of = MaxPool2d(kernel, stride, padding), builder.format(out)
    clamp = builder.clamp(out, _function(operator))
    if clamp == (of.lo, of.hi):
        builder.finish(operator, pool, [builder.value(x)])
        return
    largest = builder.add(pool, [builder.value(x)], f"{builder.tensor(out).name}.max")
    builder.finish(operator, _clamped(builder, out, clamp), [largest])


def _clamped(builder: Builder, out: int, clamp: tuple[int, int]) -> Requantize:
    return Requantize(
        np.array([1]),
        np.array([0]),
        builder.format(out),
        np.array([builder.scale(out)]),
        builder.zero_point(out),
        *clamp,
    )


def _reshape(builder: Builder, operator: TfliteOperator) -> None:
    x, (out,) = operator.inputs[0], operator.outputs
    before, after = builder.tensor(x).shape, builder.tensor(out).shape
    if before == after:
        builder.gives(out, builder.value(x))
        return
    if len(before) != 4 or len(after) != 2 or before[0] != after[0] != 1:
        raise Refusal(f"a RESHAPE from {before} to {after}", "flatten an image to (1, features)")
    channels, height, width = builder.image(x)
    builder.finish(operator, Flatten(), [builder.value(x)])
    places = np.arange(channels * height * width).reshape(height, width, channels)
    builder.orders[out] = places.transpose(2, 0, 1).ravel()


def _requantized(builder: Builder, operator: TfliteOperator, function: int) -> None:
    (x,), (out,) = operator.inputs, operator.outputs
    real = builder.scale(x) / builder.scale(out)
    builder.finish(operator, builder.requantize(out, [real], function), [builder.value(x)])


CONVERT: dict[str, Callable[[Builder, TfliteOperator], None]] = {
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "FULLY_CONNECTED": _fully_connected,
    "ADD": _add,
    "AVERAGE_POOL_2D": _average_pool_2d,
    "MAX_POOL_2D": _max_pool_2d,
    "RESHAPE": _reshape,
    "QUANTIZE": lambda builder, operator: _requantized(builder, operator, NONE),
}
