"""Zeros that are put around a value, as padding of the layers that take it.

Of pools the padding grows. Convolutions are the user's own modules and stay as they are, with a
`ZeroPad` before them, until they are integers. A maximum never takes its own padding: zeros do not
either where no value is below zero. Before all else zeros are elements like others.
"""

__all__ = ["fold_pads"]

from dataclasses import replace

import torch
from torch import nn

from hwgen.torch_graph.float_graph import FloatGraph, FloatNode, Shape
from hwgen.torch_graph.modules import Add, AvgPool, Concat, MaxPool, Rearrange, ZeroPad
from hwgen.torch_graph.modules.rearrange import CONSTANT
from hwgen.torch_graph.modules.windows import Sides, padded
from hwgen.torch_graph.support import CONVOLUTIONS

HANDING_ON = (MaxPool, AvgPool, nn.Flatten, Add, Concat, ZeroPad)  # never below where no input is


def fold_pads(graph: FloatGraph) -> FloatGraph:
    """Return the graph in which a `ZeroPad` stands before convolutions only."""
    if not any(isinstance(layer.module, ZeroPad) for layer in graph.layers):
        return graph
    folder = _Folder(graph)
    for layer in graph.layers:
        folder.add(layer)
    return folder.finish()


class _Folder:
    def __init__(self, graph: FloatGraph):
        self._layers: list[FloatNode] = []
        self._graph = graph
        self._ends = set(graph.ends)
        self._shapes = {**graph.entries, **{la.path: la.shape for la in graph.layers}}
        self._used: set[str] = set()  # paths of values that somebody takes
        self._pads: dict[str, tuple[str, Sides]] = {}  # what a pad is around, and how much
        self._zeros: dict[str, str] = {}  # pads as elements
        self._positive: set[str] = set()

    def add(self, layer: FloatNode) -> None:
        """Add a layer behind those that it takes values from."""
        module = layer.module
        (source, *_), pads = layer.inputs, [name for name in layer.inputs if name in self._pads]
        if isinstance(module, nn.ReLU) or (
            isinstance(module, HANDING_ON) and self._positive.issuperset(layer.inputs)
        ):
            self._positive.add(layer.path)
        if pads and not isinstance(module, CONVOLUTIONS):
            taking = self._taking(layer, *self._pads[source]) if source in self._pads else None
            layer = taking or self._with_zeros(layer)
        if isinstance(layer.module, ZeroPad) and layer.path in self._ends:
            zeros = _zeros(self._shapes[layer.inputs[0]], layer.module.padding)
            layer = replace(layer, module=zeros)
        elif isinstance(layer.module, ZeroPad):
            self._pads[layer.path] = (layer.inputs[0], layer.module.padding)
        self._used.update(layer.inputs)
        self._layers.append(layer)

    def finish(self) -> FloatGraph:
        """Return the graph, without the pads that nobody takes."""
        layers = [la for la in self._layers if la.path in self._used or la.path in self._ends]
        return self._graph.with_layers(layers)

    def _taking(self, layer: FloatNode, source: str, sides: Sides) -> FloatNode | None:
        """Return a layer that pads by itself, if it can."""
        module = layer.module
        if isinstance(module, MaxPool):
            reach = zip(module.kernel, module.dilation, sides, module.padding, strict=True)
            if source not in self._positive or any(
                max(a + c, b + d) > apart * (kernel - 1) for kernel, apart, (a, b), (c, d) in reach
            ):
                return None
        elif not isinstance(module, (AvgPool, ZeroPad)):
            return None
        both = zip(sides, module.padding, strict=True)
        padding = tuple((a + c, b + d) for (a, b), (c, d) in both)
        changed: nn.Module
        if isinstance(module, MaxPool):
            changed = MaxPool(module.kernel, module.stride, padding, module.dilation)
        elif isinstance(module, AvgPool):
            changed = AvgPool(module.kernel, module.stride, padding, module.divisor)
        else:
            changed = ZeroPad(padding)
        return replace(layer, module=changed, inputs=(source,))

    def _with_zeros(self, layer: FloatNode) -> FloatNode:
        """Return a layer that takes zeros as elements."""
        return replace(layer, inputs=tuple(map(self._as_elements, layer.inputs)))

    def _as_elements(self, name: str) -> str:
        if name not in self._pads or name in self._zeros:
            return self._zeros.get(name, name)
        source, sides = self._pads[name]
        path = f"{name}_zeros"
        while path in self._shapes:
            path += "_"
        self._zeros[name] = path
        shape = self._shapes[name]
        zeros = _zeros(self._shapes[source], sides)
        self._used.add(source)
        self._layers.append(FloatNode(path, zeros, (source,), shape, written=False))
        self._shapes[path] = shape
        return path


def _zeros(shape: Shape, sides: Sides) -> Rearrange:
    """Return what puts zeros around each channel of a value of a shape."""
    image = shape[1:]
    places = torch.arange(torch.Size(image).numel(), dtype=torch.float64).reshape(1, 1, *image)
    index = padded(places, sides, float(CONSTANT))
    return Rearrange(index, tuple(index.shape[2:]), 0.0, each=True)
