"""What fits a device together, of ways that are known only once they are built: beside every choice
there is."""

import random

import numpy as np
import pytest

from hwgen.planning.estimate.resources import Resources
from hwgen.planning.implementations.implementation import Bound
from hwgen.planning.layers.folding import Folding
from hwgen.planning.search.allocation import Option, needs_of, vector_of
from hwgen.planning.search.fitting import cheapest_fitting
from support.selection import some

LAYERS, WAYS = 5, 12
LEAST = 0.85  # of what a way takes, that is known of it before anyone looks


class Drawn:
    """Ways of random costs and needs, of which a look tells a little more and the next one all:
    what `LayerCandidates` says of a layer."""

    def __init__(self, rng):
        self._steps, self._seen = {}, {}
        for n in range(WAYS):
            cost, needs = rng.randint(10, 99), [rng.randint(0, 30) for _ in range(4)]
            folding = Folding(n + 1, 1, 1)
            shares = [sorted(rng.uniform(LEAST, 1) for _ in range(2)) for _ in range(5)]
            bounds = []
            for share, *others in zip(*shares, strict=True):
                less = (need * other for need, other in zip(needs, others, strict=True))
                bounds.append(Bound(cost * share, Resources(*less)))
            self._steps[folding] = [*bounds, Option(cost, Resources(*needs), folding, None)]
            self._seen[folding] = 0

    @property
    def every(self):
        return [steps[-1] for steps in self._steps.values()]

    def quick_enough(self, cycles):
        return list(self._steps)

    def cheapest(self, cycles):
        best = min(self.every, key=lambda option: option.cost)
        self._seen[best.folding] = 2
        return best

    def look(self, folding):
        self._seen[folding] = min(2, self._seen[folding] + 1)

    def least(self, folding):
        found = self._steps[folding][self._seen[folding]]
        return Bound(found.cost, found.needs)

    def built(self, folding):
        return (self._steps[folding][2], 1) if self._seen[folding] == 2 else None


def drawn(seed):
    """Return layers and a device."""
    rng = random.Random(seed)
    layers = [Drawn(rng) for _ in range(LAYERS)]
    return layers, Resources(*(rng.randint(5, 16) * LAYERS for _ in range(4)))


def least_of_all(layers, device):
    """Return the cost of the cheapest of all choices that fit; None where none does."""
    every = np.zeros((1, 5))
    for layer in layers:
        rows = np.array([[option.cost, *vector_of(option.needs)] for option in layer.every])
        every = (every[:, None, :] + rows[None, :, :]).reshape(-1, 5)
        every = every[(every[:, 1:] <= vector_of(device)).all(axis=1)]
    return every[:, 0].min() if len(every) else None


@pytest.mark.parametrize("seed", some(range(40), range(20)))
def test_the_choice_is_the_cheapest_there_is(seed):
    layers, device = drawn(seed)
    found, least = cheapest_fitting(layers, 1, device), least_of_all(layers, device)
    assert len(found) == LAYERS
    assert needs_of(found).within(device) == (least is not None)
    assert least is None or sum(option.cost for option in found) == least


def test_many_ways_are_left_unbuilt():
    """And there are both kinds above, those that fit and those that do not."""
    built, fit = 0, set()
    for seed in range(40):
        layers, device = drawn(seed)
        fit.add(needs_of(cheapest_fitting(layers, 1, device)).within(device))
        built += sum(layer.built(o.folding) is not None for layer in layers for o in layer.every)
    assert fit == {False, True} and built < 0.6 * 40 * LAYERS * WAYS, built
