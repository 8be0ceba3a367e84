"""Where quantizers stand: at the input, after everything that gives accumulators, and before and
after every curve, a function of one value that is no clamp.

A clamp, such as ReLU, becomes that of a quantizer. One behind a pool, flatten or concatenation
moves before it, where nothing else takes the values between, which changes nothing; so does the
quantizer that a curve wants before it. What is joined by a concatenation, or compared, lies on one
grid.
"""

__all__ = ["NO_CLAMP", "QuantizationPoint", "place_points"]

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf

import torch
from torch import Tensor, nn

from hwgen.errors import NetworkError
from hwgen.torch_graph.float_graph import FloatGraph, FloatNode, input_name, is_input
from hwgen.torch_graph.meaning import run_layer
from hwgen.torch_graph.modules import (
    Above,
    Add,
    Affine,
    AvgPool,
    Concat,
    HostLayer,
    Maximum,
    MaxPool,
    Minimum,
    Multiply,
    PositionScale,
    Rearrange,
    ZeroPad,
)
from hwgen.torch_graph.one_value import CLAMPS, CURVES, Interval, clamp_of
from hwgen.torch_graph.support import WEIGHTED

ACCUMULATING = (*WEIGHTED, AvgPool, PositionScale, Add, Affine, Multiply)
OF_SUMS = (PositionScale,)  # take accumulators as they are
MOVING = (nn.Flatten, nn.PixelShuffle, nn.PixelUnshuffle, Rearrange)  # elements in another order
SHARING = (Concat, Maximum, Minimum)  # all of their inputs lie on one grid
PASSING = (MaxPool, ZeroPad, *MOVING, *SHARING)  # values leave as they came
NEVER_BELOW_ZERO = (*PASSING, AvgPool, PositionScale, Add, Multiply)  # where no input is
CURVED = tuple(CURVES)
NO_CLAMP = (-inf, inf)
RELU = (0.0, inf)


class QuantizationPoint(nn.Module):
    """A place for a quantizer.

    clamp : the real numbers between which it clamps; (0, inf) of a ReLU
    grid : paths of all points that share its grid, one of them stands for all
    last : whether the network's output is on its grid
    curve : what is done before to values of another grid; None where it takes accumulators
    before : whether a curve takes its values, and nothing else does
    """

    def __init__(
        self,
        clamp: Interval,
        grid: str,
        last: bool = False,
        curve: nn.Module | None = None,
        before: bool = False,
    ):
        super().__init__()
        self.clamp = clamp
        self.grid = grid
        self.last = last
        self.curve = curve
        self.before = before

    def forward(self, x: Tensor) -> Tensor:
        """Return what the quantizer is to represent."""
        if self.curve is not None:
            x = run_layer(self.curve, x)
        return x if self.clamp == NO_CLAMP else torch.clamp(x, *self.clamp)


def place_points(graph: FloatGraph, raw: bool) -> FloatGraph:
    """Return the graph with points in it, and without clamps and curves, which are theirs.

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
    """A layer of the result: whether its values are to be quantized, and never below zero."""

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
        self._points: dict[tuple[str, Interval], str] = {}  # of a value and a clamp
        self._grids: dict[str, str] = {}  # a point and another one of its grid
        # accumulating layers, and curves, that a clamp moves to: the first one's name, all as one
        self._clamps: dict[str, tuple[str, Interval]] = {}
        self._moved: set[str] = set()
        self._before: set[str] = set()  # accumulating layers whose values are a curve's alone
        for layer in graph.layers:
            clamp = clamp_of(layer.module)
            if isinstance(layer.module, CURVED):
                self._before |= self._movable(layer.inputs[0])
            elif clamp is not None:
                roots = self._movable(layer.inputs[0])
                if roots:
                    self._moved.add(layer.path)
                    own = layer.path if layer.written and len(roots) == 1 else ""
                    for root in roots:
                        name, first = self._clamps.get(root, (own, NO_CLAMP))
                        self._clamps[root] = name, _then(first, clamp)
        for key in graph.entries:
            self._add_point(self._values[key], key, NO_CLAMP)

    def place(self, layer: FloatNode) -> None:
        """Add a layer, and the points that it needs before it."""
        clamp = clamp_of(layer.module)
        if clamp is not None:
            self._values[layer.path] = self._clamped(layer, clamp)
            return
        if isinstance(layer.module, HostLayer):
            self._host_layers.append(layer)  # placed behind the quantizers of the outputs
            return
        inputs = tuple(self._values[name] for name in layer.inputs)
        of_sums = isinstance(layer.module, OF_SUMS)
        if isinstance(layer.module, Above):  # accumulators do
            of_sums = not any(name in self._clamps for name in inputs)
        if not of_sums:
            inputs = tuple(self._quantized(name) for name in inputs)
        if isinstance(layer.module, SHARING):
            inputs = tuple(self._regridded(name) for name in inputs)
            first, *others = sorted(set().union(*(self._grid_points(name) for name in inputs)))
            for other in others:
                self._grids[self._grid(other)] = self._grid(first)
        accumulates = isinstance(layer.module, (*ACCUMULATING, *CURVED))
        self._add(replace(layer, inputs=inputs), accumulates)
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
        points = {name: point for (name, _), point in self._points.items()}  # the last of each
        counts = Counter(name for name, _ in self._points)
        curves = {
            path: placed.layer
            for path, placed in self._placed.items()
            if isinstance(placed.layer.module, CURVED)
        }
        # a curve and the point behind it are one, under the curve's name unless a clamp named it
        names = {
            points[path]: path
            for path in curves
            if counts[path] == 1 and points[path] not in self._by_path
        }
        leaving = (ends.get(path, path) for path in returns.values)
        returned = replace(returns, values=tuple(names.get(path, path) for path in leaving))
        layers = []
        for path, placed in self._placed.items():
            layer = placed.layer
            if path in curves:
                continue
            if isinstance(layer.module, QuantizationPoint):
                grid = self._grid(path)
                curve = curves.get(layer.inputs[0])
                of = curve.module if curve else None
                module = QuantizationPoint(
                    layer.module.clamp, grid, grid in lasts, of, layer.module.before
                )
                layer = replace(layer, module=module, inputs=(curve or layer).inputs)
            inputs = tuple(names.get(name, name) for name in layer.inputs)
            layers.append(replace(layer, path=names.get(path, path), inputs=inputs))
        return replace(self._graph, layers=tuple(layers), returned=returned)

    def _end_points(self, end: str) -> set[str]:
        """Return the points on whose grid an output lies: none of a comparison's."""
        decides = isinstance(self._placed[end].layer.module, Above)
        return set() if decides else self._grid_points(end)

    def _end(self, end: str, raw: bool) -> str:
        """Return the placed layer that gives an output."""
        if not raw or isinstance(self._placed[end].layer.module, Above):
            return self._quantized(end)
        accumulates = isinstance(self._placed[end].layer.module, ACCUMULATING)
        if not accumulates or end in self._clamps:
            raise NetworkError(
                f"{end}: output=None needs a network that ends with a convolution or Linear "
                "(or an average or a sum), without activation, pool or flatten after it; give the "
                "output a format such as int8"
            )
        return end

    def _movable(self, name: str) -> set[str]:
        """Return the accumulating layers and curves that a clamp of this value can move to, if it
        can."""
        if is_input(name) or self._uses[name] != 1:
            return set()
        layer = self._by_path[name]
        if isinstance(layer.module, (*ACCUMULATING, *CURVED)):
            return {name}
        if not isinstance(layer.module, (*PASSING, *CLAMPS)) or _brings_negatives(layer):
            return set()
        found = [self._movable(source) for source in layer.inputs]
        return set().union(*found) if all(found) else set()

    def _clamped(self, layer: FloatNode, clamp: Interval) -> str:
        """Return the placed layer that gives the value of a clamp."""
        source = self._values[layer.inputs[0]]
        placed = self._placed[source]
        if layer.path in self._moved or (placed.positive and clamp == RELU):
            return source
        if placed.positive:
            clamp = _then(RELU, clamp)
        if (source, clamp) not in self._points:
            self._add_point(layer.path, source, clamp)
        return self._points[source, clamp]

    def _quantized(self, name: str) -> str:
        """Return the placed layer that gives a value as integers of a format."""
        placed = self._placed[name]
        if not placed.accumulates:
            return name
        own, clamp = self._clamps.get(name, ("", NO_CLAMP))
        key = name, _then(RELU, clamp) if placed.positive else clamp
        if key not in self._points:
            before = name in self._before
            self._add_point(own or self._new_name(f"{name}.quant"), name, key[1], before)
        return self._points[key]

    def _regridded(self, name: str) -> str:
        """Return a value that may share its grid: the network's input keeps its own."""
        if self._inputs.isdisjoint(self._grid_points(name)):
            return name
        if (name, NO_CLAMP) not in self._points:
            self._add_point(self._new_name(f"{name}.quant"), name, NO_CLAMP)
        return self._points[name, NO_CLAMP]

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

    def _add_point(self, path: str, source: str, clamp: Interval, before: bool = False) -> None:
        self._points[source, clamp] = path
        point = QuantizationPoint(clamp, path, before=before)
        self._add(FloatNode(path, point, (source,)), accumulates=False)

    def _add(self, layer: FloatNode, accumulates: bool) -> None:
        module = layer.module
        if isinstance(module, QuantizationPoint):
            positive = module.clamp[0] >= 0
        else:
            falls = isinstance(module, Add) and module.falls
            may = isinstance(module, NEVER_BELOW_ZERO) and not (falls or _brings_negatives(layer))
            positive = may and self._all_positive(layer.inputs)
        self._placed[layer.path] = _Placed(layer, accumulates, positive)

    def _all_positive(self, names: Iterable[str]) -> bool:
        return all(self._placed[name].positive for name in names)

    def _new_name(self, name: str) -> str:
        while name in self._names:
            name += "_"
        self._names.add(name)
        return name


def _then(first: Interval, second: Interval) -> Interval:
    """Return the clamp that two are, one after the other."""
    lo, hi = (min(max(end, second[0]), second[1]) for end in first)
    return lo, hi


def _brings_negatives(layer: FloatNode) -> bool:
    """Say whether a layer puts a constant below zero beside its values."""
    return isinstance(layer.module, Rearrange) and layer.module.value < 0
