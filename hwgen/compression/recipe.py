"""Recipes: what compression shall do, as validated data."""

__all__ = ["PruneRecipe", "QuantizeRecipe", "Recipe"]

from dataclasses import dataclass

from hwgen.compression.quantize_recipe import QuantizeRecipe
from hwgen.errors import HwgenError


def _check_epochs(epochs: object) -> None:
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 0:
        raise HwgenError(f"Number of epochs must be an integer of at least 0, not {epochs!r}")


@dataclass(frozen=True)
class PruneRecipe:
    """Remove the output channels with the smallest L1 norm from every layer but the last.

    channels : share to remove of each layer, 0.5 removes half
    epochs : of fine-tuning afterwards, where `train` is given

    Raises
    ------
    HwgenError : a value is out of its range
    """

    channels: float = 0.5
    epochs: int = 10

    def __post_init__(self) -> None:
        share = self.channels
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise HwgenError(f"Share of channels to prune must lie in [0, 1), not {share!r}")
        _check_epochs(self.epochs)


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
