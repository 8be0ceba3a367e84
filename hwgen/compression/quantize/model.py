"""The compressed module: quantized layers as a dataflow."""

__all__ = ["QuantModel", "run_watched"]

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from hwgen.torch_graph.float_graph import INPUT, FloatNode


class QuantModel(nn.Module):
    """Quantized layers, each under its path in the user's model.

    In `train()` it fake-quantizes in float32, with gradients. In `eval()` it computes what the
    hardware computes and returns scale * (q - zero_point) in float64; a last argmax gives the
    index, in the shape that the user's model gives it.

    Parameters
    ----------
    layers : each after those it takes values from; the first is a `QuantInput`
    """

    def __init__(self, layers: Sequence[FloatNode]):
        super().__init__()
        for layer in sorted(layers, key=lambda layer: layer.path.count(".")):
            self._place(layer.path, layer.module)
        self.__inputs = tuple((layer.path, layer.inputs) for layer in layers)

    def forward(self, x: Tensor) -> Tensor:
        """Run (batch, ...) real inputs."""
        return self._run(x)

    def _run(self, x: Tensor, watch: Callable[[str, Tensor], None] | None = None) -> Tensor:
        values = {INPUT: x}
        for path, inputs in self.__inputs:
            x = values[path] = self.get_submodule(path)(*[values[name] for name in inputs])
            if watch is not None:
                watch(path, x)
        return x

    def _place(self, path: str, module: nn.Module) -> None:
        *parents, name = path.split(".")
        at: nn.Module = self
        for parent in parents:
            if parent not in dict(at.named_children()):
                at.add_module(parent, nn.Module())
            at = at.get_submodule(parent)
        at.add_module(name, module)


def run_watched(model: QuantModel, x: Tensor, watch: Callable[[str, Tensor], None]) -> Tensor:
    """Run (batch, ...) real inputs; `watch` is called with each layer's path and its value."""
    return model._run(x, watch)
