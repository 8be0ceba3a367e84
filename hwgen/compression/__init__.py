"""Compression: from a trained PyTorch model to a small one with integer arithmetic."""

__all__ = [
    "Compressed",
    "Example",
    "PruneRecipe",
    "PruneTarget",
    "QuantizeRecipe",
    "Recipe",
    "StepRecord",
    "compress",
]

from hwgen.compression.recipes.recipe import PruneRecipe, PruneTarget, QuantizeRecipe, Recipe
from hwgen.compression.workflow import Compressed, Example, StepRecord, compress
