"""No estimate is negative, whatever a layer computes: not of LUTs, flip-flops, memories, energy."""

import contextlib
import dataclasses

import numpy as np
import pytest

import hwgen
from hwgen.errors import PlanError
from hwgen.formats import Binary, Codebook, Fixed, PowerOfTwo, Ternary
from hwgen.network import (
    Add,
    ArgMax,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Input,
    Linear,
    MaxPool2d,
    Network,
    Node,
    Requantize,
    Threshold,
)
from hwgen.planning.estimate.parts import structure
from hwgen.planning.estimate.parts import work as work_in
from hwgen.planning.estimate.resources import estimate
from hwgen.planning.implementations import core_for
from hwgen.planning.layers.find import find_layers
from hwgen.planning.search.candidates import LayerCandidates
from hwgen.targets import TARGETS
from hwgen_rtl_templates.adder_graph import Adder, AdderGraph, Tap
from hwgen_rtl_templates.bit_serial import BitSerialParameters
from hwgen_rtl_templates.constant import ConstantParameters
from support.networks import MIXED, random_network

ONE = [1.0]
FAMILIES = {target.family: target for target in reversed(TARGETS.values())}
FORMATS = (Fixed(8), Binary(), Ternary(), PowerOfTwo(4), Codebook(2, 8, (-100, -1, 3, 64)))
# what is left of a value: one integer, 0 or another, or two that are neighbours
LEFT = ((0, 0), (5, 5), (-8, -8), (0, 1), (-1, 0))


def chain(*ops):
    nodes = [Node("n0", ops[0])]
    nodes += [Node(f"n{n}", op, (f"n{n - 1}",)) for n, op in enumerate(ops[1:], 1)]
    return Network(tuple(nodes))


def reported(outputs):
    """Return the network of the report: a layer whose inputs are all clamped to zero."""
    rng = np.random.default_rng(0)
    none, matrix = np.zeros(10, dtype=np.int64), rng.integers(-8, 8, (10, 10))
    return chain(
        Input((2, 1, 1), Fixed(4), ONE),
        Conv2d(rng.integers(-3, 4, (10, 2, 1, 1)), none, Fixed(4), ONE),
        Requantize([1], [0], Fixed(4, False), ONE, lo=0, hi=0),
        Flatten(),
        Linear(matrix[:outputs], none[:outputs], Fixed(4), ONE),
    )


def weights(of, shape, rng):
    """Return weights of a format, its far ends among them."""
    if isinstance(of, Codebook):
        found = rng.choice(of.entries, shape)
        found.flat[: len(of.entries)] = of.entries
        return found
    if isinstance(of, PowerOfTwo):
        return rng.choice((-1, 0, 1), shape) << rng.integers(0, 7, shape)
    if isinstance(of, Fixed):
        found = rng.integers(of.lo, of.hi + 1, shape)
        found.flat[:2] = of.lo, of.hi
        return found
    return rng.choice((-1, 1) if isinstance(of, Binary) else (-1, 0, 1), shape)


def degenerate(of, left, seed):
    """Return a network with every op, whose values are clamped to what is left of them."""
    rng = np.random.default_rng(seed)
    narrow = Requantize([1], [3], Fixed(4), ONE, lo=left[0], hi=left[1])
    coarse = dataclasses.replace(narrow, scale=[3.0])
    none = np.zeros(4, dtype=np.int64)
    depthwise = Conv2d(weights(of, (4, 1, 2, 2), rng), none, of, ONE, padding=(1, 1), groups=4)
    nodes = [
        Node("input", Input((4, 3, 4), Fixed(4), ONE)),
        Node("first", narrow, ("input",)),
        Node("conv", Conv2d(weights(of, (4, 4, 1, 2), rng), none, of, ONE), ("first",)),
        Node("again", coarse, ("conv",)),
        Node("deep", depthwise, ("again",)),
        Node("even", Threshold([[*range(-7, 8)]], Fixed(4), ONE, base=-8), ("deep",)),
        Node("max", MaxPool2d((2, 2), (1, 1)), ("even",)),
        Node("less", narrow, ("max",)),
        Node("sum", Add((1, 3)), ("less", "again")),
        Node("narrow sum", coarse, ("sum",)),
        Node("both", Concat(), ("narrow sum", "again")),
        Node("mean", AvgPool2d((3, 3), (1, 1)), ("both",)),
        Node("narrow mean", narrow, ("mean",)),
        Node("flat", Flatten(), ("narrow mean",)),
        Node("dense", Linear(weights(of, (5, 8), rng), np.arange(5), of, ONE), ("flat",)),
        Node("never", Threshold([[10**6]], Fixed(4), ONE, base=1), ("dense",)),
        Node("which", ArgMax(), ("never",)),
    ]
    return Network(tuple(nodes))


def assert_not_negative(part, target, where):
    """Check each count of a part, its cost and its work."""
    found = structure(part, target)
    assert min(found.logic.values(), default=0) >= 0, f"{where}: {found.logic}"
    cost = estimate(part, target)
    assert min(dataclasses.astuple(cost)) >= 0, f"{where}: {cost}"
    work = work_in(part, 16)
    figures = (work.adder_bits, work.product_bits, *work.memory_bits.values())
    assert min(figures) >= 0, f"{where}: {work}"


def every_way(layer, target):
    """Yield each folding of a layer and its component."""
    for folding in LayerCandidates(layer, target, 25_000_000, {}).foldings:
        yield folding, core_for(layer, folding, target)


# each format, each rest and each family once; all of them with all others at length
CASES = [
    pytest.param(of, left, family, marks=() if n == m == k else pytest.mark.slow)
    for n, of in enumerate(FORMATS)
    for m, left in enumerate(LEFT)
    for k, family in enumerate(FAMILIES)
]


@pytest.mark.parametrize(("of", "left", "family"), CASES, ids=str)
def test_no_way_to_build_a_layer_costs_less_than_nothing(of, left, family):
    target = FAMILIES[family]
    for layer in find_layers(degenerate(of, left, 1)):
        for folding, core in every_way(layer, target):
            assert_not_negative(core, target, f"{target.name}, {layer.name}, {folding}")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(24))
def test_no_part_of_a_random_network_costs_less_than_nothing(seed):
    target = list(FAMILIES.values())[seed % len(FAMILIES)]
    for goal in ("min area", "min latency"):
        with contextlib.suppress(PlanError):
            plan = hwgen.plan(random_network(seed, MIXED), target=target, goal=goal)
            for placed in plan.assembly.parts:
                assert_not_negative(placed.part, target, f"seed {seed}, {goal}, {placed.name}")


@pytest.mark.parametrize("family", FAMILIES)
def test_more_outputs_never_cost_less(family):
    """The layer of the report, whose estimates fell from 46 LUTs to -23 as outputs were added."""
    target, found = FAMILIES[family], []
    for outputs in (1, 2, 5, 10):
        layer = find_layers(reported(outputs))[-1]
        costs = {f: estimate(core, target).luts for f, core in every_way(layer, target)}
        found.append(min(cost for f, cost in costs.items() if f.choice("parallel")))
    assert found == sorted(found), found


@pytest.mark.parametrize("shift", [0, 1, 3, 9])
@pytest.mark.parametrize("negate", [False, True])
@pytest.mark.parametrize("x_range", [(0, 0), (5, 5), (-3, -3), (0, 1), (-1, 0)])
def test_an_adder_of_constants_has_no_bits_less_than_none(x_range, negate, shift):
    """Sums of an input that is always the same may be narrower than the shift beside them."""
    adders = (Adder(0, 1, shift, negate), Adder(2, 0, -shift, negate), Adder(2, 3, shift, negate))
    taps = (Tap(2), Tap(3, 1, negate), Tap(4, 0, not negate), Tap(None))
    graph = AdderGraph(2, adders, taps)
    wired = ConstantParameters(graph, 4, True, 12, True, x_range=x_range)
    most = ConstantParameters(graph, 4, True, 12, True)
    assert 0 <= wired.adder_bits <= most.adder_bits
    assert 0 <= wired.registers <= most.registers
    for digit in (1, 2, 4):
        serial = BitSerialParameters(graph, 4, True, 12, True, digit, x_range=x_range)
        assert min(serial.adders, serial.registers, serial.latency, serial.interval) >= 1


def test_the_plan_of_the_report_is_generated_and_generated_again(tmp_path):
    plan = hwgen.plan(reported(10), target="arty-a7-35t", goal="min area")
    assert all(plan.resources_of(stage).luts > 0 for stage in plan.stages)
    assert plan.energy.nj > 0
    for _ in range(2):
        package = hwgen.generate(plan, tmp_path / "net")
        assert package.manifest.estimate.luts == round(plan.resources.luts)
