"""Channel (filter, neuron) pruning with real removal: tensors become smaller.

The least important output channels go (`importance/`), together with everything that belongs to
them: batch norm, the inputs of the next layers, also through a flatten. What belongs together,
`channel_groups.py` reads off the graph; `torch_pruning` takes the channels out of each module.
After Li et al., "Pruning Filters for Efficient ConvNets" (ICLR 2017).
"""

__all__ = ["check_channels", "group_sizes", "remove_channels"]

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch_pruning
from torch import Tensor, nn

from hwgen.compression.prune.channel_groups import NORMS, ChannelGroups, is_depthwise
from hwgen.compression.prune.importance import IMPORTANCE
from hwgen.compression.prune.ranking import NUDGE
from hwgen.compression.prune.state import PruningState
from hwgen.compression.recipes.prune_recipe import PruneRecipe
from hwgen.errors import HwgenError, InternalError
from hwgen.torch_graph.float_graph import FloatGraph, FloatNode
from hwgen.torch_graph.modules import ArgMax
from hwgen.torch_graph.support import CONVOLUTIONS
from hwgen.torch_graph.update import with_shapes

Sizes = Mapping[tuple[str, ...], int]


def group_sizes(graph: FloatGraph) -> dict[tuple[str, ...], int]:
    """Return how many channels each group has to choose from, by the paths of its layers."""
    return {paths: len(channels) for paths, channels in ChannelGroups(graph).removable().items()}


def check_channels(sizes: Sizes, recipe: PruneRecipe) -> None:
    """Check that every layer keeps a channel.

    Parameters
    ----------
    sizes : channels of each group, by the paths of its layers

    Raises
    ------
    HwgenError : a layer would keep none
    """
    for paths, size in sizes.items():
        if recipe.multiple == 1 and _gone(_share(recipe, paths), size) >= size:
            raise HwgenError(
                f"{paths[0]}: pruning must leave at least one of its {size} channels, "
                f"not remove a share of {_share(recipe, paths)}; prune less"
            )


def remove_channels(state: PruningState, recipe: PruneRecipe, progress: float) -> PruningState:
    """Remove the share `recipe.channels` of the channels that each group had at first.

    Raises
    ------
    HwgenError : what the importance needs is missing
    """
    graph = state.graph
    groups = ChannelGroups(graph)
    gone = _weakest(state, recipe, progress, graph, groups)
    left: dict[str, int] = {}
    masks, stripes = dict(state.masks), dict(state.stripes)
    for layer in graph.layers:
        outputs, inputs = (
            [index for index, channel in enumerate(groups.of(name)) if channel in gone]
            for name in (layer.path, layer.inputs[0])
        )
        left[layer.path] = len(groups.of(layer.path)) - len(outputs)
        if layer.path in masks:
            masks[layer.path] = _without(masks[layer.path], layer.module, outputs, inputs)
        if layer.path in stripes:
            stripes[layer.path] = _dropped(stripes[layer.path], 0, outputs)
        _remove(layer, outputs, inputs)
    graph = with_shapes(graph, state.example)  # what is left runs
    for after in graph.layers:
        count = after.shape[0] if after.shape else 1
        if not isinstance(after.module, ArgMax) and count != left[after.path]:
            raise InternalError(f"{after.path}: {count} are left, not {left[after.path]}")
    return replace(state, graph=graph, masks=masks, stripes=stripes)


def _share(recipe: PruneRecipe, paths: tuple[str, ...]) -> float:
    """Return the share of a group: the least that the recipe names for one of its layers."""
    named = [recipe.share("channels", path) for path in paths if path in recipe.layers]
    return min(named, default=float(recipe.channels))


def _gone(share: float, size: int) -> int:
    return int(share * size + NUDGE)


def _weakest(
    state: PruningState,
    recipe: PruneRecipe,
    progress: float,
    graph: FloatGraph,
    groups: ChannelGroups,
) -> set[int]:
    """Return the numbers of the channels to remove."""
    removable = groups.removable()
    if not removable:
        return set()
    scores = IMPORTANCE[recipe.importance](state, graph, groups)
    sizes = {paths: state.sizes.get(paths, len(channels)) for paths, channels in removable.items()}
    wanted = {paths: _gone(_share(recipe, paths) * progress, n) for paths, n in sizes.items()}
    if recipe.scope == "global":
        wanted.update(_gone_globally(recipe, progress, scores, removable, sizes))
    gone: set[int] = set()
    for paths, channels in removable.items():
        keep = max(1, sizes[paths] - wanted[paths])
        # channels of a layer that have one number: several where convolutions have groups
        counts = {groups.of(path).count(channels[0]) for path in paths}
        while keep < len(channels) and any(keep * count % recipe.multiple for count in counts):
            keep += 1
        ranked = sorted(channels, key=scores.__getitem__)
        gone.update(ranked[: max(0, len(channels) - keep)])
    return gone


def _gone_globally(
    recipe: PruneRecipe,
    progress: float,
    scores: dict[int, float],
    removable: dict[tuple[str, ...], list[int]],
    sizes: Sizes,
) -> dict[tuple[str, ...], int]:
    """Return how many channels of each group shall be gone, by one ranking of all groups.

    Scores are divided by the mean of their group, so that those of different layers compare.
    """
    ranked: list[tuple[float, tuple[str, ...]]] = []
    wanted: dict[tuple[str, ...], int] = {}
    for paths, channels in removable.items():
        if any(path in recipe.layers for path in paths):
            continue
        wanted[paths] = sizes[paths] - len(channels)  # are gone already
        mean = sum(scores[channel] for channel in channels) / len(channels) or 1.0
        ordered = sorted(scores[channel] / mean for channel in channels)
        ranked += [(score, paths) for score in ordered[:-1]]  # the strongest stays
    total = _gone(recipe.channels * progress, sum(sizes[paths] for paths in wanted))
    for _, paths in sorted(ranked)[: max(0, total - sum(wanted.values()))]:
        wanted[paths] += 1
    return wanted


def _dropped(tensor: Tensor, dim: int, indexes: list[int]) -> Tensor:
    kept = torch.ones(tensor.shape[dim], dtype=torch.bool)
    kept[indexes] = False
    return tensor.index_select(dim, kept.nonzero().flatten().to(tensor.device))


def _without(mask: Tensor, module: nn.Module, outputs: list[int], inputs: list[int]) -> Tensor:
    """Return what is left of a layer's mask."""
    mask = _dropped(mask, 0, outputs)
    if is_depthwise(module):
        return mask
    of_group = mask.shape[1]  # every group loses the same places
    return _dropped(mask, 1, [index for index in inputs if index < of_group])


def _remove(layer: FloatNode, outputs: list[int], inputs: list[int]) -> None:
    """Take channels out of a module, and check what is left."""
    module = layer.module
    if isinstance(module, NORMS):
        wanted = [module.num_features - len(outputs)]
        torch_pruning.prune_batchnorm_out_channels(module, outputs)
        found = [module.num_features]
        if module.running_mean is not None:
            found = list(module.running_mean.shape)
    elif isinstance(module, nn.Linear):
        before = module.weight.shape
        wanted = [before[0] - len(outputs), before[1] - len(inputs)]
        torch_pruning.prune_linear_out_channels(module, outputs)
        torch_pruning.prune_linear_in_channels(module, inputs)
        found = list(module.weight.shape)
    elif isinstance(module, CONVOLUTIONS):
        before, groups = module.weight.shape, module.groups
        depthwise = is_depthwise(module)
        of_group = before[1] if depthwise else before[1] - len(inputs) // groups
        wanted = [before[0] - len(outputs), of_group, *before[2:]]
        torch_pruning.prune_conv_out_channels(module, outputs)
        if depthwise:  # of any number of outputs a channel
            module.in_channels -= len(inputs)
            module.groups -= len(inputs)
        else:
            torch_pruning.prune_conv_in_channels(module, inputs)
        found = list(module.weight.shape)
    elif isinstance(module, nn.PReLU) and module.num_parameters > 1:
        wanted = [module.num_parameters - len(outputs)]
        torch_pruning.prune_prelu_out_channels(module, outputs)
        found = [module.num_parameters]
    else:
        return
    if found != wanted:
        raise InternalError(f"{layer.path}: pruned to {found}, not to {wanted}")
