"""What a pruner works on, and the one interface of all pruners.

A pruner is a function (state, recipe, progress) -> state. It works on the model in place,
with the recipe's shares times `progress`, which grows to 1 from step to step.
"""

__all__ = ["Pruner", "PruningState", "Train", "real_inputs", "weighted_layers"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor, nn

from hwgen.compression.prune.channel_groups import WEIGHTED
from hwgen.compression.prune.masks import Masks
from hwgen.compression.recipes.prune_recipe import PruneRecipe
from hwgen.compression.resume.checkpoints import Checkpoints
from hwgen.errors import HwgenError, NetworkError
from hwgen.torch_graph.batches import Batch, frames_of, joined, mapped, shapes_of
from hwgen.torch_graph.float_graph import FloatGraph, FloatNode
from hwgen.torch_graph.update import update_graph

Train = Callable[[nn.Module, int], None]


@dataclass(frozen=True)
class PruningState:
    """A float model, what is pruned of it, and what its importance is measured with.

    Attributes
    ----------
    example : (batch, channels, height, width) or (batch, features), a float tensor
    graph : of the model, and of its modules
    masks : which weights stay, by the path of their layer
    sizes : how many channels each group had before the first step, by the paths of its layers
    stripes : what skeletons learned, (filters, kh, kw) by path
    calibration : batches of real inputs, may be empty
    train : the user's training, may be missing
    checkpoints : where results of an earlier run are found
    """

    model: nn.Module
    example: Batch
    graph: FloatGraph
    masks: Masks = field(default_factory=dict)
    sizes: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    stripes: Mapping[str, Tensor] = field(default_factory=dict)
    calibration: tuple[Batch, ...] = ()
    train: Train | None = None
    checkpoints: Checkpoints = field(default_factory=Checkpoints)

    def updated(self) -> "PruningState":
        """Return the state with the graph of what the user's functions made of the model.

        Raises
        ------
        UnsupportedError, NetworkError : from `update_graph`
        """
        return replace(self, graph=update_graph(self.graph, self.model, self.example))

    def run_training(self, model: nn.Module, epochs: int) -> None:
        """Train a model in place, by the user's training or as an earlier run did."""
        train = self.train
        assert train is not None
        self.checkpoints.train(model, epochs, lambda: train(model, epochs))


Pruner = Callable[[PruningState, PruneRecipe, float], PruningState]


def weighted_layers(graph: FloatGraph) -> list[FloatNode]:
    """Return the convolutions and linear layers of a float model."""
    return [layer for layer in graph.layers if isinstance(layer.module, WEIGHTED)]


def real_inputs(state: PruningState, what: str, most: int) -> Batch:
    """Return up to so many calibration inputs, (batch, ...) float32.

    Parameters
    ----------
    what : needs them, for the message

    Raises
    ------
    HwgenError : there are none
    NetworkError : they are no tensors of the example's shape
    """
    batches = state.calibration
    for batch in batches:
        if shapes_of(batch) != shapes_of(state.example):
            wanted, found = (
                " and ".join(map(_named, shapes_of(x))) for x in (state.example, batch)
            )
            raise NetworkError(
                f"Calibration batches must be tensors of shape {wanted} like the example, "
                f"not {found}"
            )
    if not sum(map(frames_of, batches)):
        raise HwgenError(f"{what} needs real inputs; pass calibration=[batch, ...]")
    return mapped(joined(batches), lambda t: t[:most])


def _named(shape: tuple[int, ...]) -> str:
    return f"(batch, {', '.join(map(str, shape))})"
