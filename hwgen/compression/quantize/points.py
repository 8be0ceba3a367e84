"""Where quantizers stand: at the input, and after everything that gives accumulators.

A ReLU becomes the clamp of a quantizer. One behind a pool, flatten or concatenation moves before
it, where nothing else takes the values between, which changes nothing. What is joined by a
concatenation lies on one grid.
"""

__all__ = ["QuantizationPoint", "place_points"]

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from hwgen.errors import NetworkError
from hwgen.torch_graph.float_graph import FloatGraph, FloatNode, input_name, is_input
from hwgen.torch_graph.modules import Above, Add, Concat, HostLayer

ACCUMULATING = (nn.Conv2d, nn.Linear, nn.AvgPool2d, Add)
PASSING = (nn.MaxPool2d, nn.Flatten, Concat)  # values leave as they came
NEVER_BELOW_ZERO = (*PASSING, nn.AvgPool2d, Add)  # where no input is


class QuantizationPoint(nn.Module):
    """A place for a quantizer.

    relu : whether it clamps below zero
    grid : paths of all points that share its grid, one of them stands for all
    last : whether the network's output is on its grid
    """

    def __init__(self, relu: bool, grid: str, last: bool = False):
        super().__init__()
        self.relu = relu
        self.grid = grid
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        """Return what the quantizer is to represent."""
        return torch.relu(x) if self.relu else x


def place_points(graph: FloatGraph, raw: bool) -> FloatGraph:
    """Return the graph with points in it, and without ReLUs.

    Parameters
    ----------
    graph : from `fold_batch_norm`
    raw : whether the output is to be the accumulators of the last layer

    Raises
    ------
    NetworkError : `raw`, and the network does not end with accumulators
    """
    placer = _Placer(graph)
    for layer in graph.layers:
        placer.place(layer)
    return placer.finish(raw)


@dataclass(frozen=True)
class _Placed:
    """A layer of the result: whether its values are accumulators, and never below zero."""

    layer: FloatNode
    accumulates: bool
    positive: bool


class _Placer:
    def __init__(self, graph: FloatGraph):
        self._graph = graph
        self._by_path = {layer.path: layer for layer in graph.layers}
        self._uses = graph.uses()
        self._names = set(self._by_path)
        self._host_layers: list[FloatNode] = []
        self._placed: dict[str, _Placed] = {}  # by path, in order
        self._values: dict[str, str] = {}  # which placed layer gives each value of the graph
        firsts = {path.split(".")[0] for path in self._names}
        for key in graph.entries:
            start = input_name(key)
            while start in firsts:
                start += "_"
            firsts.add(start)
            self._values[key] = start
        self._inputs = set(self._values.values())
        self._points: dict[tuple[str, bool], str] = {}  # of a value, without or with a ReLU
        self._grids: dict[str, str] = {}  # a point and another one of its grid
        self._clamps: dict[str, str] = {}  # accumulating layers that a ReLU moves to: its name
        self._moved: set[str] = set()
        for layer in graph.layers:
            if isinstance(layer.module, nn.ReLU):
                roots = self._movable(layer.inputs[0])
                if roots:
                    self._moved.add(layer.path)
                    own = layer.path if layer.written and len(roots) == 1 else ""
                    for root in roots:
                        self._clamps.setdefault(root, own)
        for key in graph.entries:
            self._add_point(self._values[key], key, relu=False)

    def place(self, layer: FloatNode) -> None:
        """Add a layer, and the points that it needs before it."""
        if isinstance(layer.module, nn.ReLU):
            self._values[layer.path] = self._clamped(layer)
            return
        if isinstance(layer.module, HostLayer):
            self._host_layers.append(layer)  # placed behind the quantizers of the outputs
            return
        values = tuple(self._values[name] for name in layer.inputs)
        if isinstance(layer.module, Above) and not any(name in self._clamps for name in values):
            inputs = values  # accumulators do
        else:
            inputs = tuple(self._quantized(name) for name in values)
        if isinstance(layer.module, Concat):
            inputs = tuple(self._regridded(name) for name in inputs)
            first, *others = sorted(set().union(*(self._grid_points(name) for name in inputs)))
            for other in others:
                self._grids[self._grid(other)] = self._grid(first)
        self._add(replace(layer, inputs=inputs), isinstance(layer.module, ACCUMULATING))
        self._values[layer.path] = layer.path

    def finish(self, raw: bool) -> FloatGraph:
        """Return the graph, which ends with quantizers unless it is `raw`."""
        returns = self._graph.returns
        before = {layer.path: layer.inputs[0] for layer in self._host_layers}
        ends: dict[str, str] = {}  # of each value that leaves, before host layers
        for path in returns.values:
            root = path
            while root in before:
                root = before[root]
            ends[root] = self._end(self._values[root], raw)
        for layer in self._host_layers:
            source = layer.inputs[0]
            self._add(replace(layer, inputs=(ends.get(source, source),)), accumulates=False)
        lasts = (
            set()
            if raw
            else {self._grid(name) for end in ends.values() for name in self._end_points(end)}
        )
        returned = replace(returns, values=tuple(ends.get(path, path) for path in returns.values))
        layers = []
        for path, placed in self._placed.items():
            layer = placed.layer
            if isinstance(layer.module, QuantizationPoint):
                grid = self._grid(path)
                layer = replace(
                    layer, module=QuantizationPoint(layer.module.relu, grid, grid in lasts)
                )
            layers.append(layer)
        return replace(self._graph, layers=tuple(layers), returned=returned)

    def _end_points(self, end: str) -> set[str]:
        """Return the points on whose grid an output lies: none of a comparison's."""
        decides = isinstance(self._placed[end].layer.module, Above)
        return set() if decides else self._grid_points(end)

    def _end(self, end: str, raw: bool) -> str:
        """Return the placed layer that gives an output."""
        if not raw or isinstance(self._placed[end].layer.module, Above):
            return self._quantized(end)
        if not self._placed[end].accumulates or end in self._clamps:
            raise NetworkError(
                f"{end}: output=None needs a network that ends with a Conv2d or Linear (or an "
                "AvgPool2d or a sum), without ReLU, pool or flatten after it; give the output a "
                "format such as int8"
            )
        return end

    def _movable(self, name: str) -> set[str]:
        """Return the accumulating layers that a ReLU of this value can move to, if it can."""
        if is_input(name) or self._uses[name] != 1:
            return set()
        layer = self._by_path[name]
        if isinstance(layer.module, ACCUMULATING):
            return {name}
        if not isinstance(layer.module, (*PASSING, nn.ReLU)):
            return set()
        found = [self._movable(source) for source in layer.inputs]
        return set().union(*found) if all(found) else set()

    def _clamped(self, relu: FloatNode) -> str:
        """Return the placed layer that gives the value of a ReLU."""
        source = self._values[relu.inputs[0]]
        placed = self._placed[source]
        if relu.path in self._moved or placed.positive:
            return source
        if (source, True) not in self._points:
            self._add_point(relu.path, source, relu=True)
        return self._points[source, True]

    def _quantized(self, name: str) -> str:
        """Return the placed layer that gives a value as integers of a format."""
        placed = self._placed[name]
        if not placed.accumulates:
            return name
        clamp = self._clamps.get(name)
        key = name, clamp is not None or placed.positive
        if key not in self._points:
            self._add_point(clamp or self._new_name(f"{name}.quant"), name, relu=key[1])
        return self._points[key]

    def _regridded(self, name: str) -> str:
        """Return a value that may share its grid: the network's input keeps its own."""
        if self._inputs.isdisjoint(self._grid_points(name)):
            return name
        if (name, False) not in self._points:
            self._add_point(self._new_name(f"{name}.quant"), name, relu=False)
        return self._points[name, False]

    def _grid_points(self, name: str) -> set[str]:
        """Return the points on whose grid a value lies."""
        layer = self._placed[name].layer
        if isinstance(layer.module, QuantizationPoint):
            return {name}
        return set().union(*(self._grid_points(source) for source in layer.inputs))

    def _grid(self, point: str) -> str:
        while point in self._grids and self._grids[point] != point:
            point = self._grids[point]
        return point

    def _add_point(self, path: str, source: str, relu: bool) -> None:
        self._points[source, relu] = path
        self._add(FloatNode(path, QuantizationPoint(relu, path), (source,)), accumulates=False)

    def _add(self, layer: FloatNode, accumulates: bool) -> None:
        module = layer.module
        if isinstance(module, QuantizationPoint):
            positive = module.relu
        else:
            positive = isinstance(module, NEVER_BELOW_ZERO) and self._all_positive(layer.inputs)
        self._placed[layer.path] = _Placed(layer, accumulates, positive)

    def _all_positive(self, names: Iterable[str]) -> bool:
        return all(self._placed[name].positive for name in names)

    def _new_name(self, name: str) -> str:
        while name in self._names:
            name += "_"
        self._names.add(name)
        return name
