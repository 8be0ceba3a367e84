"""A float model as a graph: which layer takes the values of which others.

The layers are the model's own modules, under the paths the user gave them. Running a graph is a
loop over (path, paths of inputs): they may hold any character, no code is made from them.
"""

__all__ = ["INPUT", "FloatGraph", "FloatNode", "Shape"]

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from hwgen.torch_graph.meaning import run_layer

INPUT = ""  # the name of what enters; no module within a model has it
Shape = tuple[int, ...]


@dataclass(frozen=True)
class FloatNode:
    """A layer of a graph: a module, and where it takes its inputs from.

    Attributes
    ----------
    path : of the module in the user's model, or a made-up name; it names the layer's value too
    inputs : paths of the layers whose values it takes, or `INPUT`
    shape : of its value, without the batch; () where it is not known
    written : whether the path is that of a module of the user's that is used once
    """

    path: str
    module: nn.Module
    inputs: tuple[str, ...]
    shape: Shape = ()
    written: bool = True


@dataclass(frozen=True)
class FloatGraph:
    """A model as layers, each after those it takes values from; the last one gives the output.

    Attributes
    ----------
    layers : in the order in which they run
    input_shape : of what enters, without the batch
    """

    layers: tuple[FloatNode, ...]
    input_shape: Shape = ()

    def run(self, x: Tensor, watch: Callable[[FloatNode, Tensor], None] | None = None) -> Tensor:
        """Return the output for (batch, ...) inputs, in evaluation mode: by `run_layer`.

        Parameters
        ----------
        watch : called with each layer and its value
        """
        values = {INPUT: x}
        for layer in self.layers:
            inputs = [values[name] for name in layer.inputs]
            x = values[layer.path] = run_layer(layer.module, *inputs)
            if watch is not None:
                watch(layer, x)
        return x

    def uses(self) -> Counter[str]:
        """Return how often each value is taken; twice by a layer that takes it twice."""
        return Counter(name for layer in self.layers for name in layer.inputs)
