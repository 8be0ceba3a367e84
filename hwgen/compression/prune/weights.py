"""Unstructured pruning: the weights of the smallest magnitude become zero.

mask = |w| > t, where the threshold t leaves the wanted share below it, of each layer or of all
layers together. After Han et al., "Learning both Weights and Connections for Efficient Neural
Networks" (NeurIPS 2015).
"""

__all__ = ["mask_weights"]

from dataclasses import replace

from hwgen.compression.prune.masks import apply_masks, joined
from hwgen.compression.prune.ranking import keep_strongest
from hwgen.compression.prune.state import PruningState, weighted_layers
from hwgen.compression.recipes.prune_recipe import PruneRecipe


def mask_weights(state: PruningState, recipe: PruneRecipe, progress: float) -> PruningState:
    """Zero the share `recipe.weights` of the weights of convolutions and linear layers."""
    layers = weighted_layers(state.graph)
    scores = {la.path: la.module.get_parameter("weight").detach().abs() for la in layers}
    masks = joined(state.masks, keep_strongest(scores, recipe, "weights", progress))
    apply_masks(state.model, masks)
    return replace(state, masks=masks)
