"""Shape-wise pruning: the same taps (channel, kh, kw) become zero in every filter of a layer.

A tap's strength is sum over filters f of |w[f, c, y, x]|. Without its weak taps a layer's dot
product is shorter, by the same terms in every row of the MAC array. After Wen et al., "Learning
Structured Sparsity in Deep Neural Networks" (SSL, NeurIPS 2016), and Lebedev and Lempitsky, "Fast
ConvNets Using Group-wise Brain Damage" (CVPR 2016). A tap of a linear layer is an input feature;
of a grouped convolution, the same place in every group.
"""

__all__ = ["mask_shapes"]

from dataclasses import replace

from hwgen.compression.prune.masks import apply_masks, joined
from hwgen.compression.prune.ranking import keep_strongest
from hwgen.compression.prune.state import PruningState, weighted_layers
from hwgen.compression.recipes.prune_recipe import PruneRecipe


def mask_shapes(state: PruningState, recipe: PruneRecipe, progress: float) -> PruningState:
    """Zero the share `recipe.shapes` of the taps of convolutions and linear layers."""
    layers = weighted_layers(state.graph)
    weights = {la.path: la.module.get_parameter("weight").detach() for la in layers}
    scores = {path: weight.abs().mean(0) for path, weight in weights.items()}
    taps = keep_strongest(scores, recipe, "shapes", progress)
    kept = {path: tap.expand_as(weights[path]).clone() for path, tap in taps.items()}
    masks = joined(state.masks, kept)
    apply_masks(state.model, masks)
    return replace(state, masks=masks)
