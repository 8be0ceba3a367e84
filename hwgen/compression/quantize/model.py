"""The compressed module: quantized layers, and the graph in which they run."""

__all__ = ["QuantModel", "quant_graph_of", "quant_inputs", "run_watched"]

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from hwgen.errors import NetworkError
from hwgen.torch_graph.batches import Batch
from hwgen.torch_graph.float_graph import FloatGraph, input_name


class QuantModel(nn.Module):
    """Quantized layers, each under its path in the user's model.

    In `train()` it fake-quantizes in float32, with gradients. In `eval()` it computes what the
    hardware computes and returns scale * (q - zero_point) in float64; a last argmax gives the
    index, in the shape that the user's model gives it, and a last softmax or sigmoid what the host
    computes.

    Parameters
    ----------
    graph : of quantized layers; every input goes to a `QuantInput`
    """

    def __init__(self, graph: FloatGraph):
        super().__init__()
        for layer in sorted(graph.layers, key=lambda layer: layer.path.count(".")):
            self._place(layer.path, layer.module)
        nothing = nn.Identity()  # the modules are children of this one
        nodes = tuple(replace(layer, module=nothing) for layer in graph.layers)
        self.__graph = graph.with_layers(nodes)

    def forward(self, x: Tensor | None = None, *more: Tensor, **named: Tensor) -> Any:
        """Run (batch, ...) real inputs, in order or by the names that the user's forward has;
        return what the user's model returns."""
        if len(self.__graph.entries) == 1 and x is not None:
            return run_watched(self, x)
        return run_watched(self, self._in_order((*([] if x is None else [x]), *more), named))

    def _in_order(self, inputs: tuple[Tensor, ...], named: Mapping[str, Tensor]) -> Batch:
        names = quant_inputs(self)
        given = {**dict(zip(names, inputs, strict=False)), **named}
        if len(names) == 1 and len(given) == 1:  # whatever the user calls it
            return next(iter(given.values()))
        if set(given) != set(names) or len(inputs) + len(named) != len(names):
            raise NetworkError(f"Inputs must be {', '.join(names)}, each once")
        return tuple(given[name] for name in names)

    def _wiring(self) -> FloatGraph:
        """Return which layer takes the values of which others, without their modules."""
        return self.__graph

    def _place(self, path: str, module: nn.Module) -> None:
        *parents, name = path.split(".")
        at: nn.Module = self
        for parent in parents:
            if parent not in dict(at.named_children()):
                at.add_module(parent, nn.Module())
            at = at.get_submodule(parent)
        at.add_module(name, module)


def run_watched(
    model: QuantModel, x: Batch, watch: Callable[[str, Tensor], None] | None = None
) -> Any:
    """Run (batch, ...) real inputs; `watch` is called with each layer's path and its value."""
    graph = model._wiring()
    values = graph.entering(x)
    for layer in graph.layers:
        inputs = [values[name] for name in layer.inputs]
        value = values[layer.path] = model.get_submodule(layer.path)(*inputs)
        if watch is not None:
            watch(layer.path, value)
    return graph.returns.build(values)


def quant_inputs(model: QuantModel) -> tuple[str, ...]:
    """Return the names of a quantized model's inputs, in order."""
    return tuple(input_name(key) for key in model._wiring().entries)


def quant_graph_of(model: QuantModel) -> FloatGraph:
    """Return the graph that a quantized model runs, of the modules that it has now.

    Shapes are those of the float layers; quantizers have none.

    Raises
    ------
    AttributeError : someone took a layer out of the model
    """
    graph = model._wiring()
    layers = (replace(la, module=model.get_submodule(la.path)) for la in graph.layers)
    return graph.with_layers(layers)
