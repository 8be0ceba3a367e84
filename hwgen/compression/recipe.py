"""Recipes: what compression shall do, as validated data."""

__all__ = ["PruneRecipe", "PruneTarget", "QuantizeRecipe", "Recipe"]

from dataclasses import dataclass

from hwgen.compression.prune_recipe import PruneRecipe, PruneTarget
from hwgen.compression.quantize_recipe import QuantizeRecipe
from hwgen.errors import HwgenError


@dataclass(frozen=True)
class Recipe:
    """What `compress` does: prune, quantize, or both in this order.

    Raises
    ------
    HwgenError : there is nothing to do
    """

    prune: PruneRecipe | None = None
    quantize: QuantizeRecipe | None = None

    def __post_init__(self) -> None:
        if self.prune is None and self.quantize is None:
            raise HwgenError(
                "Recipe must prune, quantize or both, not neither; "
                "try Recipe(quantize=QuantizeRecipe())"
            )
