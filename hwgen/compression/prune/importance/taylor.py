"""First-order Taylor expansion of the loss: mean over batches of (sum of g * w over a filter)**2.

What the squared loss would change by if the filter were zero, to first order. After Molchanov et
al., "Importance Estimation for Neural Network Pruning" (CVPR 2019). The gradients g are those of
one epoch of the user's training, on a copy of the model.
"""

__all__ = ["taylor"]

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from hwgen.compression.prune.channel_groups import WEIGHTED, ChannelGroups
from hwgen.compression.prune.importance.layerwise import summed
from hwgen.compression.prune.masks import on_gradient
from hwgen.compression.prune.state import PruningState
from hwgen.errors import HwgenError
from hwgen.torch_graph.float_graph import FloatGraph


def taylor(state: PruningState, graph: FloatGraph, groups: ChannelGroups) -> dict[int, float]:
    """Return the expansion's squares, added up where channels go together.

    Raises
    ------
    HwgenError : no training, or one without gradients
    """
    if state.train is None:
        raise HwgenError("Importance taylor needs gradients; pass train=, or use importance l1")
    paths = [layer.path for layer in graph.layers if isinstance(layer.module, WEIGHTED)]
    scores, _ = state.checkpoints.recall("taylor", state.model, lambda: _run(state, paths))
    return summed(scores, groups)


def _run(state: PruningState, paths: list[str]) -> dict[str, Tensor]:
    """Return the mean squares of each layer's filters, (filters,) by path."""
    assert state.train is not None
    model = copy.deepcopy(state.model)
    squares: dict[str, list[Tensor]] = {path: [] for path in paths}
    for path in paths:
        weight = model.get_submodule(path).get_parameter("weight")
        weight.requires_grad_()
        on_gradient(weight, _noting(weight, squares[path]))
    model.train()
    state.train(model, 1)
    for path, seen in squares.items():
        if not seen:
            raise HwgenError(
                f"{path}: importance taylor saw no gradient in one epoch of train; "
                "let train compute one for every layer, or use importance l1"
            )
    return {path: torch.stack(seen).mean(0) for path, seen in squares.items()}


def _noting(weight: nn.Parameter, squares: list[Tensor]) -> Callable[[Tensor], None]:
    def note(gradient: Tensor) -> None:
        products = (gradient * weight.detach()).double().flatten(1)
        squares.append(products.sum(1) ** 2)

    return note
