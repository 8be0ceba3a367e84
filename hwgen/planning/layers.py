"""From the ops of a network to the layers that hardware is made of.

A layer is what one engine computes: a weighted op or a pool, with the requantizer that follows.
`Flatten` needs no hardware, since pixels leave in the same order either way; a `Linear` after it
is a convolution whose kernel is the whole frame.
"""

__all__ = ["Layer", "find_layers"]

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.errors import PlanError
from hwgen.network.graph import Network, Node
from hwgen.network.inference import Tensor
from hwgen.network.ops import Conv2d, Flatten, Input, Linear, MaxPool2d, Op, Requantize

Frame = tuple[int, int, int]  # channels, height, width of a stream


@dataclass(frozen=True, eq=False)
class Layer:
    """One engine's worth of a network.

    name : of its first node
    nodes : names of the nodes it computes; the last one's value is what leaves
    x, y : types of what enters and leaves
    acc : type between the datapath and the requantizer
    x_frame, y_frame : (channels, height, width) of the streams
    weight : (outputs, kernel height, kernel width, channels), or None for a pool
    bias : (outputs,) with the zero point's share, or None
    kernel, stride, padding, dilation : (vertical, horizontal)
    requantize : or None
    """

    name: str
    nodes: tuple[str, ...]
    x: Tensor
    acc: Tensor
    y: Tensor
    x_frame: Frame
    y_frame: Frame
    weight: npt.NDArray[np.int64] | None
    bias: npt.NDArray[np.int64] | None
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    requantize: Requantize | None

    @property
    def outputs(self) -> int:
        """Channels of an output pixel."""
        return self.y_frame[0]

    @property
    def pixels(self) -> int:
        """Output pixels of a frame."""
        return self.y_frame[1] * self.y_frame[2]

    @property
    def inputs(self) -> int:
        """Elements of a dot product, K; the taps of a pool."""
        taps = self.kernel[0] * self.kernel[1]
        return taps * self.x_frame[0] if self.weight is not None else taps

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a frame."""
        return self.outputs * self.inputs * self.pixels if self.weight is not None else 0


def _weighted(
    node: Node,
    x: Tensor,
    frame: Frame,
    weight: npt.NDArray[np.int64],
    geometry: tuple[tuple[int, int], ...],
    y: Tensor,
    y_frame: Frame,
) -> Layer:
    assert isinstance(node.op, (Conv2d, Linear))
    stride, padding, dilation = geometry
    # sum w * (x - z) = sum w * x - z * sum w: hardware sees x alone
    bias = node.op.bias - x.zero_point * weight.sum(axis=(1, 2, 3))
    return Layer(
        name=node.name,
        nodes=(node.name,),
        x=x,
        acc=y,
        y=y,
        x_frame=frame,
        y_frame=y_frame,
        weight=weight.transpose(0, 2, 3, 1),
        bias=bias,
        kernel=(weight.shape[2], weight.shape[3]),
        stride=stride,
        padding=padding,
        dilation=dilation,
        requantize=None,
    )


def _frame_of(y: Tensor) -> Frame:
    return (y.shape[0], y.shape[1], y.shape[2]) if len(y.shape) == 3 else (y.shape[0], 1, 1)


def _conv2d(node: Node, op: Conv2d, x: Tensor, frame: Frame, y: Tensor) -> Layer:
    geometry = (op.stride, op.padding, op.dilation)
    return _weighted(node, x, frame, op.weight, geometry, y, _frame_of(y))


def _linear(node: Node, op: Linear, x: Tensor, frame: Frame, y: Tensor) -> Layer:
    weight = op.weight.reshape(op.weight.shape[0], *frame)
    return _weighted(node, x, frame, weight, ((1, 1), (0, 0), (1, 1)), y, _frame_of(y))


def _max_pool2d(node: Node, op: MaxPool2d, x: Tensor, frame: Frame, y: Tensor) -> Layer:
    return _pool(node, x, frame, y, _frame_of(y), (op.kernel, op.stride, op.padding))


def _pool(
    node: Node,
    x: Tensor,
    frame: Frame,
    y: Tensor,
    y_frame: Frame,
    geometry: tuple[tuple[int, int], tuple[int, int], tuple[int, int]],
) -> Layer:
    kernel, stride, padding = geometry
    return Layer(
        name=node.name,
        nodes=(node.name,),
        x=x,
        acc=y,
        y=y,
        x_frame=frame,
        y_frame=y_frame,
        weight=None,
        bias=None,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=(1, 1),
        requantize=None,
    )


def _requantize(node: Node, op: Requantize, x: Tensor, frame: Frame, y: Tensor) -> Layer:
    """A requantizer behind nothing to compute: a maximum over one pixel comes before it."""
    if max(op.multiplier.size, op.shift.size) > 1 and frame[0] != x.channels:
        raise PlanError(
            f"{node.name}: a multiplier per feature of a flattened image has no hardware; "
            "requantize before flattening"
        )
    layer = _pool(node, x, frame, y, frame, ((1, 1), (1, 1), (0, 0)))
    return replace(layer, acc=x, requantize=op)


LAYERS: dict[type[Op], Callable[[Node, Any, Tensor, Frame, Tensor], Layer] | None] = {
    Input: None,
    Flatten: None,
    Conv2d: _conv2d,
    Linear: _linear,
    MaxPool2d: _max_pool2d,
    Requantize: _requantize,
}


def find_layers(network: Network) -> tuple[Layer, ...]:
    """Return the layers of a network, in order.

    Raises
    ------
    PlanError : an op has no hardware, or the network has nothing to compute
    """
    layers: list[Layer] = []
    frame = _frame_of(network.input)
    for before, node in zip(network.nodes, network.nodes[1:], strict=False):
        x, y = network.tensors[before.name], network.tensors[node.name]
        if node.inputs != (before.name,):
            raise PlanError(f"{node.name}: input must be the node before it, {before.name}")
        make = LAYERS[type(node.op)]
        if make is None:
            if layers:
                last = layers[-1]
                layers[-1] = replace(last, y=y, nodes=(*last.nodes, node.name))
            continue
        follows = layers and layers[-1].nodes[-1] == before.name
        if isinstance(node.op, Requantize) and follows and layers[-1].requantize is None:
            if type(network[before.name].op) is not Flatten:
                last = layers[-1]
                layers[-1] = replace(last, y=y, requantize=node.op, nodes=(*last.nodes, node.name))
                continue
        layers.append(make(node, node.op, x, frame, y))
        frame = layers[-1].y_frame
    if not layers:
        raise PlanError("Network must have at least one op that computes something")
    return tuple(layers)
