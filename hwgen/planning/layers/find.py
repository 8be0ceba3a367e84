"""From the ops of a network to the layers that hardware is made of.

A layer is what one engine computes: a weighted op, a pool or a sum, and the requantizer or
thresholds that follow. What only moves elements is no layer: it is kept in mind which elements a
value is of those that some layer makes (`Held`), until something needs them in the value's own
order. That may be the order in which they come (a reshape, a permutation of axes of one element),
and a `Linear` takes its weights in any order: it is a convolution whose kernel is the whole frame.
Otherwise a layer is made that puts them in order (`Order`).
"""

__all__ = ["LAYERS", "find_layers"]

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
    Input,
    Linear,
    MaxPool2d,
    Op,
    Requantize,
    Threshold,
)
from hwgen.planning.layers.elements import element_encoding_of, elements_of
from hwgen.planning.layers.layer import INPUT, Frame, Layer
from hwgen.planning.layers.orders import (
    CONSTANT,
    ORDERS,
    Indices,
    Order,
    constant_of,
    order_of,
    stream_places,
)

Made = Callable[[Any, Layer], Layer]


def _frame_of(y: Tensor) -> Frame:
    return _frame_of_shape(y.shape)


def _frame_of_shape(shape: tuple[int, ...]) -> Frame:
    """Return the frame of a shape: positions without rows are one row."""
    channels, *sizes = shape
    height, width = (*[1] * (2 - len(sizes)), *sizes)
    return channels, height, width


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
    return replace(layer, acc=layer.x, y_frame=layer.x_frame, epilogue=op)


def _added(op: Add, layer: Layer) -> Layer:
    return replace(layer, y_frame=layer.x_frame)


def _concatenated(op: Concat, layer: Layer) -> Layer:
    channels = sum(frame[0] for frame in layer.x_frames)
    return replace(layer, y_frame=(channels, *layer.x_frame[1:]))


def _arg_max(op: ArgMax, layer: Layer) -> Layer:
    return layer


LAYERS: dict[type[Op], Made | None] = {
    Input: None,
    **dict.fromkeys(ORDERS),
    Conv2d: _conv2d,
    Linear: _linear,
    MaxPool2d: _max_pool,
    AvgPool2d: _pool,
    Add: _added,
    Concat: _concatenated,
    ArgMax: _arg_max,
    Requantize: _alone,
    Threshold: _alone,
}


def find_layers(network: Network) -> tuple[Layer, ...]:
    """Return the layers of a network, each after those it takes its inputs from.

    Raises
    ------
    PlanError : the network has nothing to compute
    """
    finder = _Finder(network)
    for node in network.nodes[1:]:
        finder.find(node)
    layers = finder.finish()
    if not layers:
        raise PlanError("Network must have at least one op that computes something")
    return tuple(_as_elements(layer) for layer in layers)


@dataclass(frozen=True, eq=False)
class Held:
    """Where the elements of a value are.

    maker : the layer that makes them, or `INPUT`
    frame : what the value was before it was last only written in another shape
    index : for each element of the value the one of the maker's frame, both with the last axis
        innermost, or `CONSTANT`; None where they are the same ones
    value : the constant
    """

    maker: str
    frame: Frame
    index: Indices | None = None
    value: int = 0

    @property
    def has_constants(self) -> bool:
        """Whether any of its elements is the constant."""
        return self.index is not None and bool((self.index == CONSTANT).any())

    def permutes(self, frame: Frame) -> bool:
        """Say whether it is all elements of a frame, each once."""
        if self.index is None:
            return True
        count = math.prod(frame)
        return (
            self.index.size == count and not self.has_constants and _is_range(np.sort(self.index))
        )


def _is_range(index: Indices) -> bool:
    return bool((index == np.arange(index.size)).all())


class _Finder:
    def __init__(self, network: Network):
        self._network = network
        first = network.nodes[0].name
        self._layers: dict[str, Layer] = {}
        self._frames: dict[str, Frame] = {INPUT: _frame_of(network.input)}  # that layers make
        self._held: dict[str, Held] = {first: Held(INPUT, self._frames[INPUT])}
        self._ordered: dict[tuple[str, Frame, bytes], str] = {}  # layers that put a value in order

    def find(self, node: Node) -> None:
        """Make a layer of a node, or part of one."""
        if type(node.op) in ORDERS:
            self._rearrange(node)
        elif not self._is_followed(node):
            self._make(node)

    def finish(self) -> tuple[Layer, ...]:
        """Return all layers; the last one makes the network's output."""
        last = self._network.nodes[-1].name
        if self._held[last].index is not None:
            self._stream(last, _frame_of(self._network.output))
        return tuple(self._layers.values())

    def _rearrange(self, node: Node) -> None:
        """Keep in mind which elements a value is."""
        name, network = node.inputs[0], self._network
        held, y = self._held[name], network.tensors[node.name]
        order = order_of(node.op, network.tensors[name].shape, y.shape)
        constant, frame = bool((order == CONSTANT).any()), held.frame
        if not (_is_range(order) and order.size == math.prod(frame)):
            frame, value = _frame_of(y), constant_of(node.op) if constant else held.value
            if constant and held.has_constants and value != held.value:
                frame_of_x = _frame_of(network.tensors[name])
                maker, _ = self._stream(name, frame_of_x)
                held = Held(maker, frame_of_x)
            index = order if held.index is None else held.index[order]
            index = np.where(order == CONSTANT, CONSTANT, index)
            held = Held(held.maker, frame, index, value)
            if held.permutes(self._frames[held.maker]) and _is_range(index):
                held = Held(held.maker, frame)
        self._held[node.name] = held
        if held.index is None and held.maker != INPUT and len(network.users(name)) == 1:
            last = self._layers[held.maker]
            if last.nodes[-1] == name:
                self._layers[held.maker] = replace(last, y=y, nodes=(*last.nodes, node.name))

    def _is_followed(self, node: Node) -> bool:
        """Make a requantizer part of the layer before it, if that can be."""
        source = node.inputs[0]
        held = self._held[source]
        layer = self._layers.get(held.maker)
        if (
            not isinstance(node.op, (Requantize, Threshold))
            or layer is None
            or layer.epilogue is not None
            or layer.nodes[-1] != source
            or isinstance(layer.op, (Concat, ArgMax, Order))
            or held.index is not None
            or (type(self._network[source].op) in ORDERS and _rows(node.op) > 1)
            or len(self._network.users(source)) > 1
        ):
            return False
        y = self._network.tensors[node.name]
        nodes = (*layer.nodes, node.name)
        self._layers[held.maker] = replace(layer, y=y, epilogue=node.op, nodes=nodes)
        self._held[node.name] = held
        return True

    def _make(self, node: Node) -> None:
        made = LAYERS[type(node.op)]
        assert made is not None
        op, held = node.op, self._held[node.inputs[0]]
        if isinstance(op, Linear):
            stream, weight = self._for_weights(node.inputs[0], op.weight)
            streams, op = [stream], replace(op, weight=weight)
        elif self._any_order(node):
            makers = [self._held[name].maker for name in node.inputs]
            streams = [(maker, self._frames[maker]) for maker in makers]
        else:
            tensors = self._network.tensors
            streams = [self._stream(name, _frame_of(tensors[name])) for name in node.inputs]
        layer = made(op, replace(_blank(node, self._network, streams), op=node.op))
        self._layers[node.name] = layer
        self._frames[node.name] = layer.y_frame
        frame = held.frame if self._any_order(node) else layer.y_frame
        self._held[node.name] = Held(node.name, frame)

    def _any_order(self, node: Node) -> bool:
        """Say whether a node computes the same of each element, and so in whatever shape."""
        held = [self._held[name] for name in node.inputs]
        if any(one.index is not None for one in held):
            return False
        if isinstance(node.op, Add):
            return len({self._frames[one.maker] for one in held}) == 1
        return isinstance(node.op, (Requantize, Threshold)) and _rows(node.op) == 1

    def _for_weights(
        self, name: str, weight: npt.NDArray[np.int64]
    ) -> tuple[tuple[str, Frame], npt.NDArray[np.int64]]:
        """Return a stream of all elements of a value, as nearly as they come as may be, and weights
        in the order of the frame that it is."""
        held = self._held[name]
        enters = self._frames[held.maker]
        if held.index is None:
            return (held.maker, enters), weight
        if held.permutes(enters):
            moved = np.empty_like(weight)
            moved[:, held.index] = weight
            return (held.maker, enters), moved
        places = _arrivals(held.index, enters)
        turns = _turns(places)
        pixels = np.where(places == CONSTANT, places.max(), places) // enters[0]
        order = np.lexsort((places % enters[0], turns, pixels))
        leaves = (places.size, 1, 1)
        stream = self._ordered_as(name, Order(places[order], held.value), enters, leaves)
        return stream, weight[:, order]

    def _stream(self, name: str, frame: Frame) -> tuple[str, Frame]:
        """Return a stream of a value in its own order, as a frame: the layer that makes it, one
        that puts elements in order where they come in another."""
        held = self._held[name]
        enters = self._frames[held.maker]
        if held.index is None and enters == frame:
            return held.maker, frame
        leaves = stream_places(frame)
        places = _arrivals(leaves if held.index is None else held.index[leaves], enters)
        if enters[0] == frame[0] and places.size == math.prod(enters) and _is_range(places):
            return held.maker, frame
        return self._ordered_as(name, Order(places, held.value), enters, frame)

    def _ordered_as(
        self, name: str, order: Order, enters: Frame, leaves: Frame
    ) -> tuple[str, Frame]:
        """Return a stream of a value in an order, from a layer of which there is one."""
        key = (name, leaves, order.places.tobytes())
        if key not in self._ordered:
            self._ordered[key] = self._order(name, order, enters, leaves)
        return self._ordered[key], leaves

    def _order(self, name: str, order: Order, enters: Frame, leaves: Frame) -> str:
        """Add a layer that puts elements in order."""
        network, maker = self._network, self._held[name].maker
        own = name
        while own in self._layers or (own != name and own in network.tensors):
            own += ".order"
        y = network.tensors[name]
        x = network.input if maker == INPUT else self._layers[maker].y
        self._layers[own] = Layer(own, (name,), (maker,), order, (x,), y, y, (enters,), leaves)
        self._frames[own] = leaves
        return own


def _arrivals(elements: Indices, frame: Frame) -> Indices:
    """Return when elements of a frame come in its stream; `CONSTANT` stays."""
    come = np.empty(math.prod(frame), dtype=np.int64)
    come[stream_places(frame)] = np.arange(come.size)
    return np.where(elements == CONSTANT, CONSTANT, come[elements])


def _turns(places: Indices) -> Indices:
    """Return how many equal ones are before each."""
    order = np.argsort(places, kind="stable")
    first = np.searchsorted(places[order], places[order])
    found = np.empty_like(places)
    found[order] = np.arange(places.size) - first
    return found


def _rows(op: Requantize | Threshold) -> int:
    """Return how many multipliers or rows of thresholds there are, one for all channels or one for
    each."""
    return (
        len(op.thresholds) if isinstance(op, Threshold) else max(op.multiplier.size, op.shift.size)
    )


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


def _blank(node: Node, network: Network, streams: Sequence[tuple[str, Frame]]) -> Layer:
    """Return a layer with its streams, for `LAYERS` to complete."""
    y = network.tensors[node.name]
    return Layer(
        name=node.name,
        nodes=(node.name,),
        sources=tuple(maker for maker, _ in streams),
        op=node.op,
        xs=tuple(network.tensors[name] for name in node.inputs),
        acc=y,
        y=y,
        x_frames=tuple(frame for _, frame in streams),
        y_frame=_frame_of(y),
    )
