"""Allocation: which way each layer is built, within what all of them share."""

__all__ = ["Choices", "Option", "allocate", "frontier", "needs_of", "vector_of"]

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hwgen.planning.estimate.resources import Resources
from hwgen.planning.implementations.implementation import Core
from hwgen.planning.layers.folding import Folding

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

STEPS = 200  # in which prices are found
ROUNDING = 1e-9  # of sums, as a share of them


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


def vector_of(needs: Resources) -> list[float]:
    """Return needs as a row of numbers."""
    return [needs.luts, needs.ffs, needs.dsps, needs.block_rams]


def _undominated(rows: FloatArray) -> list[int]:
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
    rows = np.array([[option.cost, *vector_of(option.needs)] for option in found])
    return [found[n] for n in _undominated(rows)]


@dataclass(frozen=True, eq=False)
class Choices:
    """A choice for each layer, within what all of them share.

    costs, needs : of all ways of all layers one after the other, (ways,) and (ways, 4)
    starts : the first way of each layer
    limits : (4,)
    """

    costs: FloatArray
    needs: FloatArray
    starts: IntArray
    limits: FloatArray

    @classmethod
    def of(
        cls, costs: Sequence[FloatArray], needs: Sequence[FloatArray], limits: FloatArray
    ) -> "Choices":
        """Return the choices of layers, each with its ways."""
        starts = np.cumsum([0, *map(len, costs)])[:-1]
        return cls(np.concatenate(costs), np.concatenate(needs), starts, limits)

    @cached_property
    def spans(self) -> list[slice]:
        """The ways of each layer."""
        ends = [*self.starts[1:].tolist(), len(self.costs)]
        return [slice(start, end) for start, end in zip(self.starts.tolist(), ends, strict=True)]

    @cached_property
    def layer_of(self) -> IntArray:
        """The layer of each way, (ways,)"""
        counts = [span.stop - span.start for span in self.spans]
        return np.repeat(np.arange(len(counts)), counts)

    @cached_property
    def ceilings(self) -> FloatArray:
        """The limits, and what sums are rounded by."""
        return np.asarray(self.limits + ROUNDING * np.maximum(1.0, np.abs(self.limits)))

    @cached_property
    def scarce(self) -> npt.NDArray[np.bool_]:
        """Which resources can run out."""
        return np.asarray(np.maximum.reduceat(self.needs, self.starts).sum(axis=0) > self.ceilings)

    @cached_property
    def shares(self) -> FloatArray:
        """Of each way the share of what there is that it takes, weighed so that the ways of least
        share take as much as they can, (ways,); no choice fits where these are more than one.

        Weights of resources grow with how much the least ways exceed them (Arora, Hazan and Kale,
        "The Multiplicative Weights Update Method", 2012).
        """
        unit = self.needs[:, self.scarce] / np.maximum(1.0, self.limits[self.scarce])
        grown = np.zeros(unit.shape[1])
        best, found = -np.inf, unit.sum(axis=1)
        for _ in range(STEPS if len(grown) else 0):
            weights = np.exp(grown - grown.max())
            weights /= weights.sum()
            shares = unit @ weights
            least = float(np.minimum.reduceat(shares, self.starts).sum())
            if least > best:
                best, found = least, shares
            used = unit[self.cheapest_of(shares)].sum(axis=0)
            grown = grown + (used - 1) / max(1e-9, float(np.abs(used - 1).max())) / 4
        return np.asarray(found)

    @cached_property
    def hopeless(self) -> bool:
        """Whether no choice can fit."""
        least = np.minimum.reduceat(self.needs, self.starts).sum(axis=0)
        if (least > self.ceilings).any():
            return True
        # where something that there is none of is needed by some ways only, shares say nothing
        sure = bool((self.limits[self.scarce] >= 1).all()) and bool(self.scarce.any())
        return sure and float(np.minimum.reduceat(self.shares, self.starts).sum()) > 1 + 1e-6

    @cached_property
    def prices(self) -> FloatArray:
        """What a unit of each resource costs besides, so that the cheapest ways cost as much as
        they can and yet no more than any that fit (Lagrange multipliers; Everett, "Generalized
        Lagrange Multiplier Method", 1963)."""
        best, prices = self._least_at(np.zeros(4)), np.zeros(4)
        if not self.scarce.any() or self.hopeless:
            return prices
        unit = np.where(self.scarce, np.maximum(1.0, self.limits), np.inf)
        trial, first = prices, best
        for step in range(1, 1 + STEPS):
            used = self.needs[self.cheapest(trial)].sum(axis=0)
            over = np.where(self.scarce, used - self.limits, 0.0) / unit
            size = float(np.abs(over[self.scarce]).max())
            if size == 0:
                break
            trial = np.maximum(0.0, trial + first / step * over / size / unit)
            least = self._least_at(trial)
            if least > best:
                best, prices = least, trial
        return prices

    def priced(self, prices: FloatArray) -> FloatArray:
        """Return the costs of all ways with the prices of what they need."""
        found: FloatArray = self.costs + self.needs[:, self.scarce] @ prices[self.scarce]
        return found

    def cheapest(self, prices: FloatArray) -> IntArray:
        """Return the cheapest way of each layer."""
        return self.cheapest_of(self.priced(prices))

    def cheapest_of(self, priced: FloatArray) -> IntArray:
        """Return the least way of each layer."""
        return np.array([span.start + int(priced[span].argmin()) for span in self.spans])

    @cached_property
    def nearest(self) -> IntArray:
        """The way of each layer that takes the least share of what there is, and costs least."""
        share = (self.needs / np.maximum(1.0, self.limits)).max(axis=1)
        first = [int(np.lexsort((self.costs[span], share[span]))[0]) for span in self.spans]
        return np.asarray(self.starts + first)

    @cached_property
    def least(self) -> float:
        """A lower bound of what any choice that fits costs."""
        return self._least_at(self.prices)

    @cached_property
    def excess(self) -> FloatArray:
        """How much more than the lower bound a choice costs at the least that has a way, (ways,)"""
        return self.above_least(self.priced(self.prices))

    def above_least(self, priced: FloatArray) -> FloatArray:
        """Return how much more than the least of its layer each way has."""
        found: FloatArray = priced - np.minimum.reduceat(priced, self.starts)[self.layer_of]
        return found

    @cached_property
    def some(self) -> IntArray | None:
        """A choice that fits, a good one; None where none was found."""
        starts = (self.cheapest(self.prices), self.cheapest_of(self.shares))
        found = [choice for start in starts if (choice := self._improved(start)) is not None]
        return min(found, key=lambda choice: float(self.costs[choice].sum()), default=None)

    @property
    def known(self) -> float:
        """The cost of a choice that fits, a good one; infinite where none was found."""
        if self.some is None:
            return np.inf
        return float(self.costs[self.some].sum()) * (1 + ROUNDING)

    def _improved(self, choice: IntArray) -> IntArray | None:
        """Return a choice after exchanges of one way each, as long as these make it fit better, and
        then as long as they make it cheaper; None where it does not fit in the end."""
        choice = choice.copy()
        unit = np.where(np.isfinite(self.limits), np.maximum(1.0, self.limits), 1.0)
        for _ in range(STEPS):
            own = choice[self.layer_of]
            used = self.needs[choice].sum(axis=0)
            after = used - self.needs[own] + self.needs  # (ways, 4), each exchanged alone
            over = np.maximum(0.0, (after - self.ceilings) / unit).sum(axis=1)
            costs = self.costs - self.costs[own]
            best = int(np.lexsort((costs, over))[0])
            here = float(over[choice[0]])  # exchanged for itself
            if over[best] >= here and costs[best] >= 0:
                break
            choice[self.layer_of[best]] = best
        return choice if (self.needs[choice].sum(axis=0) <= self.ceilings).all() else None

    def _least_at(self, prices: FloatArray) -> float:
        cheapest = np.minimum.reduceat(self.priced(prices), self.starts).sum()
        return float(cheapest - prices[self.scarce] @ self.limits[self.scarce])


def allocate(layers: Sequence[Sequence[Option]], budget: Resources) -> list[Option]:
    """Return an option for each layer, of the least cost in all within a budget; where none are
    within it, those that exceed it least.

    Exact: a knapsack with a choice for each layer, by the needs so far. Only ways are dropped that
    another undercuts in everything, that leave too little for the layers to come, or that cost
    more than a choice that is known, whatever is chosen for these; a resource that cannot run out
    does not count.
    """
    choices = Choices.of(
        [np.array([o.cost for o in options]) for options in layers],
        [np.array([vector_of(o.needs) for o in options], dtype=float) for options in layers],
        np.array(vector_of(budget), dtype=float),
    )
    found = _exactly(choices)
    if found is None:
        found = (choices.nearest - choices.starts).tolist()
    return [options[n] for options, n in zip(layers, found, strict=True)]


def _exactly(choices: Choices) -> list[int] | None:
    """Return the way of each layer that is of the choice of least cost that fits, None where none
    does."""
    if choices.hopeless:
        return None
    limits, scarce = choices.ceilings, choices.scarce
    least = np.minimum.reduceat(choices.needs, choices.starts)[:, scarce]
    most = choices.known - choices.least + ROUNDING * abs(choices.least)
    rest = least.sum(axis=0)
    ways: list[tuple[int, ...]] = [()]
    table = np.zeros((1, 2 + int(scarce.sum())))  # excess, cost and needs of each way
    for own, lowest in zip(choices.spans, least, strict=True):
        rest, count = rest - lowest, own.stop - own.start
        further = [choices.excess[own], choices.costs[own], choices.needs[own][:, scarce]]
        whole = table[:, None, :] + np.column_stack(further)[None, :, :]
        whole = whole.reshape(-1, table.shape[1])
        fits = (whole[:, 2:] + rest <= limits[scarce]).all(axis=1) & (whole[:, 0] <= most)
        index = np.flatnonzero(fits)
        if not len(index):
            return None
        kept = index[_undominated(whole[index, 1:])]
        ways = [(*ways[n // count], int(n % count)) for n in kept]
        table = whole[kept]
    return list(ways[int(table[:, 1].argmin())])
