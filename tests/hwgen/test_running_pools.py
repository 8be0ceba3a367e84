"""Pools by running maxima: where there are any, what they take, golden == RTL == netlist."""

import numpy as np
import pytest

import hwgen
from hwgen.errors import PlanError
from hwgen.formats import Binary, Fixed
from hwgen.network import Conv2d, Input, MaxPool2d, Requantize, Threshold
from hwgen.planning.estimate.resources import estimate
from hwgen.planning.implementations import core_for
from hwgen.planning.layers.find import find_layers
from hwgen.planning.layers.folding import Folding
from hwgen.targets import get_target
from support.networks import chain
from support.selection import some
from support.whole import check_simulated

ECP5, ICE40 = get_target("ulx3s-85f"), get_target("icebreaker")
LANES = 2


def pooled(kernel=(2, 2), size=(6, 8), x=None, after=(), **more):
    """Return a convolution, a pool and a convolution."""
    rng = np.random.default_rng(sum(kernel))
    x = x or Fixed(4, False)
    weights = rng.integers(-3, 4, (4, 3, 1, 1))
    to = Threshold([[0]], Binary(), [1.0], base=-1) if isinstance(x, Binary) else None
    ops = [
        Conv2d(weights, rng.integers(-9, 9, 4), Fixed(3), [1.0]),
        to or Requantize([5], [4], x, [1.0]),
        MaxPool2d(kernel, more.pop("stride", kernel), **more),
        *after,
        Conv2d(rng.integers(-3, 4, (2, 4, 1, 1)), [1, -2], Fixed(3), [1.0]),
    ]
    return chain(Input((3, *size), Fixed(4), [1.0]), *ops)


CASES = {
    "ECP5": (ECP5, pooled()),
    "iCE40": (ICE40, pooled()),
    "edges left over": (ECP5, pooled((3, 2), (7, 7))),
    "signs": (ICE40, pooled(x=Binary())),
    "the whole image": (ECP5, pooled((6, 8))),
}


def made(case, lanes=LANES):
    target, network = CASES[case]
    choices = ["n3.running=1", f"n3.pe={lanes}"]
    return hwgen.plan(network, target=target, goal="min area", overrides=choices)


@pytest.mark.parametrize("case", CASES)
def test_golden_equals_rtl(case, tmp_path):
    plan = made(case)
    (stage,) = (s for s in plan.stages if s.name == "n3")
    assert stage.implementation.name == "running" and stage.folding.lanes == LANES
    check_simulated(hwgen.generate(plan, tmp_path / "net"), plan, 4)


@pytest.mark.parametrize("case", some(["ECP5", "iCE40"], ["ECP5"]))
def test_netlist(case, tmp_path):
    package = hwgen.generate(made(case), tmp_path / "net")
    x = np.random.default_rng(3).integers(-8, 8, (3, *package.network.input.shape))
    result = package.simulate(x, stage="netlist", simulator="icarus")
    assert result.ok, result.first_difference


def test_the_planner_takes_them_where_they_are_cheaper():
    """No window memory: half a row of maxima for windows of 2 by 2."""
    for target in (ECP5, ICE40):
        plan = hwgen.plan(pooled(), target=target, goal="min area")
        assert {s.name: s.implementation.name for s in plan.stages}["n3"] == "running"
        (layer,) = (layer for layer in find_layers(pooled()) if layer.name == "n3")
        ways = [
            estimate(core_for(layer, Folding(1, 1, 1, implementation=way), target), target)
            for way in ("running", "maximum")
        ]
        assert ways[0].luts < 0.7 * ways[1].luts and ways[0].ffs < ways[1].ffs


@pytest.mark.parametrize(
    "network",
    [
        pooled((3, 3), (7, 7), stride=(2, 2)),
        pooled((2, 2), padding=(1, 1)),
        pooled(after=[Requantize([1], [1], Fixed(3, False), [1.0])]),
    ],
    ids=["overlapping", "padded", "requantized"],
)
def test_where_there_are_none(network):
    with pytest.raises(PlanError, match="n3: folding must have running one of 0"):
        hwgen.plan(network, target=ECP5, goal="min area", overrides=["n3.running=1"])


def test_lanes_are_the_users_or_refused():
    network = pooled()
    for lanes in (1, 2):
        choices = ["n3.running=1", f"n3.pe={lanes}", f"n3.lanes={lanes}"]
        plan = hwgen.plan(network, target=ECP5, goal="min area", overrides=choices)
        assert {s.name: s.folding.lanes for s in plan.stages}["n3"] == lanes
    choices = ["n3.running=1", "n3.pe=2", "n3.lanes=3"]
    with pytest.raises(PlanError, match=r"n3: lanes must be one of 2 with pe=2 and running=1"):
        hwgen.plan(network, target=ECP5, goal="min area", overrides=choices)


@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_lanes_alone_choose_a_shape(lanes):
    plan = hwgen.plan(pooled(), target=ECP5, goal="min area", overrides=[f"n3.lanes={lanes}"])
    assert {s.name: s.folding.lanes for s in plan.stages}["n3"] == lanes
