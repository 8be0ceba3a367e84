"""From the ops of a network to the layers that hardware is made of.

A layer is what one engine computes: a weighted op, a pool or a sum, and the requantizer, thresholds
or table that follow. What only moves elements is no layer: it is kept in mind which elements a
value is of those that some layer makes (`Held`), until something needs them in the value's own
order. That may be the order in which they come (a reshape, a permutation of axes of one element),
and a `Linear` takes its weights in any order: it is a convolution whose kernel is the whole frame.
Otherwise a layer is made that puts them in order (`Order`).
"""

__all__ = ["LAYERS", "find_ends", "find_layers"]

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
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
from hwgen.planning.layers.elements import element_encoding_of, elements_of
from hwgen.planning.layers.layer import INPUT, Frame, Layer, Pair, Sides
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
ELEMENTWISE = (Add, Multiply, Maximum, Minimum)
WITHOUT_EPILOGUE = (Concat, ArgMax, Maximum, Minimum, Order)  # what follows is a layer of its own


def _frame_of(y: Tensor) -> Frame:
    """A length is an image of height 1, features are one pixel."""
    return _frame_of_shape(y.shape)


def _frame_of_shape(shape: tuple[int, ...]) -> Frame:
    channels, *sizes = shape
    height, width = (*[1] * (2 - len(sizes)), *sizes)
    return channels, height, width


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
    return replace(layer, acc=layer.x, y_frame=layer.x_frame, epilogue=(op,))


def _scaled(op: PositionScale, layer: Layer) -> Layer:
    return replace(layer, y_frame=layer.x_frame)


def _concat(op: Concat, layer: Layer) -> Layer:
    channels = sum(frame[0] for frame in layer.x_frames)
    return replace(layer, y_frame=(channels, *layer.x_frame[1:]))


def _elementwise(op: Add | Multiply | Maximum | Minimum, layer: Layer) -> Layer:
    return replace(layer, y_frame=layer.x_frame, spreads=True)


def _arg_max(op: ArgMax, layer: Layer) -> Layer:
    return layer


LAYERS: dict[type[Op], Made | None] = {
    Input: None,
    **dict.fromkeys(ORDERS),
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


def find_layers(network: Network) -> tuple[Layer, ...]:
    """Return the layers of a network, each after those it takes its inputs from.

    Raises
    ------
    PlanError : the network has nothing to compute
    """
    finder = _Finder(network)
    for node in network.nodes:
        if node.name not in network.inputs:
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
        self._layers: dict[str, Layer] = {}
        alone = len(network.inputs) == 1
        makers = {name: INPUT if alone else name for name in network.inputs}
        self._entering = {makers[name]: x for name, x in network.inputs.items()}
        self._frames = {maker: _frame_of(x) for maker, x in self._entering.items()}  # layers' too
        self._held = {name: Held(maker, self._frames[maker]) for name, maker in makers.items()}
        self._leaving = {end.node for end in network.ends}
        self._ordered: dict[tuple[str, Frame, bytes], str] = {}  # layers that put a value in order

    def find(self, node: Node) -> None:
        """Make a layer of a node, or part of one."""
        if type(node.op) in ORDERS:
            self._rearrange(node)
        elif not self._is_followed(node):
            self._make(node)

    def finish(self) -> tuple[Layer, ...]:
        """Return all layers; those that make outputs know them."""
        for end in self._network.ends:
            maker = self._held[end.node].maker
            if self._held[end.node].index is not None:
                maker, _ = self._stream(end.node, _frame_of(self._network.tensors[end.node]))
            if maker not in self._layers:
                entered = maker or next(iter(self._network.inputs))  # INPUT is that of one alone
                raise PlanError(
                    f"{end.name}: output is the input {entered} as it came, which takes "
                    "no hardware; leave it out"
                )
            layer = self._layers[maker]
            self._layers[maker] = replace(layer, ends=(*layer.ends, end.name))
        return tuple(self._layers.values())

    def _is_taken_once(self, name: str) -> bool:
        """Say whether one op takes a value, and nothing else does."""
        return len(self._network.users(name)) == 1 and name not in self._leaving

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
        last = self._layers.get(held.maker)
        same = held.index is None and last is not None and last.nodes[-1] == name
        if same and last is not None and self._is_taken_once(name):
            self._layers[held.maker] = replace(last, y=y, nodes=(*last.nodes, node.name))

    def _is_followed(self, node: Node) -> bool:
        """Make a requantizer part of the layer before it, if that can be."""
        source = node.inputs[0]
        held = self._held[source]
        layer = self._layers.get(held.maker)
        if (
            layer is None
            or not _has_room(layer, node.op)
            or layer.nodes[-1] != source
            or isinstance(layer.op, WITHOUT_EPILOGUE)
            or held.index is not None
            or (type(self._network[source].op) in ORDERS and CONSTANTS[type(node.op)](node.op) > 1)
            or not self._is_taken_once(source)
        ):
            return False
        y = self._network.tensors[node.name]
        nodes = (*layer.nodes, node.name)
        epilogue: Any = (*layer.epilogue, node.op)
        self._layers[held.maker] = replace(layer, y=y, epilogue=epilogue, nodes=nodes)
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
        if isinstance(node.op, ELEMENTWISE):
            return len({self._frames[one.maker] for one in held}) == 1
        return type(node.op) in CONSTANTS and CONSTANTS[type(node.op)](node.op) == 1

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
        entering = self._entering.get(maker)
        x = self._layers[maker].y if entering is None else entering
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


def _has_room(layer: Layer, op: Op) -> bool:
    """Say whether a requantizer, or a table behind one, becomes part of the layer."""
    if isinstance(op, Table):
        return not any(isinstance(other, Table) for other in layer.epilogue)
    return type(op) in CONSTANTS and not layer.epilogue


def find_ends(network: Network, layers: Iterable[Layer]) -> tuple[str, ...]:
    """Return the layer that makes each output of a network, by the outputs' order."""
    makers = {name: layer.name for layer in layers for name in layer.ends}
    return tuple(makers[end.name] for end in network.ends)


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
