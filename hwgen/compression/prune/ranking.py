"""The least important entries, of each layer or of all together."""

__all__ = ["check_layers", "keep_strongest"]

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from hwgen.compression.recipes.prune_recipe import PruneRecipe
from hwgen.errors import HwgenError

NUDGE = 1e-9  # makes 0.29 of 100 entries 29, although 0.29 * 100 < 29 in floating point


def check_layers(recipe: PruneRecipe, paths: Iterable[str]) -> None:
    """Refuse shares of layers that are not there.

    Raises
    ------
    HwgenError : names the first one, and those that are
    """
    known = list(paths)
    for path in recipe.layers:
        if path not in known:
            raise HwgenError(
                f"{path}: PruneRecipe.layers must name layers with weights, "
                f"which are {', '.join(known)}"
            )


def keep_strongest(
    scores: Mapping[str, Tensor], recipe: PruneRecipe, kind: str, progress: float
) -> dict[str, Tensor]:
    """Return which entries stay, by path, in the shapes of the scores.

    Of equal scores the first goes first. The largest of each layer always stays: a layer of zeros
    cuts the network in two.

    Parameters
    ----------
    scores : by path, the more the stronger
    kind : of the recipe's shares
    """
    together = [path for path in scores if recipe.scope == "global" and path not in recipe.layers]
    ranked = {
        path: _kept([score], recipe.share(kind, path) * progress)[0]
        for path, score in scores.items()
        if path not in together
    }
    if together:
        share = recipe.share(kind, together[0]) * progress
        kept = _kept([scores[path] for path in together], share)
        ranked.update(zip(together, kept, strict=True))
    return ranked


def _kept(scores: list[Tensor], share: float) -> list[Tensor]:
    rows = [score.detach().double().flatten().clone() for score in scores]
    for row in rows:
        row[row.argmax()] = torch.inf
    values = torch.cat(rows)
    gone = min(int(share * len(values) + NUDGE), len(values) - len(rows))
    kept = torch.ones(len(values), dtype=torch.bool, device=values.device)
    kept[values.argsort(stable=True)[:gone]] = False
    parts = torch.split(kept, [len(row) for row in rows])
    return [part.reshape(score.shape) for part, score in zip(parts, scores, strict=True)]
