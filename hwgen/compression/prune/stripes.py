"""Stripe-wise pruning: of each filter some positions (kh, kw) become zero, for all channels.

A stripe's strength is |s|, the weight that a skeleton learned for it (`skeleton.py`), or without
one the mean of |w[f, :, y, x]|. After Meng et al., "Pruning Filter in Filter" (NeurIPS 2020).
With `group`, neighbouring filters that the rows of a MAC array compute together lose the same
positions, so that the array can skip them. Convolutions of one tap have no stripes to choose from.
"""

__all__ = ["check_stripes", "has_stripes", "mask_stripes"]

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from hwgen.compression.prune.masks import apply_masks, joined
from hwgen.compression.prune.ranking import keep_strongest
from hwgen.compression.prune.state import PruningState, weighted_layers
from hwgen.compression.recipes.prune_recipe import PruneRecipe
from hwgen.errors import HwgenError
from hwgen.torch_graph.float_graph import FloatGraph
from hwgen.torch_graph.support import CONVOLUTIONS


def has_stripes(module: nn.Module) -> bool:
    """Say whether a layer is a convolution of more than one tap."""
    return isinstance(module, CONVOLUTIONS) and math.prod(module.kernel_size) > 1


def check_stripes(graph: FloatGraph) -> None:
    """Check that there are stripes to prune.

    Raises
    ------
    HwgenError : no convolution has any
    """
    if not any(has_stripes(layer.module) for layer in graph.layers):
        raise HwgenError(
            "Stripes need a convolution with a kernel of more than one tap, and the model has "
            "none; prune channels, shapes or weights instead"
        )


def mask_stripes(state: PruningState, recipe: PruneRecipe, progress: float) -> PruningState:
    """Zero the share `recipe.stripes` of the stripes, in groups of `recipe.group` filters."""
    scores, weights = {}, {}
    for layer in weighted_layers(state.graph):
        if has_stripes(layer.module):
            weight = layer.module.get_parameter("weight").detach()
            strength = weight.abs().mean(1)
            learned = state.stripes.get(layer.path)
            if learned is not None:  # what was zeroed before has no strength, whatever s is
                strength = torch.where(strength > 0, learned.abs().to(strength), 0.0)
            weights[layer.path] = weight
            scores[layer.path] = _grouped(strength, recipe.group)
    kept = {}
    for path, groups in keep_strongest(scores, recipe, "stripes", progress).items():
        filters = groups.repeat_interleave(recipe.group, 0)[: len(weights[path])]
        kept[path] = filters[:, None].expand_as(weights[path]).clone()
    masks = joined(state.masks, kept)
    apply_masks(state.model, masks)
    return replace(state, masks=masks)


def _grouped(strength: Tensor, group: int) -> Tensor:
    """Return the mean over neighbouring filters, (groups, kh, kw); the last may have fewer."""
    return torch.stack([part.mean(0) for part in torch.split(strength, group)])
