"""Bounds of what a way to build a layer takes: never above what it does take."""

import numpy as np
import pytest

from hwgen.families.cells import adder_of, lut_inputs
from hwgen.planning.estimate.resources import Resources
from hwgen.planning.implementations import implementation_of
from hwgen.planning.implementations.bounds import Bounds
from hwgen.planning.implementations.implementation import Bound
from hwgen.planning.implementations.mac_array import STRETCH, least_row
from hwgen.planning.layers.find import find_layers
from hwgen.planning.lowering.adder_graphs import solve
from hwgen.planning.lowering.constants import least_adders
from hwgen.planning.search.allocation import Option
from hwgen.planning.search.candidates import NO_HURRY, LayerCandidates
from hwgen.targets import get_target
from hwgen_rtl_templates.dot_product import RowParameters, dot_product
from hwgen_rtl_templates.encodings import (
    Binary,
    Booth,
    PowersOfTwo,
    Radix4,
    Ternary,
    TwosComplement,
)
from support.networks import CHAIN, MIXED, SIGNS, random_network
from support.selection import some

ENCODINGS = (
    *(TwosComplement(bits, True) for bits in (2, 3, 5, 8)),
    *(TwosComplement(bits, False) for bits in (1, 4)),
    *(Booth(4), Booth(8), Radix4(5), Radix4(9), Binary(), Ternary()),
    *(PowersOfTwo(most=3, terms=1), PowersOfTwo(most=6, terms=2)),
)
TARGETS = ("ulx3s-85f", "icebreaker", "arty-a7-35t", "tangnano9k", "osu018")
SAMPLED = 30  # foldings of a layer that are built


@pytest.mark.parametrize("target", some(["ulx3s-85f", "icebreaker", "arty-a7-35t"], ["icebreaker"]))
@pytest.mark.parametrize("x", [(1, False), (4, True)])
def test_a_long_row_takes_no_less_than_is_said(target, x):
    bits, signed = x
    target = get_target(target)
    least = -(1 << (bits - 1)) if signed else 0
    ends = (least, least + (1 << bits) - 1)
    for encoding in ENCODINGS:
        for modulus in (bits + 2, 32):

            def count(lanes, accumulates, encoding=encoding, modulus=modulus):
                row = dot_product(
                    RowParameters(
                        encoding, lanes, bits, signed, ends, modulus, adder_of(target), accumulates
                    )
                )
                luts = row.positions + row.tables(lut_inputs(target))
                return Resources(luts, sum(word.width for word in row.words[2 * lanes :]))

            for lanes in (STRETCH + 2, 2 * STRETCH + 5):
                for accumulates in (False, True):
                    said = least_row(count, lanes, accumulates)
                    found = count(lanes, accumulates)
                    assert said.within(found), (encoding, modulus, lanes, accumulates)


@pytest.mark.parametrize("shape", [(4, 8), (16, 9), (32, 16), (64, 8), (24, 24)])
def test_no_graph_has_fewer_adders(shape):
    rng = np.random.default_rng(0)
    outputs, inputs = shape
    kinds = {
        "signs": rng.choice([-1, 1], shape),
        "ternary": rng.integers(-1, 2, shape),
        "3 bits": rng.integers(-3, 4, shape),
        "powers": rng.choice([0, 1, -1, 2, -2, 4, -4, 8], shape),
        "sparse": rng.integers(-7, 8, shape) * (rng.random(shape) < 0.2),
        "of three sums": rng.integers(-1, 2, (outputs, 3)) @ rng.integers(-3, 4, (3, inputs)),
        "alike": rng.choice([-1, 1], inputs) + (rng.random(shape) < 0.1),
    }
    for name, weight in kinds.items():
        found = solve(weight.T.copy(), [0] * inputs, [15] * inputs, starts=3)
        assert least_adders(weight.astype(np.int64)) <= len(found.adders), (name, shape)


@pytest.mark.parametrize("seed", range(10))
def test_no_way_to_build_a_layer_takes_less(seed):
    network = random_network(seed, (CHAIN, MIXED, SIGNS)[seed % 3], layers=2, channels=6)
    target = get_target(TARGETS[seed % len(TARGETS)])
    for layer in find_layers(network):
        ways, bounds = LayerCandidates(layer, target, 50_000_000, {}), Bounds(layer, target)
        for folding in ways.foldings[:: 1 + len(ways.foldings) // SAMPLED]:
            where = f"seed {seed}, {layer.name}: {folding}"
            option, _ = ways._option(folding)
            least = implementation_of(folding).least
            for bound in (least(bounds, folding, False), least(bounds, folding, True)):
                assert bound.cost <= option.cost, where
                assert bound.needs.within(option.needs), where


@pytest.mark.parametrize("budget", [NO_HURRY, 300])
def test_few_are_built_and_the_cheapest_of_all_is_found(budget):
    for seed in range(4):
        for layer in find_layers(random_network(seed, MIXED, layers=2, channels=5)):
            target = get_target(TARGETS[seed])
            ways = LayerCandidates(layer, target, 50_000_000, {})
            found = ways.cheapest(budget)
            assert len(ways._built) <= 40
            every = LayerCandidates(layer, target, 50_000_000, {})
            built = (every._option(folding) for folding in every.foldings)
            costs = [option.cost for option, clocks in built if clocks <= budget]
            assert found.cost == min(costs), f"seed {seed}, {layer.name}"


@pytest.mark.parametrize(("least", "cost"), [(99.0, 99.5), (99.9, 99.95), (100.0, 100.0)])
def test_what_may_be_as_cheap_is_built(least, cost):
    """Beside a way that may take 90 and takes 100; of equals the first in order is taken."""
    (layer, *_) = find_layers(random_network(1))
    ways = LayerCandidates(layer, get_target("ulx3s-85f"), 50_000_000, {})
    first, second = ways.foldings[:2]
    known = {first: (90.0, 100.0), second: (least, cost)}
    ways.foldings = [first, second]

    def bound(folding):
        if folding in ways._built:
            return Bound(ways._built[folding][0].cost, Resources())
        return Bound(known[folding][0], Resources())

    def build(folding):
        ways._built[folding] = Option(known[folding][1], Resources(), folding, None), 1

    ways.least, ways.look = bound, build
    assert ways.cheapest(NO_HURRY).cost == cost
    assert set(ways._built) == {first, second}
