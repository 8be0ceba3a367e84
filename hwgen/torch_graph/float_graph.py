"""A float model as a graph: which layer takes the values of which others.

The layers are the model's own modules, under the paths the user gave them. Running a graph is a
loop over (path, paths of inputs): they may hold any character, no code is made from them.
"""

__all__ = [
    "INPUT",
    "FloatGraph",
    "FloatNode",
    "Shape",
    "end_values",
    "input_key",
    "input_name",
    "is_input",
]

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from hwgen.errors import NetworkError
from hwgen.torch_graph.batches import Batch, Returns, tensors_of
from hwgen.torch_graph.meaning import run_layer
from hwgen.torch_graph.modules import HostLayer

INPUT = ""  # the key of the only input; no module within a model has it
Shape = tuple[int, ...]


@dataclass(frozen=True)
class FloatNode:
    """A layer of a graph: a module, and where it takes its inputs from.

    Attributes
    ----------
    path : of the module in the user's model, or a made-up name; it names the layer's value too
    inputs : paths of the layers whose values it takes, or keys of inputs
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
    """A model as layers, each after those it takes values from.

    Attributes
    ----------
    layers : in the order in which they run
    entries : the shape of each input, without the batch, by the key that layers know it by:
        `INPUT` alone, or of several those of `input_key`
    returned : what the model returns; by default the value of the last layer
    """

    layers: tuple[FloatNode, ...]
    entries: Mapping[str, Shape] = field(default_factory=lambda: {INPUT: ()})
    returned: Returns | None = None

    @property
    def returns(self) -> Returns:
        """What the model returns."""
        return self.returned or Returns(("output",), (self.layers[-1].path,))

    @property
    def ends(self) -> tuple[str, ...]:
        """Paths of the values that are returned, each once, in order."""
        return tuple(dict.fromkeys(self.returns.values))

    def with_layers(self, layers: Iterable[FloatNode]) -> "FloatGraph":
        """Return the graph with other layers, of the same ends."""
        return replace(self, layers=tuple(layers))

    def entering(self, x: Batch) -> dict[str, Tensor]:
        """Return the tensors of a batch by the keys of the inputs.

        Raises
        ------
        NetworkError : there are fewer or more of them
        """
        tensors = tensors_of(x)
        if len(tensors) != len(self.entries):
            raise NetworkError(
                f"Model has {len(self.entries)} inputs and must be given a tensor for each, not "
                f"{len(tensors)}"
            )
        return dict(zip(self.entries, tensors, strict=True))

    def run(self, x: Batch, watch: Callable[[FloatNode, Tensor], None] | None = None) -> Any:
        """Return what the model returns for (batch, ...) inputs, in evaluation mode: by
        `run_layer`.

        Parameters
        ----------
        watch : called with each layer and its value
        """
        values = self.entering(x)
        for layer in self.layers:
            inputs = [values[name] for name in layer.inputs]
            value = values[layer.path] = run_layer(layer.module, *inputs)
            if watch is not None:
                watch(layer, value)
        return self.returns.build(values)

    def uses(self) -> Counter[str]:
        """Return how often each value is taken; twice by a layer that takes it twice, and once
        more for each time that it is returned beside others."""
        found = Counter(name for layer in self.layers for name in layer.inputs)
        if self.returns.kind is not None:
            found.update(self.returns.values)
        return found


def end_values(graph: FloatGraph) -> tuple[str, ...]:
    """Return the paths of the values that leave the hardware, each once: those returned, or what
    the host computes them of."""
    before = {la.path: la.inputs[0] for la in graph.layers if isinstance(la.module, HostLayer)}
    found = []
    for path in graph.ends:
        while path in before:
            path = before[path]
        found.append(path)
    return tuple(dict.fromkeys(found))


def input_key(name: str) -> str:
    """Return the key of one of several inputs; no layer's path is like it."""
    return f".{name}"


def is_input(name: str) -> bool:
    """Say whether the name of a value is the key of an input."""
    return name == INPUT or name[0] == "."


def input_name(key: str) -> str:
    """Return the name of an input, as the user's forward has it; "input" where it is the only
    one."""
    return key[1:] or "input"
