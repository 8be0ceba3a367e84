"""Weights from a book: inputs that are summed up by entry and multiplied afterwards (PASM)."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import hwgen
from hwgen.api import choose_frames
from hwgen.cli import app
from hwgen.errors import PlanError
from hwgen.formats import Codebook, Fixed
from hwgen.network import Conv2d, Input, Network, Node, Requantize
from hwgen.planning.estimate.resources import weigh
from hwgen.targets import get_target
from hwgen_rtl_templates.encodings import Codebook as Indices
from support.known import sparse_layer
from support.selection import some
from support.whole import check_simulated

ECP5 = get_target("ulx3s-85f")


def booked(*, entries=16, channels=8, outputs=6, x=None, size=5, groups=1, seed=0):
    """Return a network of one 3x3 convolution with weights from a random book of 8 bits."""
    rng = np.random.default_rng(seed)
    book = tuple(sorted(rng.choice(np.arange(-128, 128), entries, replace=False).tolist()))
    of = Codebook(max(1, (entries - 1).bit_length()), 8, book)
    weight = rng.choice(book, (outputs, channels // groups, 3, 3))
    bias = rng.integers(-99, 99, outputs)
    conv = Conv2d(weight, bias, of, np.ones(outputs), padding=1, groups=groups)
    narrow = Requantize([1], [9], Fixed(8, False), [1.0])
    x = Input((channels, size, size), x or Fixed(4, False), [1.0])
    return Network((Node("x", x), Node("conv", conv, ("x",)), Node("narrow", narrow, ("conv",))))


def pruned():
    """Return a network with a book and stripes without weights."""
    network = sparse_layer("stripes", outputs=8, size=3)
    nodes = list(network.nodes)
    conv = nodes[1].op
    entries = tuple(sorted({int(w) for w in conv.weight.reshape(-1)}))
    nodes[1] = replace(nodes[1], op=replace(conv, weight_format=Codebook(4, 4, entries)))
    return Network(tuple(nodes))


CASES = {
    "sixteen entries": (booked(), ["pe=2", "simd=4"]),
    "signed inputs, an odd book, a rest of columns": (
        booked(entries=5, channels=3, x=Fixed(3), seed=1),
        ["pe=3", "simd=4"],
    ),
    "one column": (booked(entries=3, channels=2, seed=2, size=3), ["pe=1", "simd=1"]),
    "each channel on its own": (booked(channels=4, outputs=4, groups=4, seed=3), ["pe=2"]),
    "stripes": (pruned(), ["pe=4", "simd=8", "skip=1"]),
}


def made(network, choices, pasm=1, target=ECP5):
    overrides = [f"conv.{choice}" for choice in (*choices, f"pasm={pasm}")]
    return hwgen.plan(network, target=target, goal="min area", overrides=overrides)


@pytest.mark.parametrize("case", some(CASES, [*CASES][::2]))
def test_golden_equals_rtl(case, tmp_path):
    network, choices = CASES[case]
    plan = made(network, choices)
    path = plan.stages[0].core.datapath
    assert path.banks and isinstance(path.weights.encoding, Indices)
    check_simulated(hwgen.generate(plan, tmp_path / "net"), plan, 3)


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow) for case in list(CASES)[:-1]] + ["stripes"]
)
def test_netlist(case, tmp_path):
    network, choices = CASES[case]
    package = hwgen.generate(made(network, choices), tmp_path / "net")
    result = package.simulate(choose_frames(network, 2, 1), stage="netlist", simulator="icarus")
    assert result.ok, result.first_difference


def test_registers_are_as_wide_as_the_most_that_come_together():
    """Four taps of a weight on inputs up to 15 make 60; zero is not counted."""
    weight = np.zeros((1, 1, 3, 3), int)
    weight[0, 0, 0] = 7
    weight[0, 0, 1] = 7, -3, 0
    conv = Conv2d(weight, [0], Codebook(2, 4, (-3, 0, 7)), [1.0])
    x = Input((1, 3, 3), Fixed(4, False), [1.0])
    network = Network((Node("x", x), Node("conv", conv, ("x",))))
    for simd, bits in ((1, 6), (3, 5), (9, 4)):
        banks = made(network, ["pe=1", f"simd={simd}"]).stages[0].core.datapath.banks
        assert (banks.bits, banks.total) == (bits, 6)


def test_the_cheaper_is_taken():
    """Without hurry the planner takes what it estimates to cost least; fewer clocks than reading
    the registers out takes leave no choice."""
    network = booked(channels=16, outputs=2, x=Fixed(8, False))
    overrides = ["conv.pe=2", "conv.simd=16"]
    plans = [made(network, ["pe=2", "simd=16"], pasm) for pasm in (0, 1)]
    costs = [weigh(plan.resources) for plan in plans]
    free = hwgen.plan(network, target=ECP5, goal="min area", overrides=overrides)
    assert free.stages[0].folding.choice("pasm") == (costs[1] < costs[0])
    assert plans[1].interval > plans[0].interval
    with_low_latency = hwgen.plan(network, target=ECP5, goal="300000 fps", overrides=overrides)
    assert with_low_latency.stages[0].folding.choice("pasm") == 0


def test_choices_that_cannot_be():
    message = "conv: folding must have pasm one of 0; others only idle longer"
    with pytest.raises(PlanError, match=message):
        made(CASES["one column"][0], [], target="ice40-hx8k")  # no memory of a few words
    fixed = sparse_layer("stripes")
    with pytest.raises(PlanError, match=message):
        made(fixed, [])


def test_the_command_says_so(tmp_path):
    booked().save(tmp_path / "n.net")
    arguments = ["plan", str(tmp_path / "n.net"), "--goal", "min area", "--set", "conv.pasm=1"]
    result = CliRunner().invoke(app, arguments)
    assert "conv: inputs are summed up by entry" in result.output.replace("\n", " ")
    described = json.loads(CliRunner().invoke(app, [*arguments, "--json", "-"]).stdout)
    assert described["layers"][0]["implementation"] == "pasm"
