"""Sensitivity scan: how accuracy falls when one layer alone is pruned.

After Li et al., "Pruning Filters for Efficient ConvNets" (ICLR 2017), section 3.2: each layer is
pruned on its own, without training after it, to each of several shares.
"""

__all__ = ["Scan", "scan_sensitivity", "shares_by_scan", "shares_within"]

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from hwgen.compression.prune.channels import group_sizes
from hwgen.compression.prune.pruners import PRUNERS
from hwgen.compression.prune.state import PruningState, Train, weighted_layers
from hwgen.compression.prune.stripes import has_stripes
from hwgen.compression.recipes.prune_recipe import KINDS, PruneRecipe
from hwgen.errors import HwgenError
from hwgen.torch_graph.adopt import adopt
from hwgen.torch_graph.batches import Batch
from hwgen.torch_graph.trace import float_graph_of

SHARES = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875)
Scan = Mapping[str, Mapping[float, float]]


def scan_sensitivity(
    model: nn.Module,
    example: Batch,
    evaluate: Callable[[nn.Module], float],
    kind: str = "channels",
    *,
    shares: Sequence[float] = SHARES,
    recipe: PruneRecipe | None = None,
    calibration: Iterable[Batch] = (),
    train: Train | None = None,
) -> dict[str, dict[float, float]]:
    """Return the accuracy for each layer and share; the model is left as it is.

    Channels that must go together are one entry, under the first of their layers.

    Parameters
    ----------
    kind : "channels", "shapes", "stripes" or "weights"
    recipe : its importance, group and multiple are used
    calibration, train : for importances that need them

    Raises
    ------
    HwgenError : an unknown kind, or what the importance needs is missing
    """
    if kind not in KINDS:
        raise HwgenError(f"Kind of pruning must be one of {', '.join(KINDS)}, not {kind!r}")
    model = adopt(model).module
    graph = float_graph_of(model, example)
    state = PruningState(
        model, example, graph, sizes=group_sizes(graph), calibration=tuple(calibration), train=train
    )
    return _scan(state, evaluate, kind, shares, recipe or PruneRecipe())


def _scan(
    state: PruningState,
    evaluate: Callable[[nn.Module], float],
    kind: str,
    shares: Sequence[float],
    recipe: PruneRecipe,
) -> dict[str, dict[float, float]]:
    layers = weighted_layers(state.graph)
    groups: list[tuple[str, ...]] = list(state.sizes)
    if kind != "channels":
        groups = [(la.path,) for la in layers if kind != "stripes" or has_stripes(la.module)]
    scan: dict[str, dict[float, float]] = {}
    for paths in groups:
        row = scan[paths[0]] = {}
        for share in shares:
            alone = {layer.path: share if layer.path in paths else 0.0 for layer in layers}
            one = replace(recipe, skeleton=0.0, scope="layer", layers=alone, **{kind: share})  # type: ignore[arg-type]
            model, graph = copy.deepcopy((state.model, state.graph))
            work = replace(state, model=model, graph=graph)
            pruned = PRUNERS[kind](work, one, 1.0).model.eval()
            row[share] = float(evaluate(pruned))
    return scan


def shares_within(scan: Scan, floor: float) -> dict[str, float]:
    """Return the largest share of each layer up to which accuracy stays at `floor` or above.

    The result fits `PruneRecipe(layers=...)`.
    """
    found = {}
    for path, row in scan.items():
        found[path] = 0.0
        for share in sorted(row):
            if row[share] < floor:
                break
            found[path] = share
    return found


def shares_by_scan(
    state: PruningState, recipe: PruneRecipe, evaluate: Callable[[nn.Module], float]
) -> dict[str, float]:
    """Return the shares of layers that alone cost at most `recipe.sensitivity` of the accuracy.

    None exceeds the recipe's own share, and those that the recipe names stay as it says.

    Parameters
    ----------
    recipe : of one kind of pruning
    evaluate : the accuracy of a module in evaluation mode
    """
    (kind,) = (kind for kind in KINDS if getattr(recipe, kind))
    most = float(getattr(recipe, kind))
    shares = (*(share for share in SHARES if share < most), most)

    def scan() -> dict[str, Tensor]:
        # without masks: what they made zero is least, and goes first anyway
        alone = PruningState(
            *(state.model, state.example, state.graph),
            sizes=group_sizes(state.graph),
            calibration=state.calibration,
            train=state.train,
        )
        found = _scan(alone, evaluate, kind, shares, replace(recipe, sensitivity=None))
        rows = {path: list(row.values()) for path, row in found.items()}
        rows[""] = [float(evaluate(state.model.eval()))]
        return {path: torch.tensor(row, dtype=torch.float64) for path, row in rows.items()}

    accuracies, _ = state.checkpoints.recall("sensitivity", state.model, scan)
    rows = {path: dict(zip(shares, row.tolist(), strict=False)) for path, row in accuracies.items()}
    whole = rows.pop("")[shares[0]]
    assert recipe.sensitivity is not None
    return {**shares_within(rows, whole - recipe.sensitivity), **recipe.layers}
