"""Which way each layer is built: the cheapest there is, beside all ways that there are."""

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest

from hwgen.errors import PlanError
from hwgen.formats import Fixed
from hwgen.network import Input, Linear, Requantize
from hwgen.planning.estimate.resources import Resources, estimate, weigh
from hwgen.planning.implementations import core_for
from hwgen.planning.layers.find import find_layers
from hwgen.planning.layers.folding import Folding
from hwgen.planning.plan import Stage
from hwgen.planning.search.allocation import Option, allocate, frontier, needs_of, vector_of
from hwgen.planning.search.candidates import LayerCandidates
from hwgen.planning.search.fitting import cheapest_fitting
from hwgen.targets import get_target
from support.networks import chain
from support.selection import some


@pytest.mark.parametrize("seed", range(80))
def test_allocation_is_the_cheapest_there_is(seed):
    """Beside every way to choose, within budgets of up to four resources."""
    rng = random.Random(seed)
    layers = []
    for _ in range(rng.randint(1, 4)):
        found = []
        for _ in range(rng.randint(1, 6)):
            # of what is counted in fractions as well: LUTs and flip-flops
            of = rng.random if seed % 2 else lambda: 1.0
            needs = Resources(*(rng.randint(0, 9) * of() for _ in range(2)))
            needs = replace(needs, dsps=rng.randint(0, 9), block_rams=rng.randint(0, 9))
            found.append(Option(rng.randint(10, 99), needs, Folding(1, 1, 1), None))
        layers.append(found)
    budget = Resources(*(rng.randint(0, 24) for _ in range(4)))
    if seed % 4 == 1:  # filled to the last bit by some choice
        budget = needs_of(rng.choice(options) for options in layers)
    found = allocate([frontier(options) for options in layers], budget)
    fitting = [w for w in itertools.product(*layers) if needs_of(w).within(budget)]
    assert len(found) == len(layers)
    if fitting:
        used, most = needs_of(found), [1e-6 + n for n in vector_of(budget)]
        assert all(a <= b for a, b in zip(vector_of(used), most, strict=True))
        assert sum(o.cost for o in found) == min(sum(o.cost for o in w) for w in fitting)


def test_frontier_leaves_out_what_another_undercuts_in_everything():
    rows = ((9, 0, 3), (9, 1, 3), (7, 2, 3), (8, 2, 2), (8, 2, 4))
    options = [Option(c, Resources(dsps=d, luts=n), Folding(1, 1, 1), None) for c, d, n in rows]
    kept = [(o.cost, o.needs.dsps, o.needs.luts) for o in frontier(options)]
    assert kept == [(7, 2, 3), (8, 2, 2), (9, 0, 3)]


def every_way(layer, target, clock_hz, budget):
    """Return all ways to build a layer within a budget of clocks, each built and none passed by."""
    found = []
    for folding in LayerCandidates(layer, target, clock_hz, {}).foldings:
        core = core_for(layer, folding, target)
        if Stage(layer, folding, core).busy <= budget:
            needs = estimate(core, target)
            found.append(Option(weigh(needs), needs, folding, core))
    return found


def tiny(seed):
    """Return a chain of two or three layers of few channels, and a target."""
    rng = np.random.default_rng(seed)
    sizes = [int(n) for n in rng.integers(2, 9, int(rng.integers(3, 5)))]
    ops = [Input((sizes[0],), Fixed(4, False), [1.0])]
    for n, (a, b) in enumerate(itertools.pairwise(sizes)):
        if n:
            ops.append(Requantize([3], 6, Fixed(4, False), [1.0]))
        ops.append(Linear(rng.integers(-7, 8, (b, a)), rng.integers(-9, 9, b), Fixed(4), [1.0]))
    return chain(*ops), get_target(("ulx3s-85f", "icebreaker")[seed % 2])


@pytest.mark.parametrize("seed", some(range(12), range(6)))
@pytest.mark.parametrize("budget", [1, 4, 20, 1000])
def test_the_plan_is_the_cheapest_there_is(seed, budget):
    """All that the planner passes by unbuilt could not have been cheaper: arrays in LUTs and in DSP
    blocks, constants in parallel and digit by digit, every folding."""
    network, target = tiny(seed)
    for layer in find_layers(network):
        ways = LayerCandidates(layer, target, target.clock_hz, {})
        try:
            chosen = ways.cheapest(budget)
        except PlanError:
            assert not every_way(layer, target, target.clock_hz, budget)
            continue
        least = min(o.cost for o in every_way(layer, target, target.clock_hz, budget))
        assert chosen.cost <= least, f"seed {seed}: {layer.name}"
        for rival in ways.alternatives(budget):
            assert rival.cost >= chosen.cost


def test_large_matrices_are_wired_only_where_that_is_asked_for():
    """To decline one kind of constants does not ask for the other."""
    rng = np.random.default_rng(0)
    weight = rng.integers(1, 8, (65, 64))
    op = Linear(weight, [0] * 65, Fixed(4), [1.0])
    (layer,) = find_layers(chain(Input((64,), Fixed(4, False), [1.0]), op))
    target = get_target("ulx3s-85f")
    for wanted in ({}, {"parallel": 0}, {"serial": 0}):
        ways = LayerCandidates(layer, target, target.clock_hz, wanted)
        assert not any(f.implementation in ("parallel", "serial") for f in ways.foldings)
    ways = LayerCandidates(layer, target, target.clock_hz, {"serial": 2})
    assert all(folding.choice("serial") == 2 for folding in ways.foldings)


@pytest.mark.parametrize("seed", range(8))
def test_on_a_device_that_is_nearly_full(seed):
    """Where the cheapest ways do not fit together, those of least cost that do are found."""
    network, target = tiny(seed)
    budget = 12
    layers = find_layers(network)
    ways = [LayerCandidates(layer, target, target.clock_hz, {}) for layer in layers]
    cheapest = needs_of(way.cheapest(budget) for way in ways)
    left = replace(cheapest, luts=cheapest.luts * (0.97 - seed % 2 / 20), dsps=target.dsps)
    found = cheapest_fitting(ways, budget, left)
    full = [frontier(every_way(layer, target, target.clock_hz, budget)) for layer in layers]
    fitting = [w for w in itertools.product(*full) if needs_of(w).within(left)]
    if fitting:
        assert needs_of(found).within(left)
        least = min(sum(o.cost for o in w) for w in fitting)
        assert sum(o.cost for o in found) <= least, f"seed {seed}"
    else:  # the least of what is too much
        assert not needs_of(found).within(left), f"seed {seed}"


@pytest.mark.parametrize("what", ["luts", "ffs", "dsps", "block_rams"])
def test_frontier_keeps_what_needs_less_of_anything(what):
    options = [
        Option(cost, Resources(**{what: count}), Folding(1, 1, 1), None)
        for cost, count in ((9, 1), (7, 3), (8, 2), (8, 3), (10, 1))
    ]
    kept = [(option.cost, getattr(option.needs, what)) for option in frontier(options)]
    assert kept == [(7, 3), (8, 2), (9, 1)]
