"""Convolutions and matrix products."""

__all__ = ["WEIGHTED"]

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from hwgen.errors import StoreError
from hwgen.importers.growing import Refusal
from hwgen.importers.onnx.builder import Builder
from hwgen.importers.onnx.file import OnnxNode
from hwgen.importers.onnx.operators.moves import moved_of
from hwgen.importers.onnx.operators.windows import (
    CHANNELS_LAST,
    MOST,
    image,
    lying,
    shape_behind,
    window_of,
)
from hwgen.importers.onnx.steps import Affine, Fractions, as_fractions
from hwgen.importers.onnx.tensors import Known
from hwgen.importers.onnx.values import Constant, Moved, Sum, Value, network_shape
from hwgen.importers.onnx.weights import add_dot, integer_weights
from hwgen.importers.rearrangements import frame_of
from hwgen.importers.transposed import Phases, phases_of, side_by_side, weights_of_phases
from hwgen.network import Conv1d, Conv2d, Linear


def _fractions(constant: Constant, size: int) -> Fractions:
    """Return a bias: one, or one a channel."""
    if constant.data.size not in (1, size) or constant.data.squeeze().ndim > 1:
        raise StoreError(f"bias must have {size} values, not shape {constant.shape}")
    if constant.integers is not None and constant.unit is not None:
        integers, units = constant.integers.ravel(), constant.unit.ravel()
        factors = np.array([as_fractions([u])[0] for u in units.tolist()], dtype=object)
        return as_fractions(integers.astype(object) * factors)
    return as_fractions(constant.data.ravel().tolist())


def _settled(
    builder: Builder, x: Known, name: str
) -> tuple[Value, tuple[tuple[int, int], ...] | None]:
    """Return a value of a format, and the zeros around it."""
    if isinstance(x, Constant):
        raise Refusal(
            "a constant as what weights meet", "fold constants: onnxsim, or qonnx-cleanup"
        )
    if isinstance(x, Moved) and x.has_constants and x.fill == 0 and not isinstance(x.source, Sum):
        frame = frame_of(x.in_network, network_shape(x.source))
        if frame is not None and not any(frame[0]):
            return builder.settled(x.source, f"{name}.from"), frame[1:]
    return builder.settled(x, name), None


def _conv_of(
    builder: Builder, node: OnnxNode, x: Known, weight: Known, bias: Known | None, name: str
) -> Value:
    if not isinstance(weight, Constant) or (bias is not None and not isinstance(bias, Constant)):
        raise Refusal("weights that are computed", "make them constants")
    value, before = _settled(builder, x, node.inputs[0])
    value = lying(builder, node, value)
    size = image(node, value)
    if weight.data.ndim != len(size) + 2 or 0 in weight.shape:
        raise StoreError(f"weights of shape {weight.shape} do not fit an input of {value.shape}")
    if node.domain == CHANNELS_LAST:
        weight = weight.moved(lambda a: np.moveaxis(a, -1, 1))
    rows, inner, *kernel = weight.shape
    groups = int(node.attributes.get("group", 1))
    channels = value.shape[value.channel_axis]
    if groups < 1 or rows % groups or inner * groups != channels:
        raise StoreError(
            f"{groups} groups of weights {weight.shape} do not fit {channels} channels"
        )
    window = window_of(node, size, kernel, before)
    padded = any(map(any, window.padding))
    if padded:
        value = builder.plain_binary(value, node.inputs[0])
    made = partial(
        Conv1d if len(size) == 1 else Conv2d,
        stride=window.stride,
        padding=window.padding,
        dilation=window.dilation,
        groups=groups,
    )
    of = None if bias is None else _fractions(bias, rows)
    found, steps = add_dot(builder, value, weight, of, made, name, groups, padded)
    shape = shape_behind(node, value.shape[0], rows, builder.types[found].shape[1:])
    return Value(found, shape, value.axes, steps)


def _conv(builder: Builder, node: OnnxNode) -> None:
    bias = builder.get(node, 2) if builder.has(node, 2) else None
    x, weight = builder.get(node, 0), builder.get(node, 1)
    builder.give(node, _conv_of(builder, node, x, weight, bias, node.outputs[0]))


def _transposed_axes(
    node: OnnxNode, size: tuple[int, ...], kernel: tuple[int, ...]
) -> list[Phases]:
    """Return the axes of a transposed convolution."""
    rank = len(size)
    window = window_of(replace(node, attributes={**node.attributes, "auto_pad": ""}), size, kernel)
    more = [int(n) for n in node.attributes.get("output_padding", [0] * rank)]
    wanted = node.attributes.get("output_shape")
    mode = node.attributes.get("auto_pad", "NOTSET")
    if wanted is None and mode.startswith("SAME"):
        wanted = [n * s for n, s in zip(size, window.stride, strict=True)]
    axes = []
    for n in range(rank):
        span = window.dilation[n] * (kernel[n] - 1) + 1
        whole = window.stride[n] * (size[n] - 1) + span + more[n]
        before, count = window.padding[n][0], whole - sum(window.padding[n])
        if mode == "VALID":
            before, count = 0, whole
        elif wanted is not None:
            count = int(wanted[-rank:][n])
            half = (whole - count) // 2
            before = half if mode == "SAME_UPPER" else whole - count - half
        if not (more[n] >= 0 and 1 <= count <= MOST and 0 <= before <= whole):
            raise StoreError(f"{node.kind} of {size} must give at least one pixel, not {count}")
        axes.append(
            phases_of(size[n], count, kernel[n], window.stride[n], before, window.dilation[n])
        )
    return axes


def _conv_transpose(builder: Builder, node: OnnxNode) -> None:
    weight = builder.constant(node, 1, "weights")
    bias = builder.constant(node, 2, "biases") if builder.has(node, 2) else None
    value = lying(builder, node, builder.settled(builder.computed(node), node.inputs[0]))
    size = image(node, value)
    groups = int(node.attributes.get("group", 1))
    if weight.data.ndim != len(size) + 2 or 0 in weight.shape or groups < 1:
        raise StoreError(f"weights of shape {weight.shape} do not fit an input of {value.shape}")
    inner, rows, *kernel = weight.shape
    if inner % groups or inner != value.shape[value.channel_axis]:
        raise StoreError(f"{groups} groups of weights {weight.shape} do not fit {value.shape}")

    def outputs_first(a: Any) -> Any:
        by = a.reshape(groups, inner // groups, rows, *kernel).swapaxes(1, 2)
        return by.reshape(groups * rows, inner // groups, *kernel)

    axes = _transposed_axes(node, size, tuple(kernel))
    integers, units = integer_weights(weight.moved(outputs_first))
    phases = math.prod(axis.stride for axis in axes)
    spread = weights_of_phases(integers, axes)
    real = np.array([float(u) for u in units]).repeat(phases)
    unit = np.broadcast_to(real.reshape(-1, *[1] * (spread.ndim - 1)), spread.shape)
    padding = tuple(axis.padding for axis in axes)
    made = partial(Conv1d if len(size) == 1 else Conv2d, padding=padding, groups=groups)
    of = None if bias is None else np.broadcast_to(_fractions(bias, groups * rows), groups * rows)
    of = None if of is None else as_fractions(np.repeat(of, phases))
    padded = any(map(any, padding))
    if padded:
        value = builder.plain_binary(value, node.inputs[0])
    conv = Constant(spread * unit, spread, unit, weight.bits)
    name = node.outputs[0] if phases == 1 else f"{node.outputs[0]}.phases"
    found, steps = add_dot(builder, value, conv, of, made, name, groups, padded)
    sizes = builder.types[found].shape
    sums = Value(found, (value.shape[0], *sizes), tuple(range(len(sizes))), steps)
    builder.give(node, moved_of(builder, sums, lambda index: side_by_side(index, axes)))


def _matrix(
    builder: Builder, x: Known, weight: Known, bias: Fractions | None, inner: str, name: str
) -> Value:
    """Return x times a matrix of (out, in)."""
    if not isinstance(weight, Constant):
        raise Refusal("a product of two values that are computed", "make one of them a constant")
    if weight.data.ndim != 2 or 0 in weight.shape:
        raise Refusal(f"a matrix of shape {weight.shape}", "use two axes")
    if isinstance(x, Constant):
        raise Refusal("a matrix of constants alone", "fold constants: onnxsim, or qonnx-cleanup")
    value = builder.settled(x, inner)
    if value.shape[-1] != weight.shape[1]:
        raise StoreError(f"a matrix of shape {weight.shape} does not fit {value.shape}")
    if len(value.shape) == 2:
        if value.order is not None:
            order = value.order
            weight = weight.moved(lambda a: a[:, order])
        found, steps = add_dot(builder, value, weight, bias, Linear, name)
        return Value(found, (value.shape[0], len(weight.data)), (0,), steps)
    if value.channel_axis != len(value.shape) - 1:
        raise Refusal(
            "a matrix product along another axis than the channels", "transpose before it"
        )
    spatial = len(value.shape) - 2
    weight = weight.moved(lambda a: a.reshape(*a.shape, *[1] * spatial))
    found, steps = add_dot(builder, value, weight, bias, Conv1d if spatial == 1 else Conv2d, name)
    return Value(found, (*value.shape[:-1], len(weight.data)), value.axes, steps)


def _mat_mul(builder: Builder, node: OnnxNode) -> None:
    x, weight = builder.get(node, 0), builder.get(node, 1)
    if isinstance(weight, Constant):
        weight = weight.moved(lambda a: a.T)
    elif isinstance(x, Constant):
        raise Refusal("a matrix in front of what is computed", "put it behind, transposed")
    builder.give(node, _matrix(builder, x, weight, None, node.inputs[0], node.outputs[0]))


def _gemm(builder: Builder, node: OnnxNode) -> None:
    x, weight = builder.get(node, 0), builder.get(node, 1)
    get = node.attributes.get
    if get("transA", 0):
        raise Refusal("a transposed input", "transpose before it")
    if isinstance(weight, Constant) and not get("transB", 0):
        weight = weight.moved(lambda a: a.T)
    alpha, beta = (as_fractions([get(name, 1.0)])[0] for name in ("alpha", "beta"))
    bias = None
    if builder.has(node, 2):
        rows = weight.shape[0]
        bias = as_fractions(beta * _fractions(builder.constant(node, 2, "biases"), rows))
    inner = None if alpha != 1 else bias
    value: Known = _matrix(builder, x, weight, inner, node.inputs[0], node.outputs[0])
    if alpha != 1:
        assert not isinstance(value, Constant)
        offset = as_fractions([0]) if bias is None else bias
        value = builder.step(value, Affine(as_fractions([alpha]), offset))
    builder.give(node, value)


WEIGHTED = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "MatMul": _mat_mul,
    "Gemm": _gemm,
}
