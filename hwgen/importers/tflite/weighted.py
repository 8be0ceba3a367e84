"""Convolutions and fully connected layers of TFLite."""

__all__ = ["WEIGHTED"]

import math
from collections.abc import Mapping

import numpy as np

from hwgen.errors import StoreError
from hwgen.formats import Fixed
from hwgen.importers.tflite.arithmetic import SAME, rounded_product_thresholds, same_padding
from hwgen.importers.tflite.builder import Builder, Refusal
from hwgen.importers.tflite.file import TfliteOperator
from hwgen.importers.tflite.settings import Convert, Pads, counted, fused, option, padding_of
from hwgen.importers.transposed import Phases, phases_of, weights_of_phases
from hwgen.network import Conv1d, Conv2d, Linear, PixelShuffle, Slice
from hwgen.network.ops import FloatArray, IntArray

MOST_FEATURES = 1 << 16  # of a layer, each with thresholds of its own
MOST_WEIGHTS = 1 << 24  # of all phases of a transposed convolution


def _weights(builder: Builder, number: int, axis: int) -> tuple[IntArray, FloatArray]:
    """Return integer weights and their scales, one or one a channel along an axis."""
    tensor = builder.tensor(number)
    if tensor.type != "INT8" or (tensor.zero_point != 0).any() or not tensor.scale.size:
        raise Refusal(f"weights of {tensor.type}", "quantize them to int8, symmetrically")
    data = builder.constant(number)
    if tensor.scale.size > 1 and (axis >= data.ndim or tensor.scale.size != data.shape[axis]):
        raise StoreError("scales of weights must be one, or one an output channel")
    return data, tensor.scale


def _bias(builder: Builder, number: int, channels: int, is_wide: bool) -> IntArray:
    """Return the bias that a tensor holds, zeros where it is left out."""
    if number < 0:
        return np.zeros(channels, np.int64)
    bias, kind = builder.constant(number), "INT64" if is_wide else "INT32"
    if bias.shape != (channels,) or builder.tensor(number).type != kind:
        raise Refusal(f"a bias of {builder.tensor(number).type}", f"make it {kind}, one a channel")
    if np.abs(bias.astype(np.float64)).max(initial=0) >= 1 << 46:
        raise StoreError("biases must be below 2**46")
    return bias.astype(np.int64)


def _is_wide(builder: Builder, x: int, out: int) -> bool:
    """Say whether values are of int16, and accumulators in the reference of 64 bits."""
    if builder.format(x) != builder.format(out) or not builder.format(x).signed:
        raise Refusal(
            f"weights between {builder.tensor(x).type} and {builder.tensor(out).type}",
            "quantize both ends to int8, or both to int16",
        )
    return builder.format(x).bits == 16


def _nth(operator: TfliteOperator, n: int) -> int:
    """Return an input, -1 where it is left out."""
    return operator.inputs[n] if len(operator.inputs) > n else -1


def _ratios(builder: Builder, x: int, out: int, scales: FloatArray) -> list[float]:
    """Return scales of accumulators over that of the output."""
    one, other = builder.scale(x), builder.scale(out)
    return [one * scale / other for scale in scales.tolist()]


def _conv_2d(builder: Builder, operator: TfliteOperator) -> None:
    weight, scales = _weights(builder, operator.inputs[1], 0)
    channels, *_ = builder.image(operator.inputs[0])
    if weight.ndim != 4 or channels % weight.shape[3]:
        raise StoreError("weights do not fit the input")
    groups = channels // weight.shape[3]
    _convolution(builder, operator, weight.transpose(0, 3, 1, 2), scales, groups)


def _depthwise_conv_2d(builder: Builder, operator: TfliteOperator) -> None:
    weight, scales = _weights(builder, operator.inputs[1], 3)
    channels, *_ = builder.image(operator.inputs[0])
    if weight.ndim != 4 or weight.shape[0] != 1 or weight.shape[3] % channels:
        raise StoreError("weights do not fit the input")
    _convolution(builder, operator, weight.transpose(3, 0, 1, 2), scales, channels)


def _convolution(
    builder: Builder, operator: TfliteOperator, weight: IntArray, scales: FloatArray, groups: int
) -> None:
    """Add a convolution and its requantizer; weights as a network has them."""
    x, (out,) = operator.inputs[0], operator.outputs
    _, *size = builder.image(x)
    kernel = weight.shape[2], weight.shape[3]
    stride, dilation, padding = padding_of(operator, (size[0], size[1]), kernel)
    if x in builder.pads:  # zeros around zeros
        x, around = builder.pads[x]
        padding = _both(padding, around)
    is_wide = _is_wide(builder, x, out)
    bias = _bias(builder, _nth(operator, 2), len(weight), is_wide)
    op = Conv2d(weight, bias, Fixed(8), scales, stride, padding, dilation, groups)
    sums = builder.add(op, [builder.value(x)], builder.tensor(out).name, "acc")
    reals = _ratios(builder, x, out, scales)
    requantize = builder.requantize(out, reals, fused(operator), is_wide)
    builder.finish(operator, requantize, [sums])


def _both(one: Pads, other: Pads) -> Pads:
    """Return one padding around the other."""
    (a, b), (c, d) = one
    (e, f), (g, h) = other
    return (a + e, b + f), (c + g, d + h)


def _transpose_conv(builder: Builder, operator: TfliteOperator) -> None:
    """Add a convolution that makes all phases of a pixel, and what puts them side by side."""
    x, (out,) = operator.inputs[2], operator.outputs
    weight, scales = _weights(builder, operator.inputs[1], 0)
    channels, *size = builder.image(x)
    outs, *made = builder.image(out)
    if weight.ndim != 4 or weight.shape[0] != outs or weight.shape[3] != channels:
        raise StoreError("weights do not fit the input")
    axes = []
    for extent, count, kernel, name in zip(
        size, made, weight.shape[1:3], ("StrideH", "StrideW"), strict=True
    ):
        stride = option(operator, name)
        if stride < 1:
            raise StoreError("strides must be at least 1")
        before, _ = same_padding(count, kernel, stride, 1)
        if option(operator, "Padding") != SAME:
            before = 0
        axes.append(phases_of(extent, count, kernel, stride, before))
    taps = math.prod(axis.stride * axis.kernel for axis in axes)
    if outs * channels * taps > MOST_WEIGHTS:
        raise Refusal(f"a TRANSPOSE_CONV of more than {MOST_WEIGHTS} weights")
    _side_by_side(builder, operator, weight.transpose(0, 3, 1, 2), scales, axes)


def _side_by_side(
    builder: Builder,
    operator: TfliteOperator,
    weight: IntArray,
    scales: FloatArray,
    axes: list[Phases],
) -> None:
    x, (out,), name = (
        operator.inputs[2],
        operator.outputs,
        builder.tensor(operator.outputs[0]).name,
    )
    each = axes[0].stride * axes[1].stride
    is_wide = _is_wide(builder, x, out)
    bias = _bias(builder, _nth(operator, 3), len(weight), is_wide).repeat(each)
    repeated = scales if scales.size == 1 else scales.repeat(each)
    padding = axes[0].padding, axes[1].padding
    conv = Conv2d(weights_of_phases(weight, axes), bias, Fixed(8), repeated, (1, 1), padding)
    made = builder.add(conv, [builder.value(x)], name, "acc")
    reals = _ratios(builder, x, out, repeated)
    requantize = builder.requantize(out, reals, fused(operator), is_wide)
    moves: list[PixelShuffle | Slice] = []
    if each > 1:
        moves.append(PixelShuffle((axes[0].stride, axes[1].stride)))
    if any(axis.is_cut for axis in axes):
        start, count = (0, *(a.start for a in axes)), (len(weight), *(a.count for a in axes))
        moves.append(Slice(start, count, (1, 1, 1)))
    ops = (requantize, *moves)
    for op, what in zip(ops[:-1], ("phases", "shuffle"), strict=False):
        made = builder.add(op, [made], name, what)
    builder.finish(operator, ops[-1], [made])


def _fully_connected(builder: Builder, operator: TfliteOperator) -> None:
    x, (out,) = operator.inputs[0], operator.outputs
    weight, scales = _weights(builder, operator.inputs[1], 0)
    if weight.ndim != 2:
        raise StoreError("weights do not fit the input")
    if option(operator, "WeightsFormat"):
        raise Refusal("shuffled weights")
    if _is_wide(builder, x, out):
        raise Refusal("a FULLY_CONNECTED of int16", "make it a CONV_2D, or quantize to int8")
    if len(weight) > MOST_FEATURES:
        raise Refusal(f"a FULLY_CONNECTED of more than {MOST_FEATURES} features")
    bias = _bias(builder, _nth(operator, 2), len(weight), is_wide=False)
    shape, made = builder.shape(x), builder.shape(out)
    if made == (len(weight),):
        features = builder.flat(x)
        op: Linear | Conv1d | Conv2d = Linear(weight, bias, Fixed(8), scales)
    elif made == (len(weight), *shape[1:]):
        features, ones = builder.value(x), (1,) * len(shape[1:])
        conv = Conv2d if len(shape) == 3 else Conv1d
        op = conv(weight.reshape(*weight.shape, *ones), bias, Fixed(8), scales)
    else:
        raise Refusal(
            f"a FULLY_CONNECTED from {builder.tensor(x).shape} to {builder.tensor(out).shape}",
            "reshape to (1, features) before it",
        )
    zero, (lo, hi) = builder.zero_point(out), builder.clamp(out, fused(operator))
    rows = [
        rounded_product_thresholds(real, (lo - zero, hi - zero))
        for real in _ratios(builder, x, out, scales)
    ]
    sums = builder.add(op, [features], builder.tensor(out).name, "acc")
    builder.finish(operator, counted(builder, out, np.array(rows), lo), [sums])


WEIGHTED: Mapping[str, Convert] = {
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "TRANSPOSE_CONV": _transpose_conv,
    "FULLY_CONNECTED": _fully_connected,
}
