"""From the ops of a network to the layers that hardware is made of.

A layer is what one engine computes: a weighted op, a pool or a sum, and the requantizer, thresholds
or table that follow. What only moves elements is no layer: it is kept in mind which elements a
value is of those that some layer makes (`Held`), until something needs them in the value's own
order. That may be the order in which they come (a reshape, a permutation of axes of one element),
and a `Linear` takes its weights in any order: it is a convolution whose kernel is the whole frame.
Otherwise a layer is made that puts them in order (`Order`).
"""

__all__ = ["find_ends", "find_layers"]

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.errors import PlanError
from hwgen.network.graph import Network, Node
from hwgen.network.ops import (
    Linear,
    Op,
    Table,
)
from hwgen.planning.layers.elements import element_encoding_of, elements_of
from hwgen.planning.layers.layer import INPUT, Frame, Layer
from hwgen.planning.layers.of_ops import (
    CONSTANTS,
    ELEMENTWISE,
    LAYERS,
    WITHOUT_EPILOGUE,
    frame_of,
)
from hwgen.planning.layers.orders import (
    CONSTANT,
    ORDERS,
    Indices,
    Order,
    constant_of,
    order_of,
    stream_places,
)


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
        self._frames = {maker: frame_of(x) for maker, x in self._entering.items()}  # layers' too
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
                maker, _ = self._stream(end.node, frame_of(self._network.tensors[end.node]))
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
            frame, value = frame_of(y), constant_of(node.op) if constant else held.value
            if constant and held.has_constants and value != held.value:
                frame_of_x = frame_of(network.tensors[name])
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
            streams = [self._stream(name, frame_of(tensors[name])) for name in node.inputs]
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
        y_frame=frame_of(y),
    )
