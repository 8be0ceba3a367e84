"""Fitting: the ways of least cost that fit a device together, of which few are built.

A way that is not built yet stands with the least that it can take. Prices on what is scarce say
which way of each layer is the cheapest, and these are built. What then can no more be part of the
best choice, since with it even the least that all others take is more than a choice that is built,
is left unbuilt. Of the rest the choice is exact, but where a network fills its device to the last
per cent: no more than `ENOUGH` ways of a layer are built.
"""

__all__ = ["cheapest_fitting"]

from collections.abc import Sequence

import numpy as np

from hwgen.planning.estimate.resources import Resources
from hwgen.planning.layers.folding import Folding
from hwgen.planning.search.allocation import (
    ROUNDING,
    Choices,
    FloatArray,
    Option,
    allocate,
    frontier,
    vector_of,
)
from hwgen.planning.search.candidates import LayerCandidates

BATCH = 8  # ways of a layer that are looked at more closely before prices are found anew
ENOUGH = 40  # that are built of a layer, to see whether they make a better choice than is known


class _Table:
    """The ways of a layer within a budget of clocks a frame, those aside that are found to need
    more.

    costs, needs : of each the least that it can take, or once it is settled, what it takes
    settled : which are built
    """

    def __init__(self, layer: LayerCandidates, cycles: int) -> None:
        self._layer, self._cycles = layer, cycles
        layer.cheapest(cycles)  # is there, or nothing is quick enough
        self._read(layer.quick_enough(cycles))
        self._before = int(self.settled.sum())  # that were built for something else

    def look(self, places: Sequence[int]) -> None:
        """Look at ways more closely: at their tables and weights, and the next time build them."""
        for n in places:
            self._layer.look(self.foldings[n])
        if places:
            self._read(self.foldings)

    def _read(self, foldings: Sequence[Folding]) -> None:
        """Take over what is known of ways; those that are built may turn out to be late."""
        built = [self._layer.built(folding) for folding in foldings]
        there = [n for n, found in enumerate(built) if not found or found[1] <= self._cycles]
        self.foldings = [foldings[n] for n in there]
        self.settled = np.array([built[n] is not None for n in there], dtype=bool)
        bounds = [self._layer.least(folding) for folding in self.foldings]
        self.costs = np.array([bound.cost for bound in bounds])
        self.needs = np.array([vector_of(bound.needs) for bound in bounds])

    def next_looks(self, excess: FloatArray, most: float) -> list[int]:
        """Return the next ways that are not built among those that exceed the least by no more
        than `most`; none once so many are built that the choice has to be good enough."""
        if int(self.settled.sum()) >= self._before + ENOUGH:
            return []
        order = np.argsort(excess, kind="stable")
        order = order[excess[order] <= most]
        return [int(n) for n in order[~self.settled[order]][:BATCH]]

    def with_next(self, n: int, excess: FloatArray) -> list[int]:
        """Return a way, and the next ones that exceed the least by no more than it does."""
        return list(dict.fromkeys([n, *self.next_looks(excess, excess[n])]))

    @property
    def options(self) -> list[Option]:
        """The ways that are built, without those that another undercuts in everything."""
        built = (self._layer.built(folding) for folding in self.foldings)
        return frontier(found[0] for found in built if found)


def cheapest_fitting(
    layers: Sequence[LayerCandidates], cycles: int, device: Resources
) -> list[Option]:
    """Return a way for each layer whose busiest part needs at most `cycles` clocks a frame, of the
    least cost in all within a device, as far as `ENOUGH` ways of each layer say; where none are
    within it, those that exceed it least.

    Raises
    ------
    PlanError : a layer has no way that is quick enough
    """
    tables = [_Table(layer, cycles) for layer in layers]
    limits = np.array(vector_of(device), dtype=float)
    while True:
        choices = Choices.of([t.costs for t in tables], [t.needs for t in tables], limits)
        if choices.hopeless:
            places = (choices.nearest - choices.starts).tolist()
            pending = [
                [] if table.settled[n] else [n] for table, n in zip(tables, places, strict=True)
            ]
        else:
            pending = _pending(tables, choices, limits)
        if not any(pending):
            return allocate([table.options for table in tables], device)
        for table, places in zip(tables, pending, strict=True):
            table.look(places)


def _pending(tables: Sequence[_Table], choices: Choices, limits: FloatArray) -> list[list[int]]:
    """Return of each layer the ways to look at more closely: those of a good choice, or where none
    is known those of least share; those of least cost at the prices of what is scarce; and then
    those that a better choice may have."""
    own = [choices.excess[span] for span in choices.spans]
    good = choices.cheapest_of(choices.shares) if choices.some is None else choices.some
    for wanted in (good, choices.cheapest(choices.prices)):
        places = (wanted - choices.starts).tolist()
        found = [
            [] if table.settled[n] else table.with_next(n, excess)
            for table, n, excess in zip(tables, places, own, strict=True)
        ]
        if any(found):
            return found
    built = Choices.of(
        [t.costs[t.settled] for t in tables], [t.needs[t.settled] for t in tables], limits
    )
    most = built.known - choices.least + ROUNDING * abs(choices.least)
    return [table.next_looks(excess, most) for table, excess in zip(tables, own, strict=True)]
