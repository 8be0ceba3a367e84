"""Candidates: the ways in which a layer can be built, and what each takes."""

__all__ = ["LayerCandidates"]

from collections.abc import Mapping, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush

import numpy as np

from hwgen.errors import PlanError
from hwgen.planning.estimate.resources import estimate, weigh
from hwgen.planning.implementations import (
    WAYS,
    Conditions,
    Core,
    candidates,
    core_for,
    implementation_of,
    min_cycles,
)
from hwgen.planning.implementations.bounds import Bounds
from hwgen.planning.implementations.implementation import Bound
from hwgen.planning.layers.folding import Folding
from hwgen.planning.layers.layer import Layer
from hwgen.planning.plan import Alternative, Stage
from hwgen.planning.search.allocation import Option
from hwgen.targets import Target

NO_HURRY = 1 << 40  # clocks a frame that anything can keep


class LayerCandidates:
    """The ways in which a layer can be built; each is looked at once, and only where it may pay."""

    def __init__(self, layer: Layer, target: Target, clock_hz: int, wanted: dict[str, int]):
        """Look at the ways that agree with the user's choices, `wanted`; of lanes with those that
        are part of a shape: those of a drain come later.

        Raises
        ------
        PlanError : none does
        """
        self.layer, self.target = layer, target
        self._built: dict[Folding, tuple[Option, int]] = {}  # with the clocks that it needs
        self._bounds = Bounds(layer, target)
        self._floors: dict[Folding, Bound] = {}  # what it takes at the least, as far as known
        self._closely: set[Folding] = set()  # looked at closely
        chosen = {what: n for what, n in wanted.items() if what != "lanes"}
        self._chosen = " and ".join(f"{what}={n}" for what, n in chosen.items())
        agreeing = self._agreeing(Conditions(target, clock_hz, chosen))
        # lanes that are part of the shape are chosen here, those of a drain once it is known
        suited = [
            folding
            for folding in agreeing
            if implementation_of(folding).drains or folding.lanes == wanted.get("lanes")
        ]
        self.foldings = suited if "lanes" in wanted and suited else agreeing

    def _agreeing(self, conditions: Conditions) -> list[Folding]:
        """Return the foldings that agree with the user's choices."""
        found, wanted = candidates(self.layer, conditions), conditions.wanted
        agreeing = [f for f in found if all(f.choice(what) == n for what, n in wanted.items())]
        if agreeing or not wanted:
            return agreeing
        raise PlanError(
            f"{self.layer.name}: folding must have {_choices(found, wanted)}; others only idle "
            "longer"
        )

    def _option(self, folding: Folding) -> tuple[Option, int]:
        """Return a way, and the clocks of a frame that its busiest part needs."""
        if folding not in self._built:
            layer, target = self.layer, self.target
            core = core_for(layer, folding, target)
            options = [self._as_option(folding, core)]
            way = implementation_of(folding)
            drains = way.drains(core, layer) if way.drains else ()
            for lanes in drains[:1]:  # what rests between lets fewer lanes do
                if lanes < folding.lanes:
                    narrow = way.with_lanes(core, layer, lanes, target)
                    options.append(self._as_option(replace(folding, lanes=lanes), narrow))
            option = min(options, key=lambda option: option.cost)
            self._built[folding] = option, Stage(layer, option.folding, option.core).busy
        return self._built[folding]

    def _as_option(self, folding: Folding, core: Core) -> Option:
        needs = estimate(core, self.target)
        return Option(weigh(needs, self.target), needs, folding, core)

    def quick_enough(self, cycles: int) -> list[Folding]:
        """Return the ways that may need at most so many clocks a frame."""
        return [f for f in self.foldings if min_cycles(self.layer, f) <= cycles]

    def cheapest(self, cycles: int) -> Option:
        """Return the cheapest way whose busiest part needs at most so many clocks a frame.

        What may be cheapest is looked at first, roughly, then closely, and only then built, if
        nothing that was built takes less than it does at the least.

        Raises
        ------
        PlanError : not even the most parallel one needs as few clocks
        """
        found: dict[Folding, Option] = {}
        least = np.inf  # cost of what is found
        queue = [
            (self.least(folding).cost, place, folding)
            for place, folding in enumerate(self.quick_enough(cycles))
        ]
        heapify(queue)
        while queue:
            cost, place, folding = heappop(queue)
            if cost > least:
                break
            if folding not in self._built:
                self.look(folding)
                heappush(queue, (self.least(folding).cost, place, folding))
                continue
            option, clocks = self._built[folding]
            if clocks <= cycles:
                found[folding] = option
                least = min(least, option.cost)
        if not found:
            fewest, way_out = self._fewest(), "ask for fewer frames a second or a faster clock"
            how = f"with {self._chosen}" if self._chosen else "however parallel"
            way_out += ", or leave that choice out" if self._chosen else ""
            raise PlanError(
                f"{self.layer.name}: needs at least {fewest} clocks a frame, {how}, "
                f"and the goal leaves {cycles}; {way_out}"
            )
        ordered = (found[folding] for folding in self.foldings if folding in found)
        return min(ordered, key=lambda option: option.cost)

    def _fewest(self) -> int:
        """Return the clocks of a frame of the quickest way, which is built to know them. What is
        there on every target is as quick as anything of the same shape."""
        plain = WAYS[type(self.layer.op)][0].name
        ways = [f for f in self.foldings if f.implementation == plain] or self.foldings
        fewest = NO_HURRY
        for folding in sorted(ways, key=lambda folding: min_cycles(self.layer, folding)):
            if min_cycles(self.layer, folding) >= fewest:
                break
            fewest = min(fewest, self._option(folding)[1])
        return fewest

    def built(self, folding: Folding) -> tuple[Option, int] | None:
        """Return a way and the clocks of a frame that its busiest part needs, None where it is not
        built."""
        return self._built.get(folding)

    def least(self, folding: Folding) -> Bound:
        """Return the least that a way can take, as far as that is known."""
        if folding in self._built:
            option, _ = self._built[folding]
            return Bound(option.cost, option.needs)
        if folding not in self._floors:
            self._floors[folding] = implementation_of(folding).least(self._bounds, folding, False)
        return self._floors[folding]

    def look(self, folding: Folding) -> None:
        """Look at a way more closely: at its tables and weights, and the next time build it."""
        if folding in self._closely:
            self._option(folding)
            return
        self._closely.add(folding)
        self._floors[folding] = implementation_of(folding).least(self._bounds, folding, True)

    def alternatives(self, budget: int) -> tuple[Alternative, ...]:
        """Return the cheapest way of each kind within a budget of clocks, the cheapest first."""
        best: dict[str, Alternative] = {}
        for folding in self.foldings:
            title = implementation_of(folding).title
            if folding in self._built:
                option, clocks = self._built[folding]
                found = Alternative(title, option.cost, True)
            else:
                clocks = min_cycles(self.layer, folding)
                found = Alternative(title, self.least(folding).cost, False)
            known = best.get(title)
            if clocks <= budget and (known is None or found.cost < known.cost):
                best[title] = found
        return tuple(sorted(best.values(), key=lambda found: found.cost))


def _choices(found: Sequence[Folding], wanted: Mapping[str, int]) -> str:
    """Return what the user can choose in place of choices that do not go together: values of each
    that go with all the others, or where there are none, those of each that go without."""
    texts = []
    for alone in (False, True):
        for what in wanted:
            others = {} if alone else {k: v for k, v in wanted.items() if k != what}
            values = {
                f.choice(what)
                for f in found
                if all(f.choice(other) == value for other, value in others.items())
            }
            if values:
                beside = " and ".join(f"{other}={value}" for other, value in others.items())
                named = ", ".join(map(str, sorted(values)))
                texts.append(f"{what} one of {named}" + (f" with {beside}" if beside else ""))
        if texts:
            break
    alone_too = f", and no choice of {' or '.join(wanted)} beside it" if alone else ""
    return ", or ".join(texts) + (alone_too if len(wanted) > 1 else "")
