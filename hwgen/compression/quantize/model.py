"""The compressed module: quantized layers, and the graph in which they run."""

__all__ = ["QuantModel", "quant_graph_of", "run_watched"]

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor, nn

from hwgen.torch_graph.float_graph import INPUT, FloatGraph


class QuantModel(nn.Module):
    """Quantized layers, each under its path in the user's model.

    In `train()` it fake-quantizes in float32, with gradients. In `eval()` it computes what the
    hardware computes and returns scale * (q - zero_point) in float64; a last argmax gives the
    index, in the shape that the user's model gives it.

    Parameters
    ----------
    graph : of quantized layers; the first is a `QuantInput`
    """

    def __init__(self, graph: FloatGraph):
        super().__init__()
        for layer in sorted(graph.layers, key=lambda layer: layer.path.count(".")):
            self._place(layer.path, layer.module)
        nothing = nn.Identity()  # the modules are children of this one
        nodes = tuple(replace(layer, module=nothing) for layer in graph.layers)
        self.__graph = FloatGraph(nodes, graph.input_shape)

    def forward(self, x: Tensor) -> Tensor:
        """Run (batch, ...) real inputs."""
        return run_watched(self, x)

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
    model: QuantModel, x: Tensor, watch: Callable[[str, Tensor], None] | None = None
) -> Tensor:
    """Run (batch, ...) real inputs; `watch` is called with each layer's path and its value."""
    values = {INPUT: x}
    for layer in model._wiring().layers:
        inputs = [values[name] for name in layer.inputs]
        x = values[layer.path] = model.get_submodule(layer.path)(*inputs)
        if watch is not None:
            watch(layer.path, x)
    return x


def quant_graph_of(model: QuantModel) -> FloatGraph:
    """Return the graph that a quantized model runs, of the modules that it has now.

    Shapes are those of the float layers; quantizers have none.

    Raises
    ------
    AttributeError : someone took a layer out of the model
    """
    graph = model._wiring()
    layers = (replace(la, module=model.get_submodule(la.path)) for la in graph.layers)
    return FloatGraph(tuple(layers), graph.input_shape)
