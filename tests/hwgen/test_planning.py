"""Foldings, goals, budgets, timing of whole chains."""

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import hwgen
from hwgen.cli import app
from hwgen.errors import HwgenError, PlanError
from hwgen.formats import Fixed, PowerOfTwo
from hwgen.network import Conv2d, Input, Linear, Network, Node, Requantize
from hwgen.planning.dataflow import adapters, suits
from hwgen.planning.layers.find import find_layers
from hwgen.planning.layers.folding import array_foldings, drains
from hwgen.planning.search.planner import parse_goal, plan
from hwgen_rtl_templates.affine_thresholds import AffineThresholdParameters
from hwgen_rtl_templates.engine import EngineParameters
from support.known import digits
from support.networks import GRAPH, chain, random_network
from support.selection import some
from support.whole import planned, random_goal


def test_layers_take_their_requantizers_along():
    layers = find_layers(digits())
    assert [layer.nodes for layer in layers] == [
        ("conv1", "relu1"),
        ("pool1",),
        ("conv2", "relu2"),
        ("pool2", "flatten"),
        ("fc", "logits"),
    ]
    fc = layers[-1]
    assert fc.x_frame == (26, 2, 2) and fc.kernel == (2, 2) and fc.inputs == 104


def test_only_foldings_that_are_not_dominated():
    """With 13 channels, pe 5 and 4 take other turns, pe 6 the same as 5, and is there only where
    the drain of 5 rows would need more lanes."""
    conv1 = find_layers(digits())[0]
    found = list(array_foldings(conv1))
    rows = {folding.pe for folding in found}
    assert rows == {1, 2, 3, 4, 5, 6, 7, 8, 9, 13}
    six = {f.simd: f.lanes for f in found if f.pe == 6}
    five = {f.simd: f.lanes for f in found if f.pe == 5}
    assert six == {3: 2, 5: 3} and five == {1: 1, 2: 1, 3: 5, 5: 5, 9: 5}
    columns = {folding.simd for folding in array_foldings(conv1)}
    assert columns == {1, 2, 3, 5, 9}


@pytest.mark.parametrize(
    "fps", some([2_000, 20_000, 100_000, 400_000, 1_000_000], (20_000, 400_000))
)
def test_goal_is_met_at_the_least_cost(fps):
    made = plan(digits(), target="ulx3s-85f", goal=f"{fps} fps")
    assert made.frames_per_second >= fps
    assert made.interval <= max(made.busy + 3, made.busy / 0.97)
    slower = plan(digits(), target="ulx3s-85f", goal=f"{fps / 4} fps")
    assert slower.resources.luts <= made.resources.luts


def test_clock_and_goal_make_the_interval():
    made = plan(digits(), target="ulx3s-85f", goal="10000 fps", clock_hz=50_000_000)
    assert made.interval <= 5000 and made.clock_hz == 50_000_000
    assert parse_goal(" 2.5e4 fps ") == 25_000


def test_frames_keep_their_distance():
    made = plan(digits(), target="ulx3s-85f", goal="100000 fps")
    ends = np.diff(made.timing_of(9).frame_ends)
    assert set(ends.tolist()) == {made.interval}


def test_useful_share_shows_a_bad_fit():
    """13 outputs on 5 rows leave a sixth of the array idle."""
    made = plan(digits(), target="ulx3s-85f", goal="1000 fps")
    share = sum(s.layer.macs for s in made.stages) / (
        sum(s.folding.pe * s.folding.simd for s in made.stages if s.layer.macs) * made.interval
    )
    assert made.useful_share == pytest.approx(share)
    assert made.useful_share < 1


@pytest.mark.parametrize(
    ("channels", "lanes", "word", "kinds"),
    [
        (8, 4, 4, []),
        (8, 2, 4, ["WidenParameters"]),
        (8, 4, 2, ["NarrowParameters"]),
        (13, 13, 1, ["NarrowParameters"]),
        (13, 5, 13, ["WidenParameters"]),
        (12, 4, 6, ["WidenParameters", "NarrowParameters"]),
    ],
)
def test_adapters(channels, lanes, word, kinds):
    parts = adapters(channels, lanes, word, 4, False)
    assert [type(part).__name__ for part in parts] == kinds


@pytest.mark.parametrize("seed", range(60))
def test_requantizers_are_shared(seed):
    """ceil(pe / beats of a dot product) of them, wherever that divides pe or pe is all outputs."""
    rng = np.random.default_rng(seed)
    outputs, inputs, kernel = (int(n) for n in rng.integers(1, (25, 9, 4)))
    weight = rng.integers(1, 8, (outputs, inputs, kernel, kernel))  # none is zero: no skipping
    network = chain(
        Input((inputs, 5, 5), Fixed(4), [1.0]),
        Conv2d(weight, rng.integers(-99, 99, outputs), Fixed(4), [1.0]),
        Requantize(rng.integers(3, 9, outputs), 9, Fixed(int(rng.integers(2, 9))), [1.0]),
    )
    found = list(array_foldings(find_layers(network)[0]))
    for folding in found:
        lanes = -(-folding.pe // -(-inputs * kernel**2 // folding.simd))
        if folding.pe % lanes == 0 or folding.pe == outputs:
            assert folding.lanes == lanes, f"seed {seed}: {folding}"
    choice = found[int(rng.integers(len(found)))]
    stored = ("n1.parallel=0", "n1.serial=0")  # adders of constants would not need so many lanes
    overrides = (f"n1.pe={choice.pe}", f"n1.simd={choice.simd}", *stored)
    made = plan(network, target="ulx3s-85f", goal="min area", overrides=overrides)
    (stage,) = made.stages
    assert stage.folding.lanes == stage.core.epilogue.lanes == choice.lanes, (
        f"seed {seed}: {choice}"
    )


def test_wider_drain_only_where_it_saves_adapters():
    """Each stage's drain is the narrowest, or its beats need no gathering of whole pixels, or all
    accumulators leave at once and there is no drain."""
    narrowest = wider = 0
    for seed in (*range(6), 16, 27):
        made = planned(random_network(seed, GRAPH), random_goal(seed))
        for stage in made.stages:
            if not isinstance(stage.core, EngineParameters):
                continue
            least = drains(stage.layer.outputs, stage.folding.pe, min(stage.core.folds))[0]
            narrowest += stage.folding.lanes == least
            if stage.folding.lanes > least:
                users = [s for s in made.stages if stage.name in s.layer.sources]
                suited = users and all(suits(stage.folding.lanes, s.core.word) for s in users)
                assert suited or not stage.core.drained, (seed, stage.name)
                wider += 1
    assert narrowest > 5 * wider > 0


@pytest.mark.parametrize("goal", ["fast", "10000", "-5 fps", "0 fps", "1e99 fps", "nan fps", 7])
def test_goal_must_be_readable(goal):
    with pytest.raises(PlanError, match='Goal must be a throughput such as "10000 fps"'):
        plan(digits(), target="ulx3s-85f", goal=goal)


def test_goal_out_of_reach_names_the_layer_and_the_way_out():
    with pytest.raises(PlanError, match=r"^conv1: needs at least 64 clocks.*ask for fewer frames"):
        plan(digits(), target="ulx3s-85f", goal="5000000 fps", overrides=["fc.unrolled=0"])
    with pytest.raises(PlanError, match="at least one clock a frame at 100 MHz"):
        plan(digits(), target="ulx3s-85f", goal="200000000 fps")


def test_network_that_does_not_fit_says_which_layer_and_how_much():
    network = digits(channels=20)
    with pytest.raises(PlanError) as caught:
        plan(network, target="ulx3s-25f", goal="1500000 fps")
    text = str(caught.value)
    assert text.startswith("conv2: network does not fit ulx3s-25f: about ")
    assert "times too many" in text and "ask for fewer frames a second" in text


def test_unknown_target():
    with pytest.raises(HwgenError, match="ulx3s-85f"):
        plan(digits(), target="ulx3s-85", goal="10 fps")


def test_plan_is_the_same_each_time():
    a, b = (hwgen.plan(random_network(3), target="ulx3s-85f", goal="1000 fps") for _ in range(2))
    assert [s.core for s in a.stages] == [s.core for s in b.stages]


def test_min_area_is_the_smallest_and_min_latency_the_quickest():
    small = plan(digits(channels=4), target="ulx3s-25f", goal="min area")
    quick = plan(digits(channels=4), target="ulx3s-25f", goal="min latency")
    between = plan(digits(channels=4), target="ulx3s-25f", goal="20000 fps")
    assert small.resources.luts <= between.resources.luts < quick.resources.luts
    assert quick.latency < between.latency
    for made in (small, quick, between):
        assert made.resources.luts <= made.target.luts
        assert made.resources.dsps <= made.target.dsps
        assert made.resources.block_rams <= made.target.block_rams


def test_min_latency_takes_a_quicker_unit_behind_the_sums():
    """Of few LUTs is a division, of few clocks a multiplier."""
    rng = np.random.default_rng(5)
    scale = np.array([1.0])
    dense = Linear(rng.integers(-7, 8, (8, 16)), rng.integers(-9, 9, 8), Fixed(4), scale)
    down = Requantize(rng.integers(128, 256, 8), np.array([9]), Fixed(4, False), scale)
    x = Node("x", Input((16,), Fixed(4, False), scale))
    network = Network((x, Node("dense", dense, ("x",)), Node("down", down, ("dense",))))
    small, quick = (
        plan(network, target="ice40-hx8k", goal=goal).stages[0].core.epilogue
        for goal in ("min area", "min latency")
    )
    assert isinstance(small, AffineThresholdParameters)
    assert quick.latency < small.latency


def test_overrides_are_the_users():
    made = plan(
        digits(),
        target="ulx3s-85f",
        goal="min area",
        overrides=("conv2.pe=13", "conv2.simd=9", "conv2.lanes=1"),
    )
    folding = made.stages[2].folding
    assert (folding.pe, folding.simd, folding.lanes) == (13, 9, 1)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("conv9.pe=2", "conv9: there is no such layer; did you mean conv2 or conv1.* conv1, pool1"),
        ("conv1.pe", "Override must be written like conv1.pe=4"),
        ("conv1.rows=2", "Override must be written like conv1.pe=4"),
        ("conv1.pe=10", "conv1: folding must have pe one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 13"),
        ("conv1.lanes=9", "conv1: lanes must be one of"),
    ],
)
def test_overrides_that_make_no_sense(override, message):
    with pytest.raises(PlanError, match=message):
        plan(digits(), target="ulx3s-85f", goal="min area", overrides=(override,))


def test_residual_network_gets_queues_on_its_branches():
    made = hwgen.plan(random_network(0, GRAPH), target="ulx3s-85f", goal="1000 fps")
    assert made.depths and all(depth >= 1 for depth in made.depths.values())
    assert all(branch.sink for branch in made.depths)


@pytest.mark.parametrize("target", ["ulx3s-85f", "icebreaker"])
def test_it_is_said_where_shifting_does_not_pay(target, tmp_path):
    """An array of pot4 costs more than one of int4, and less than one of its range."""
    rng = np.random.default_rng(0)
    of = PowerOfTwo(4)
    weight = rng.choice([0, 1, -2, 4, -8, 16, 32, -64], (4, 8))
    ops = Input((8,), Fixed(8, False), [1.0]), Linear(weight, [0] * 4, of, [1.0])
    network = chain(*ops)
    made = hwgen.plan(network, target=target, goal="min area")
    own, fixed = made.stages[0].details(made.target)["fixed_instead"]
    assert own > fixed
    wide = replace(network.nodes[1], op=replace(ops[1], weight_format=Fixed(8)))
    other = hwgen.plan(Network((network.nodes[0], wide)), target=target, goal="min area")
    assert other.stages[0].details(other.target).get("fixed_instead") is None
    network.save(tmp_path / "n.net")
    arguments = ["plan", str(tmp_path / "n.net"), "--goal", "min area", "--target", target]
    output = " ".join(CliRunner().invoke(app, arguments).output.split())
    assert f"powers of two, about {own:.1f} cells a MAC, no cheaper than {fixed:.1f}" in output


def test_progress_tells_of_every_layer(tmp_path):
    told = []
    made = plan(
        digits(channels=4),
        target="ulx3s-85f",
        goal="1000 fps",
        progress=lambda *step: told.append(step),
    )
    names = [stage.name for stage in made.stages]
    assert told == [*((name, n, 5) for n, name in enumerate(names)), ("queues", 5, 5)]
    modules = []
    hwgen.generate(made, tmp_path / "net", progress=lambda *step: modules.append(step))
    steps, numbers, totals = zip(*modules, strict=True)
    assert list(numbers) == list(range(totals[0])) and len(set(totals)) == 1
    assert {"conv1", "fc/array"} <= set(steps)
