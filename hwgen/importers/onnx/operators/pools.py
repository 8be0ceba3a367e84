"""Pools."""

__all__ = ["POOLS"]

import math
from dataclasses import replace

import numpy as np

from hwgen.importers.growing import Refusal
from hwgen.importers.onnx.builder import Builder
from hwgen.importers.onnx.file import OnnxNode
from hwgen.importers.onnx.operators.shapes import axes_of, flattened
from hwgen.importers.onnx.operators.windows import Window, image, lying, shape_behind, window_of
from hwgen.importers.onnx.steps import Affine, as_fractions
from hwgen.importers.onnx.values import Joined, Value
from hwgen.network import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from hwgen.network.ranges import output_extent


def _spatial(size: tuple[int, ...], window: Window) -> list[int]:
    axes = zip(size, window.kernel, window.stride, window.padding, window.dilation, strict=True)
    return [output_extent(*axis, "input") for axis in axes]


def _max_pool(builder: Builder, node: OnnxNode) -> None:
    if len(node.outputs) > 1 and node.outputs[1]:
        raise Refusal("a MaxPool that gives indices", "use its maxima alone")
    value = builder.computed(node)
    value = value if isinstance(value, Joined) else builder.value(node)
    value = lying(builder, node, value)
    window = window_of(node, image(node, value))
    builder.give(node, _with_maxima(builder, node, value, window))


def _global_max_pool(builder: Builder, node: OnnxNode) -> None:
    value = lying(builder, node, builder.value(node))
    size = image(node, value)
    one = (1,) * len(size)
    builder.give(
        node, _with_maxima(builder, node, value, Window(size, one, one, ((0, 0),) * len(size)))
    )


def _with_maxima(
    builder: Builder, node: OnnxNode, value: Value | Joined, window: Window
) -> Value | Joined:
    size = image(node, value)
    spatial = _spatial(size, window)
    shape = shape_behind(node, value.shape[0], value.shape[value.channel_axis], spatial)
    if isinstance(value, Joined):
        parts = [_with_maxima(builder, node, part, window) for part in value.parts]
        return replace(value, parts=tuple(parts), shape=shape)  # type: ignore[arg-type]
    if not all(step.rises for step in value.steps):
        raise Refusal("a MaxPool of a function that falls", "put a quantizer in front of it")
    value = _rising(builder, value, node.inputs[0])
    pool = (MaxPool1d if len(size) == 1 else MaxPool2d)(
        window.kernel, window.stride, window.padding, window.dilation
    )
    return replace(value, pools=(*value.pools, pool), shape=shape)


def _rising(builder: Builder, value: Value, name: str) -> Value:
    """Return a value whose steps rise: the largest stays the largest."""
    channels = builder.type(value).channels
    sign = np.ones(channels, np.int64)
    for step in value.steps:
        if isinstance(step, Affine):
            sign = sign * np.array([-1 if f < 0 else 1 for f in step.factor])
    if (sign > 0).all():
        return value
    source = builder.negated(value.node, sign < 0, f"{name}.negated")
    first = Affine(as_fractions(sign.tolist()), as_fractions([0]))
    steps = value.steps
    if steps and isinstance(steps[0], Affine):
        first, steps = first.then(steps[0]), steps[1:]
    return replace(value, node=source, steps=(first, *steps))


def _averaged(builder: Builder, node: OnnxNode, window: Window, counts_zeros: bool) -> Value:
    value = lying(builder, node, builder.value(node))
    size = image(node, value)
    padding = window.padding
    if any(map(any, padding)) and not counts_zeros:
        raise Refusal(
            f"an {node.kind} that leaves padding out", "set count_include_pad, or no pads"
        )
    if max(window.dilation) > 1:
        raise Refusal(f"an {node.kind} with dilation", "use none")
    x = builder.type(value)
    plain = not value.pools and all(isinstance(step, Affine) for step in value.steps)
    if x.format is not None or not plain:
        value = builder.settled(value, node.inputs[0])
    step = value.steps[0] if value.steps else Affine.of()
    assert isinstance(step, Affine)
    if any(map(any, padding)):
        if (step.offset != 0).any():
            raise Refusal("zeros around values whose grid has no zero", "quantize in front of it")
        value = builder.plain_binary(value, node.inputs[0])
    pool = (AvgPool1d if len(size) == 1 else AvgPool2d)(window.kernel, window.stride, padding)
    found = builder.add(pool, [value.node], node.outputs[0])
    shape = shape_behind(
        node, value.shape[0], value.shape[value.channel_axis], builder.types[found].shape[1:]
    )
    behind = Affine(as_fractions(step.factor / math.prod(window.kernel)), step.offset)
    return Value(found, shape, value.axes, (behind,))


def _average_pool(builder: Builder, node: OnnxNode) -> None:
    size = image(node, lying(builder, node, builder.value(node)))
    plain = window_of(replace(node, attributes={**node.attributes, "ceil_mode": 0}), size)
    window = window_of(node, size)
    if window != plain:
        raise Refusal(f"an {node.kind} whose last windows are cut", "use ceil_mode=0")
    counts = bool(node.attributes.get("count_include_pad", 0))
    builder.give(node, _averaged(builder, node, window, counts))


def _global(builder: Builder, node: OnnxNode) -> Value:
    size = image(node, lying(builder, node, builder.value(node)))
    one = (1,) * len(size)
    window = Window(size, one, one, ((0, 0),) * len(size))
    return _averaged(builder, node, window, True)


def _global_average_pool(builder: Builder, node: OnnxNode) -> None:
    builder.give(node, _global(builder, node))


def _reduce_mean(builder: Builder, node: OnnxNode) -> None:
    value = builder.value(node)
    axes = axes_of(builder, node, len(value.shape))
    spatial = {n for n in range(1, len(value.shape)) if n != value.channel_axis}
    if set(axes) != spatial or not spatial:
        raise Refusal("a mean over other axes than the spatial ones", "use GlobalAveragePool")
    if value.axes != tuple(range(len(value.axes))):
        node = replace(node, domain="qonnx.custom_op.channels_last")
    found = _global(builder, node)
    if not node.attributes.get("keepdims", 1):
        found = flattened(builder, found, f"{node.outputs[0]}.flat")
    builder.give(node, found)


POOLS = {
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average_pool,
    "GlobalMaxPool": _global_max_pool,
    "ReduceMean": _reduce_mean,
}
