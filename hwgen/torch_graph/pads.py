"""Zeros that are put around a value, as padding of the layers that take it.

Of pools the padding grows. Convolutions are the user's own modules and stay as they are, with a
`ZeroPad` before them, until they are integers. A maximum never takes its own padding: zeros do not
either where no value is below zero.
"""

__all__ = ["fold_pads"]

from dataclasses import replace

from torch import nn

from hwgen.errors import FoundUnsupported, UnsupportedError
from hwgen.torch_graph.float_graph import FloatGraph, FloatNode
from hwgen.torch_graph.modules import Add, AvgPool, Concat, MaxPool, ZeroPad
from hwgen.torch_graph.modules.windows import Sides
from hwgen.torch_graph.support import CONVOLUTIONS, SUPPORTED

HANDING_ON = (MaxPool, AvgPool, nn.Flatten, Add, Concat, ZeroPad)  # never below where no input is
WAY = "put it before a convolution or an average pool, or give these the padding"
MAXIMUM = "put a ReLU before it, or give the pool the padding, which never is the largest"


def fold_pads(graph: FloatGraph) -> FloatGraph:
    """Return the graph in which zeros stand around the values of convolutions only.

    Raises
    ------
    UnsupportedError : with the layers that cannot take them
    """
    if not any(isinstance(layer.module, ZeroPad) for layer in graph.layers):
        return graph
    folder = _Folder()
    for layer in graph.layers:
        folder.add(layer)
    folder.end(graph.layers[-1])
    if folder.found:
        raise UnsupportedError(folder.found, SUPPORTED)
    layers = [la for la in folder.layers if la.path in folder.used or la is folder.layers[-1]]
    return FloatGraph(tuple(layers), graph.input_shape)


class _Folder:
    def __init__(self) -> None:
        self.layers: list[FloatNode] = []
        self.found: list[FoundUnsupported] = []
        self.used: set[str] = set()  # paths of values that somebody takes
        self._pads: dict[str, tuple[str, Sides]] = {}  # what a pad is around, and how much
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
            layer = self._taking(layer, *self._pads[source]) or self._refused(layer, pads[0])
        if isinstance(layer.module, ZeroPad):
            self._pads[layer.path] = (layer.inputs[0], layer.module.padding)
        self.used.update(layer.inputs)
        self.layers.append(layer)

    def end(self, last: FloatNode) -> None:
        """Refuse a pad that nobody takes."""
        if last.path in self._pads:
            self._refused(last, last.path)

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

    def _refused(self, layer: FloatNode, pad: str) -> FloatNode:
        kind = type(layer.module).__name__
        what = f"zero padding before {kind}" if pad != layer.path else "zero padding at the end"
        way = MAXIMUM if isinstance(layer.module, MaxPool) else WAY
        self.found.append(FoundUnsupported(pad, what, way))
        return layer
