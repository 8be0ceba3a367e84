"""Whole networks a frame a clock: the same as golden, found by the planner, in few registers."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hwgen
from hwgen import golden
from hwgen.cost import synthesise
from hwgen.errors import PlanError
from hwgen.formats import Fixed
from hwgen.network import (
    Conv2d,
    Flatten,
    Input,
    Linear,
    MaxPool2d,
    Requantize,
)
from hwgen.network.tensor import Tensor
from hwgen.network.thresholds import thresholds_of
from hwgen.planning.implementations.unrolled import whole_run
from hwgen.planning.layers.find import find_layers
from hwgen.planning.layers.orders import stream_places
from hwgen.planning.lowering.unrolled.lower import circuit
from hwgen.planning.lowering.unrolled.requantizers import line_through
from hwgen.planning.lowering.unrolled.retiming import DELAYS, LEVEL, staged
from hwgen.planning.search import candidates
from hwgen.targets import get_target
from hwgen_rtl_templates.adder_graph import Adder
from hwgen_rtl_templates.circuit import operands
from hwgen_rtl_templates.unrolled import UnrolledParameters
from support.circuits import values_of
from support.networks import (
    CHAIN,
    GRAPH,
    MIXED,
    ORDERS,
    SIGNS,
    TABLES,
    chain,
    random_input,
    random_network,
)
from support.selection import some
from support.whole import check_simulated

KINDS = {"chain": CHAIN, "graph": GRAPH, "mixed": MIXED, "signs": SIGNS, "tables": TABLES}
KINDS["orders"] = ORDERS
FRAMES = 4


def streamed(values, frame):
    """Return the elements of a value in the order in which they travel."""
    return np.asarray(values).ravel()[stream_places(frame)]


def unrollable(seed, kind):
    """Return a random network of several layers, one input and one output, and its run."""
    for more in range(40):
        network = random_network(seed + 1000 * more, kind, layers=2, channels=5)
        run = whole_run(find_layers(network))
        if run is not None:
            return network, run
    raise ValueError(f"Seed {seed}: no network of {kind} can be unrolled")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", some(range(40), range(4)))
def test_circuit_equals_golden(kind, seed):
    """Every op and format, residual blocks, tables, padding, elements in any order."""
    network, run = unrollable(seed, KINDS[kind])
    made, x = circuit(run), random_input(network, FRAMES, seed)
    y = golden.run(network, x)
    first, last = run.op.inside[0].x_frame, run.op.inside[-1].y_frame
    ends = run.x_encodings[0], run.y_encoding
    for given_, wanted in zip(x, y, strict=True):
        entering = (streamed(given_, first) - ends[0].base) // ends[0].step
        leaving = (streamed(wanted, last) - ends[1].base) // ends[1].step
        assert made.evaluate(entering.tolist()) == leaving.tolist()
        for value, (lo, hi) in zip(values_of(made, entering), made.ranges, strict=True):
            assert lo <= value <= hi


def small(pool=True):
    """Return a network of convolution, pool and linear layer."""
    rng = np.random.default_rng(5)
    ops = [
        Conv2d(rng.integers(-4, 4, (3, 1, 3, 3)), rng.integers(-9, 9, 3), Fixed(3), [1.0]),
        Requantize([3], [5], Fixed(3, False), [1.0]),
        *([MaxPool2d((2, 2), (2, 2))] if pool else []),
        Flatten(),
        Linear(rng.integers(-4, 4, (4, 12 if pool else 48)), [1, 2, -3, 0], Fixed(3), [1.0]),
    ]
    return chain(Input((1, 6, 6), Fixed(4), [1.0]), *ops)


def images():
    """Return a network that begins and ends with pixels of several channels."""
    rng = np.random.default_rng(1)
    first, last = rng.integers(-4, 4, (4, 3, 2, 2)), rng.integers(-4, 4, (2, 4, 2, 2))
    ops = [
        Conv2d(first, rng.integers(-9, 9, 4), Fixed(3), [1.0]),
        Requantize([3], [5], Fixed(3, False), [1.0]),
        Conv2d(last, rng.integers(-9, 9, 2), Fixed(3), [1.0]),
    ]
    return chain(Input((3, 4, 5), Fixed(4), [1.0]), *ops)


FULL = "25000000 fps"  # of 25 MHz


def test_the_planner_finds_it(monkeypatch):
    """At a frame a clock, without a look at components a layer, and not where fewer frames do."""
    built, core_for = [], candidates.core_for

    def counted(layer, folding, target):
        built.append(folding.implementation)
        return core_for(layer, folding, target)

    monkeypatch.setattr(candidates, "core_for", counted)
    plan = hwgen.plan(small(), target="ulx3s-85f", goal=FULL)
    assert set(built) == {"unrolled"}
    (stage,) = plan.stages
    assert stage.implementation.name == "unrolled" and plan.interval == 1
    assert plan.latency == stage.core.latency
    assert stage.implementation.describe(stage.details(plan.target)).startswith("3 layers unrolled")
    slow = hwgen.plan(small(), target="ulx3s-85f", goal="min area")
    assert len(slow.stages) == 3 and plan.resources.luts > slow.resources.luts
    quick = hwgen.plan(small(), target="ulx3s-85f", goal="min latency")
    assert quick.latency <= plan.latency


def summed():
    """A network whose last layer is a sum of two branches."""
    return random_network(5, GRAPH)


@pytest.mark.parametrize(("network", "levels"), [(small, 1), (small, 4), (images, 3), (summed, 2)])
def test_golden_equals_rtl(network, levels, tmp_path):
    network = network()
    chosen = [f"{find_layers(network)[-1].name}.unrolled={levels}"]
    plan = hwgen.plan(network, target="ulx3s-85f", goal=FULL, overrides=chosen)
    assert plan.stages[0].folding.parameter == levels
    check_simulated(hwgen.generate(plan, tmp_path / "net"), plan, 30)


def test_netlist(tmp_path):
    """Equal once synthesised, by the recipe that takes fewer look-up tables."""
    plan = hwgen.plan(small(), target="icebreaker", goal="min area", overrides=["n5.unrolled=2"])
    package = hwgen.generate(plan, tmp_path / "net")
    result = package.simulate(random_input(plan.network, 6, 1), stage="netlist", simulator="icarus")
    assert result.ok, result.first_difference
    recipes = ((), ("proc", "alumacc", "opt"))
    text, top = package.verilog, package.manifest.top
    found = [synthesise(text, top, plan.target, passes=passes).luts for passes in recipes]
    assert found[1] < found[0] and package.cost("synth").luts == found[1]


def test_what_does_not_fit_says_so():
    target = dataclasses.replace(get_target("icebreaker"), luts=900)
    with pytest.raises(PlanError, match=r"unrolled, a frame a clock, .* and 900 are there"):
        hwgen.plan(small(), target=target, goal=f"{target.clock_hz} fps")


def test_what_the_user_may_choose():
    def planned(*choices, network=None):
        return hwgen.plan(network or small(), target="ulx3s-85f", goal=FULL, overrides=choices)

    with pytest.raises(PlanError, match="n1: unrolled is said of the last layer, n5"):
        planned("n1.unrolled=1")
    with pytest.raises(PlanError, match="leaves nothing to be chosen for single layers"):
        planned("n5.unrolled=1", "n1.pe=1")
    with pytest.raises(PlanError, match="needs at least"):
        planned("n5.unrolled=0")  # a component a layer cannot be that quick
    alone = chain(
        Input((4,), Fixed(4), [1.0]), Linear(np.eye(4, dtype=int), [0] * 4, Fixed(2), [1.0])
    )
    with pytest.raises(PlanError, match="n1: layers cannot be unrolled: there must be several"):
        planned("n1.unrolled=1", network=alone)


@pytest.mark.parametrize("levels", [1, 2, 5])
def test_stages_keep_to_the_clock(levels):
    """No more cells one behind the other than a stage has room for, counted anew; as few stages as
    can be, and fewer bits held than with every cell as early as it can be."""
    made = circuit(whole_run(find_layers(small())))
    stages = staged(made, levels)
    room, there = max(LEVEL * levels, *DELAYS.values()), [0] * made.inputs
    takes = [0] * made.inputs
    shapes = UnrolledParameters(made, stages, 4, True, 12, True)
    for n, cell in enumerate(made.cells, made.inputs):
        before = [there[t] for t in operands(cell) if stages[t] == stages[n]]
        assert all(stages[t] <= stages[n] for t in operands(cell))
        free = isinstance(cell, Adder) and shapes.wired(cell)
        takes.append(0 if free else DELAYS[type(cell)])
        there.append(max(before, default=0) + takes[-1])
        assert there[-1] <= room
    early, ends = [0] * made.inputs, [0] * made.inputs
    for n, cell in enumerate(made.cells, made.inputs):
        wide = takes[n]
        stage, start = max((early[t], ends[t]) for t in operands(cell))
        late = start + wide > room
        early.append(stage + late)
        ends.append(wide if late else start + wide)
    greedy = UnrolledParameters(made, tuple(early), 4, True, 12, True)
    assert shapes.latency == greedy.latency
    assert shapes.registers <= greedy.registers * (0.95 if levels == 1 else 1)


@given(
    multiplier=st.integers(1, 5000),
    shift=st.integers(3, 14),
    rounding=st.sampled_from(["half_up", "half_even", "half_away", "double"]),
    lo=st.integers(-900, 0),
    span=st.integers(20, 1500),
    bits=st.integers(2, 6),
)
def test_a_line_is_the_requantizer(multiplier, shift, rounding, lo, span, bits):
    """Whatever it multiplies by, on every value there is."""
    acc = Tensor((1,), np.array([lo]), np.array([lo + span]), np.ones(1), 0, None)
    op = Requantize([multiplier], [shift], Fixed(bits), [1.0], rounding=rounding)
    row = thresholds_of(op, acc)[0]
    steps = tuple(row[(row > lo) & (row <= lo + span)].tolist())
    line = line_through(steps, multiplier / 2**shift) if steps else None
    if line is None:
        return
    x = np.arange(lo, lo + span + 1)
    counted = (np.array(steps)[:, None] <= x).sum(axis=0)
    made = (x * line.multiplier + line.offset) >> line.places
    assert np.array_equal(made.clip(0, len(steps)), counted)
