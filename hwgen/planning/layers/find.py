"""From the ops of a network to the layers that hardware is made of.

A layer is what one engine computes: a weighted op, a pool or a sum, and the requantizer or
thresholds that follow. `Flatten` needs no hardware, since pixels leave in the same order either
way; a `Linear` after it is a convolution whose kernel is the whole frame.
"""

__all__ = ["LAYERS", "find_ends", "find_layers"]

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.errors import PlanError
from hwgen.network.graph import Network, Node
from hwgen.network.inference import Tensor
from hwgen.network.ops import (
    Add,
    ArgMax,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Input,
    Linear,
    MaxPool2d,
    Op,
    Requantize,
    Threshold,
)
from hwgen.planning.layers.elements import element_encoding_of, elements_of
from hwgen.planning.layers.layer import INPUT, Frame, Layer

Made = Callable[[Any, Layer], Layer]


def _frame_of(y: Tensor) -> Frame:
    return (y.shape[0], y.shape[1], y.shape[2]) if len(y.shape) == 3 else (y.shape[0], 1, 1)


def _weighted(layer: Layer, weight: npt.NDArray[np.int64], bias: npt.NDArray[np.int64]) -> Layer:
    """Give a layer its weights, (outputs, channels, kernel height, kernel width)."""
    # sum w * (x - z) = sum w * x - z * sum w: hardware sees x alone
    return replace(
        layer,
        weight=weight.transpose(0, 2, 3, 1),
        bias=bias - layer.x.zero_point * weight.sum(axis=(1, 2, 3)),
        kernel=(weight.shape[2], weight.shape[3]),
    )


def _conv2d(op: Conv2d, layer: Layer) -> Layer:
    layer = replace(
        layer, stride=op.stride, padding=op.padding, dilation=op.dilation, groups=op.groups
    )
    return _weighted(layer, op.weight, op.bias)


def _linear(op: Linear, layer: Layer) -> Layer:
    return _weighted(layer, op.weight.reshape(op.weight.shape[0], *layer.x_frame), op.bias)


def _pool(op: MaxPool2d | AvgPool2d, layer: Layer) -> Layer:
    return replace(layer, kernel=op.kernel, stride=op.stride, padding=op.padding)


def _max_pool(op: MaxPool2d, layer: Layer) -> Layer:
    return replace(_pool(op, layer), pads_low=True)


def _alone(op: Requantize | Threshold, layer: Layer) -> Layer:
    """A requantizer behind nothing to compute: a maximum over one pixel comes before it."""
    rows = len(op.thresholds) if isinstance(op, Threshold) else op.multiplier.size
    rows = max(rows, op.shift.size) if isinstance(op, Requantize) else rows
    if rows > 1 and layer.x_frame[0] != layer.x.channels:
        raise PlanError(
            f"{layer.name}: a multiplier or threshold per feature of a flattened image has no "
            "hardware; requantize before flattening"
        )
    return replace(layer, acc=layer.x, y_frame=layer.x_frame, epilogue=op)


def _joined(op: Add | Concat, layer: Layer) -> Layer:
    if any(frame[1:] != layer.x_frame[1:] for frame in layer.x_frames):
        raise PlanError(
            f"{layer.name}: inputs must have images of one size, not {layer.x_frames}; "
            "flatten after joining, not before"
        )
    if isinstance(op, Add) and len(set(layer.x_frames)) > 1:
        raise PlanError(f"{layer.name}: inputs must have equal shapes, not {layer.x_frames}")
    channels = (
        sum(frame[0] for frame in layer.x_frames) if isinstance(op, Concat) else layer.x_frame[0]
    )
    if isinstance(op, Concat) and len(layer.x.shape) == 1 and layer.x_frame[1:] != (1, 1):
        raise PlanError(f"{layer.name}: flattened images cannot be joined; flatten after joining")
    return replace(layer, y_frame=(channels, *layer.x_frame[1:]))


def _arg_max(op: ArgMax, layer: Layer) -> Layer:
    if layer.x_frame[1:] != (1, 1):
        raise PlanError(
            f"{layer.name}: the largest of a flattened image has no hardware; put a Linear between"
        )
    return layer


LAYERS: dict[type[Op], Made | None] = {
    Input: None,
    Flatten: None,
    Conv2d: _conv2d,
    Linear: _linear,
    MaxPool2d: _max_pool,
    AvgPool2d: _pool,
    Add: _joined,
    Concat: _joined,
    ArgMax: _arg_max,
    Requantize: _alone,
    Threshold: _alone,
}


def _takes_epilogue(layer: Layer, network: Network, source: str) -> bool:
    """Say whether a requantizer of the value `source` becomes part of the layer."""
    return (
        layer.epilogue is None
        and layer.nodes[-1] == source
        and all(end.node != source for end in network.ends)
        and not isinstance(layer.op, (Concat, ArgMax))
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
    alone = len(network.inputs) == 1
    maker = {name: INPUT if alone else name for name in network.inputs}  # of each node's value
    frames = {maker[name]: _frame_of(x) for name, x in network.inputs.items()}
    for node in network.nodes:
        if node.name in network.inputs:
            continue
        made = LAYERS[type(node.op)]
        first = maker[node.inputs[0]]
        y = network.tensors[node.name]
        if made is None:
            maker[node.name] = first
            if first in layers and len(network.users(node.inputs[0])) == 1:
                last = layers[first]
                layers[first] = replace(last, y=y, nodes=(*last.nodes, node.name))
            continue
        takes = first in layers and _takes_epilogue(layers[first], network, node.inputs[0])
        if isinstance(node.op, (Requantize, Threshold)) and takes:
            last = layers[first]
            layers[first] = replace(last, y=y, epilogue=node.op, nodes=(*last.nodes, node.name))
            maker[node.name] = first
            continue
        layers[node.name] = made(node.op, _blank(node, network, maker, frames))
        maker[node.name] = node.name
        frames[node.name] = layers[node.name].y_frame
    if not layers:
        raise PlanError("Network must have at least one op that computes something")
    return tuple(_as_elements(layer) for layer in layers.values())


def find_ends(network: Network, layers: Iterable[Layer]) -> tuple[str, ...]:
    """Return the layer that makes each output of a network, by the outputs' order.

    Raises
    ------
    PlanError : an output is what enters, with its axes written otherwise
    """
    makers = {node: layer.name for layer in layers for node in layer.nodes}
    found = []
    for end in network.ends:
        name = end.node
        while name not in makers:
            node = network[name]
            if not node.inputs:
                raise PlanError(
                    f"{end.name}: output is the input {name} as it came, which takes no hardware; "
                    "leave it out"
                )
            (name,) = node.inputs
        found.append(makers[name])
    return tuple(found)


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
