"""Allocation: which way each layer is built, within what all of them share."""

__all__ = ["Option", "allocate", "frontier", "needs_of"]

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hwgen.planning.estimate.resources import Resources
from hwgen.planning.implementations.implementation import Core
from hwgen.planning.layers.folding import Folding


@dataclass(frozen=True)
class Option:
    """One way to build a layer.

    cost : in LUTs, by which options are compared
    needs : of what layers share
    """

    cost: float
    needs: Resources
    folding: Folding
    core: Core


def needs_of(options: Iterable[Option]) -> Resources:
    """Return what options need together."""
    return sum((option.needs for option in options), Resources())


def _vector(needs: Resources) -> list[float]:
    return [needs.luts, needs.ffs, needs.dsps, needs.block_rams]


def _undominated(rows: npt.NDArray[np.float64]) -> list[int]:
    """Return the rows that no other undercuts or equals in every column, by the first column."""
    kept: list[int] = []
    for n in np.lexsort(rows.T[::-1]).tolist():
        if not kept or not (rows[kept] <= rows[n]).all(axis=1).any():
            kept.append(n)
    return kept


def frontier(options: Iterable[Option]) -> list[Option]:
    """Return the options that none undercuts in cost and in every need, the cheapest first."""
    found = list(options)
    if not found:
        return []
    rows = np.array([[option.cost, *_vector(option.needs)] for option in found])
    return [found[n] for n in _undominated(rows)]


def allocate(layers: Sequence[Sequence[Option]], budget: Resources) -> list[Option]:
    """Return an option for each layer, of the least cost in all within a budget; where none are
    within it, those that exceed it least.

    Exact: a knapsack with a choice for each layer, by the needs so far. Only ways that another
    undercuts in everything are dropped, and those that leave too little for the layers to come;
    a resource that cannot run out does not count.
    """
    needs = [np.array([_vector(o.needs) for o in options], dtype=float) for options in layers]
    costs = [np.array([o.cost for o in options]) for options in layers]
    limits = np.array(_vector(budget), dtype=float)
    scarce = sum((n.max(axis=0) for n in needs), np.zeros(4)) > limits
    least = [n.min(axis=0) for n in needs]
    rest = sum(least, np.zeros(4))
    ways: list[tuple[int, ...]] = [()]
    table = np.zeros((1, 5))  # cost and needs of each way
    for cost, need, lowest in zip(costs, needs, least, strict=True):
        rest = rest - lowest
        further = np.column_stack([cost, need])
        whole = (table[:, None, :] + further[None, :, :]).reshape(-1, 5)
        index = np.flatnonzero(((whole[:, 1:] + rest)[:, scarce] <= limits[scarce]).all(axis=1))
        if not len(index):
            return [_nearest(options, limits) for options in layers]
        kept = index[_undominated(whole[index][:, [True, *scarce]])]
        ways = [(*ways[n // len(cost)], int(n % len(cost))) for n in kept]
        table = whole[kept]
    best = ways[int(table[:, 0].argmin())]
    return [options[n] for options, n in zip(layers, best, strict=True)]


def _nearest(options: Sequence[Option], limits: npt.NDArray[np.float64]) -> Option:
    """Return the option that takes the least share of what there is."""

    def share(option: Option) -> float:
        return float((np.array(_vector(option.needs)) / np.maximum(1.0, limits)).max())

    return min(options, key=lambda option: (share(option), option.cost))
