"""Channel pruning by L1 norm, with real removal.

After Li et al., "Pruning Filters for Efficient ConvNets" (ICLR 2017): of each layer, the output
channels whose weights have the smallest L1 norm go, together with everything that belongs to
them (batch norm, the inputs of the next layer, also through a flatten). Norms are those of the
unpruned network, and the same share goes in every layer.
"""

__all__ = ["check_prunable", "prune_channels"]

from collections.abc import Sequence

import torch
import torch_pruning
from torch import Tensor, nn

from hwgen.compression.recipe import PruneRecipe
from hwgen.compression.trace import Layer, find_layers
from hwgen.errors import HwgenError, InternalError

REMOVE = {
    nn.Conv2d: torch_pruning.prune_conv_out_channels,
    nn.Linear: torch_pruning.prune_linear_out_channels,
}


def check_prunable(layers: Sequence[Layer], recipe: PruneRecipe) -> dict[str, int]:
    """Return how many output channels to remove, by the path of the layer.

    Every layer with weights counts, but the last: its channels are the network's outputs.

    Raises
    ------
    HwgenError : a layer would keep no channel
    """
    weighted = [layer for layer in layers if type(layer.module) in REMOVE]
    removed = {}
    for layer in weighted[:-1]:
        channels = layer.module.get_parameter("weight").shape[0]
        # the nudge makes 0.29 of 100 channels 29, although 0.29 * 100 < 29 in floating point
        removed[layer.path] = int(recipe.channels * channels + 1e-9)
        if removed[layer.path] >= channels:
            raise HwgenError(
                f"{layer.path}: pruning must leave at least one of its {channels} channels, "
                f"not remove a share of {recipe.channels}; prune less"
            )
    return removed


def prune_channels(model: nn.Module, recipe: PruneRecipe, example: Tensor) -> None:
    """Remove channels of the model, in place: its tensors become smaller.

    Parameters
    ----------
    example : (batch, channels, height, width) or (batch, features), a float tensor

    Raises
    ------
    HwgenError : a layer would keep no channel
    UnsupportedError, NetworkError : from `find_layers`
    """
    layers = find_layers(model, example)
    removed = check_prunable(layers, recipe)
    modules = {layer.path: layer.module for layer in layers}
    before = {path: modules[path].get_parameter("weight").shape[0] for path in removed}
    weakest = {
        path: _weakest(modules[path].get_parameter("weight"), count)
        for path, count in removed.items()
        if count
    }
    graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=example)
    for path, channels in weakest.items():
        remove = REMOVE[type(modules[path])]
        graph.get_pruning_group(modules[path], remove, idxs=channels).prune()
    for path, count in removed.items():
        left = modules[path].get_parameter("weight").shape[0]
        if left != before[path] - count:
            raise InternalError(f"{path}: {left} channels are left, not {before[path] - count}")
    find_layers(model, example)  # the pruned model runs


def _weakest(weight: Tensor, count: int) -> list[int]:
    norms = weight.detach().abs().flatten(1).sum(1)
    order = torch.argsort(norms, stable=True)
    return sorted(int(channel) for channel in order[:count])
