"""From the ops of a network to the layers that hardware is made of.

A layer is what one engine computes: a weighted op, a pool or a sum, and the requantizer, thresholds
or table that follow. `Flatten` needs no hardware, since pixels leave in the same order either
way; a `Linear` after it is a convolution whose kernel is the whole frame.
"""

__all__ = ["LAYERS", "find_layers"]

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.errors import PlanError
from hwgen.network.graph import Network, Node
from hwgen.network.inference import Tensor
from hwgen.network.ops import (
    Add,
    Affine,
    ArgMax,
    AvgPool1d,
    AvgPool2d,
    Concat,
    Conv,
    Conv1d,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Maximum,
    MaxPool,
    MaxPool1d,
    MaxPool2d,
    Minimum,
    Multiply,
    Op,
    Pool,
    PositionScale,
    Requantize,
    Table,
    Threshold,
)
from hwgen.network.rearranged import REARRANGED, rearranged
from hwgen.planning.layers.elements import element_encoding_of, elements_of
from hwgen.planning.layers.layer import INPUT, Frame, Layer, Pair, Sides

Made = Callable[[Any, Layer], Layer]
WITHOUT_EPILOGUE = (Concat, ArgMax, Maximum, Minimum)  # what follows is a layer of its own


def _frame_of(y: Tensor) -> Frame:
    """A length is an image of height 1, features are one pixel."""
    channels, *image = y.shape
    height, width = [1] * (2 - len(image)) + image
    return (channels, height, width)


def _planar(axes: tuple[int, ...]) -> Pair:
    """Return what is said of each spatial axis as (vertical, horizontal); a length lies across."""
    return (axes[-2] if len(axes) > 1 else 1, axes[-1])


def _sides(op: Conv | Pool) -> Sides:
    return (op.padding[-2] if op.rank > 1 else (0, 0), op.padding[-1])


def _weighted(layer: Layer, weight: npt.NDArray[np.int64], bias: npt.NDArray[np.int64]) -> Layer:
    """Give a layer its weights, (outputs, channels, kernel height, kernel width)."""
    # sum w * (x - z) = sum w * x - z * sum w: hardware sees x alone
    return replace(
        layer,
        weight=weight.transpose(0, 2, 3, 1),
        bias=bias - layer.x.zero_point * weight.sum(axis=(1, 2, 3)),
        kernel=(weight.shape[2], weight.shape[3]),
    )


def _conv(op: Conv, layer: Layer) -> Layer:
    layer = replace(
        layer,
        stride=_planar(op.stride),
        padding=_sides(op),
        dilation=_planar(op.dilation),
        groups=op.groups,
    )
    return _weighted(layer, op.weight.reshape(*op.weight.shape[:2], *_planar(op.kernel)), op.bias)


def _linear(op: Linear, layer: Layer) -> Layer:
    return _weighted(layer, op.weight.reshape(op.weight.shape[0], *layer.x_frame), op.bias)


def _pool(op: Pool, layer: Layer) -> Layer:
    kernel, stride = _planar(op.kernel), _planar(op.stride)
    return replace(layer, kernel=kernel, stride=stride, padding=_sides(op))


def _affine(op: Affine, layer: Layer) -> Layer:
    if layer.x_frame[0] != layer.x.channels:
        raise PlanError(
            f"{layer.name}: a factor per feature of a flattened image has no hardware; put it "
            "before flattening"
        )
    layer = replace(layer, y_frame=layer.x_frame, groups=len(op.weight))
    return _weighted(layer, op.weight[:, None, None, None], op.bias)


def _max_pool(op: MaxPool, layer: Layer) -> Layer:
    return replace(_pool(op, layer), pads_low=True, dilation=_planar(op.dilation))


# How many channels an op on each value by itself has constants for, one where they share them
CONSTANTS: dict[type[Op], Callable[[Any], int]] = {
    Requantize: lambda op: max(op.multiplier.size, op.shift.size),
    Threshold: lambda op: len(op.thresholds),
    Table: lambda op: len(op.entries),
}


def _alone(op: Requantize | Threshold | Table, layer: Layer) -> Layer:
    """A requantizer behind nothing to compute: a maximum over one pixel comes before it."""
    if CONSTANTS[type(op)](op) > 1 and layer.x_frame[0] != layer.x.channels:
        raise PlanError(
            f"{layer.name}: a multiplier, threshold or table per feature of a flattened image has "
            "no hardware; compute it before flattening"
        )
    return replace(layer, acc=layer.x, y_frame=layer.x_frame, epilogue=(op,))


def _scaled(op: PositionScale, layer: Layer) -> Layer:
    return replace(layer, y_frame=layer.x_frame)


def _concat(op: Concat, layer: Layer) -> Layer:
    if any(frame[1:] != layer.x_frame[1:] for frame in layer.x_frames):
        raise PlanError(
            f"{layer.name}: inputs must have images of one size, not {layer.x_frames}; "
            "flatten after joining, not before"
        )
    channels = sum(frame[0] for frame in layer.x_frames)
    if len(layer.x.shape) == 1 and layer.x_frame[1:] != (1, 1):
        raise PlanError(f"{layer.name}: flattened images cannot be joined; flatten after joining")
    return replace(layer, y_frame=(channels, *layer.x_frame[1:]))


def _elementwise(op: Add | Multiply | Maximum | Minimum, layer: Layer) -> Layer:
    frame = layer.x_frame
    for x, other in zip(layer.xs, layer.x_frames, strict=True):
        if other != frame and x.shape == layer.x.shape:
            raise PlanError(
                f"{layer.name}: inputs must have images of one shape, not {layer.x_frames}; "
                "flatten after joining, not before"
            )
    return replace(layer, y_frame=frame, spreads=True)


def _arg_max(op: ArgMax, layer: Layer) -> Layer:
    if layer.x_frame[1:] != (1, 1):
        raise PlanError(
            f"{layer.name}: the largest of a flattened image has no hardware; put a Linear between"
        )
    return layer


LAYERS: dict[type[Op], Made | None] = {
    Input: None,
    Flatten: None,
    **dict.fromkeys(REARRANGED),
    Conv1d: _conv,
    Conv2d: _conv,
    Linear: _linear,
    MaxPool1d: _max_pool,
    Affine: _affine,
    MaxPool2d: _max_pool,
    AvgPool1d: _pool,
    AvgPool2d: _pool,
    PositionScale: _scaled,
    Add: _elementwise,
    Concat: _concat,
    Multiply: _elementwise,
    Maximum: _elementwise,
    Minimum: _elementwise,
    ArgMax: _arg_max,
    Requantize: _alone,
    Threshold: _alone,
    Table: _alone,
}


def _takes_epilogue(op: Op, layer: Layer, network: Network, source: str) -> bool:
    """Say whether a requantizer or table of the value `source` becomes part of the layer."""
    if isinstance(op, Table):
        has_room = not any(isinstance(other, Table) for other in layer.epilogue)
    else:
        has_room = type(op) in CONSTANTS and not layer.epilogue
    return (
        has_room
        and layer.nodes[-1] == source
        and not isinstance(layer.op, WITHOUT_EPILOGUE)
        and not isinstance(network[source].op, Flatten)
        and len(network.users(source)) == 1
    )


def find_layers(network: Network) -> tuple[Layer, ...]:
    """Return the layers of a network, each after those it takes its inputs from.

    Raises
    ------
    PlanError : an op has no hardware, or the network has nothing to compute
    """
    layers: dict[str, Layer] = {}
    maker: dict[str, str] = {network.nodes[0].name: INPUT}  # of each node's value
    frames: dict[str, Frame] = {INPUT: _frame_of(network.input)}
    for node in network.nodes[1:]:
        made = LAYERS[type(node.op)]
        first = maker[node.inputs[0]]
        y = network.tensors[node.name]
        if made is None:
            _check_order(node, network)
            maker[node.name] = first
            if first != INPUT and len(network.users(node.inputs[0])) == 1:
                last = layers[first]
                layers[first] = replace(last, y=y, nodes=(*last.nodes, node.name))
            continue
        takes = first != INPUT and _takes_epilogue(node.op, layers[first], network, node.inputs[0])
        if isinstance(node.op, (Requantize, Threshold, Table)) and takes:
            last = layers[first]
            behind = (*last.epilogue, node.op)
            layers[first] = replace(last, y=y, epilogue=behind, nodes=(*last.nodes, node.name))
            maker[node.name] = first
            continue
        layers[node.name] = made(node.op, _blank(node, network, maker, frames))
        maker[node.name] = node.name
        frames[node.name] = layers[node.name].y_frame
    if not layers:
        raise PlanError("Network must have at least one op that computes something")
    return tuple(_as_elements(layer) for layer in layers.values())


def _check_order(node: Node, network: Network) -> None:
    """Refuse a value whose elements come in another order than those that it is of."""
    x, y = network.tensors[node.inputs[0]], network.tensors[node.name]
    if isinstance(node.op, Flatten):
        return
    order = rearranged(node.op, np.arange(math.prod(x.shape)).reshape(x.shape), x.shape)
    if _frame_of(x) != _frame_of(y) or not (order.reshape(-1) == np.arange(order.size)).all():
        kind = type(node.op).__name__
        raise PlanError(f"{node.name}: {kind} of {x.shape} to {y.shape} has no hardware")


def _as_elements(layer: Layer) -> Layer:
    """Return a layer of values as one of the elements that travel for them."""
    encodings = tuple(element_encoding_of(x) for x in layer.xs)
    bias = layer.bias
    if layer.weight is not None and bias is not None:
        # sum w * (base + step * e) = step * sum w * e + base * sum w
        bias = bias + encodings[0].base * layer.weight.sum(axis=(1, 2, 3))
    return replace(
        layer,
        xs=tuple(map(elements_of, layer.xs)),
        y=elements_of(layer.y),
        bias=bias,
        x_encodings=encodings,
        y_encoding=element_encoding_of(layer.y),
    )


def _blank(node: Node, network: Network, maker: dict[str, str], frames: dict[str, Frame]) -> Layer:
    """Return a layer with its streams, for `LAYERS` to complete."""
    sources = tuple(maker[name] for name in node.inputs)
    y = network.tensors[node.name]
    return Layer(
        name=node.name,
        nodes=(node.name,),
        sources=sources,
        op=node.op,
        xs=tuple(network.tensors[name] for name in node.inputs),
        acc=y,
        y=y,
        x_frames=tuple(frames[source] for source in sources),
        y_frame=_frame_of(y),
    )
