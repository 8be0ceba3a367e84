"""Orders of elements, as late as they can be: two that undo each other are none.

A fully connected layer works on the last axis of what it takes, a graph's layers on the first one
behind the batch: their channels. So axes are swapped before and behind it, and between two of them
for nothing.
"""

__all__ = ["channels_first", "channels_last", "fold_swaps"]

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from hwgen.torch_graph.float_graph import FloatGraph, FloatNode, Shape
from hwgen.torch_graph.modules import Add, Rearrange
from hwgen.torch_graph.modules.rearrange import of_each

ANY_ORDER = (nn.ReLU, Add)  # compute the same of each element


def channels_first(shape: Shape) -> Rearrange:
    """Return what moves the last axis before the others."""
    return _of(torch.arange(torch.Size(shape).numel()).reshape(shape).movedim(-1, 0))


def channels_last(shape: Shape) -> Rearrange:
    """Return what moves the first axis behind the others."""
    return _of(torch.arange(torch.Size(shape).numel()).reshape(shape).movedim(0, -1))


def fold_swaps(graph: FloatGraph) -> FloatGraph:
    """Return the graph in which elements are put in another order only for what needs them so."""
    if not any(isinstance(layer.module, Rearrange) for layer in graph.layers):
        return graph
    folder = _Folder(graph)
    for layer in graph.layers:
        folder.add(layer)
    return folder.finish()


def _of(index: Tensor) -> Rearrange:
    return Rearrange(index, tuple(index.shape), 0.0)


@dataclass(frozen=True)
class _Held:
    """A value: the layer that has its elements, and their order, None where it is the value's."""

    path: str
    index: Tensor | None = None


class _Folder:
    def __init__(self, graph: FloatGraph):
        self._graph = graph
        self._layers: list[FloatNode] = []
        self._shapes = {**graph.entries, **{la.path: la.shape for la in graph.layers}}
        self._made = dict(graph.entries)  # shapes of what the layers give
        self._held = {name: _Held(name) for name in graph.entries}

    def add(self, layer: FloatNode) -> None:
        """Add a layer behind those that it takes values from."""
        module, held = layer.module, [self._held[name] for name in layer.inputs]
        index = held[0].index
        if isinstance(module, Rearrange):
            further = _permutation(module, self._shapes[layer.inputs[0]])
            if further is not None:
                index = further if index is None else index[further]
                self._held[layer.path] = self._permuted(layer, held[0].path, index)
                return
        if isinstance(module, ANY_ORDER) and index is not None and self._are_alike(held):
            inputs = tuple(one.path for one in held)
            self._put(replace(layer, inputs=inputs, shape=self._made[inputs[0]]))
            self._held[layer.path] = _Held(layer.path, index)
            return
        inputs = tuple(self._in_order(name) for name in layer.inputs)
        self._put(replace(layer, inputs=inputs))
        self._held[layer.path] = _Held(layer.path)

    def finish(self) -> FloatGraph:
        """Return the graph, whose layers give the outputs."""
        returns = self._graph.returns
        ends = {path: self._in_order(path) for path in returns.values}
        for path, made in ends.items():
            if made in self._graph.entries:  # what enters, as it came
                shape = self._made[made]
                same = torch.arange(torch.Size(shape).numel()).reshape(shape)
                ends[path] = self._name(path)
                self._put(FloatNode(ends[path], _of(same), (made,), shape, written=False))
        returned = replace(returns, values=tuple(ends[path] for path in returns.values))
        return replace(self._graph, layers=tuple(self._layers), returned=returned)

    def _put(self, layer: FloatNode) -> None:
        self._layers.append(layer)
        self._made[layer.path] = layer.shape

    def _permuted(self, layer: FloatNode, path: str, index: Tensor) -> _Held:
        same = layer.shape == self._made[path] and torch.equal(index, torch.arange(len(index)))
        return _Held(path, None if same else index)

    def _are_alike(self, held: list[_Held]) -> bool:
        first, *others = held
        return first.index is not None and all(
            one.index is not None
            and torch.equal(one.index, first.index)
            and self._made[one.path] == self._made[first.path]
            for one in others
        )

    def _in_order(self, name: str) -> str:
        """Return the layer that gives a value in its own order."""
        held, shape = self._held[name], self._shapes[name]
        if held.index is None:
            return held.path
        each = of_each(held.index, self._made[held.path], shape)
        module = Rearrange(held.index, shape, 0.0)
        if each is not None:
            module = Rearrange(each, shape[1:], 0.0, each=True)
        path = self._name(name)
        self._put(FloatNode(path, module, (held.path,), shape, written=False))
        self._held[name] = _Held(path)
        return path

    def _name(self, name: str) -> str:
        while name in self._made:
            name += "_"
        return name


def _permutation(module: Rearrange, shape: Shape) -> Tensor | None:
    """Return the order that a layer puts elements in; None where it leaves some out, or more."""
    index, _ = module.whole_index(shape)
    count = torch.arange(torch.Size(shape).numel())
    return index if torch.equal(index.sort().values, count) else None
