"""Zeros that take no clock: pruned shapes, stripes and single weights, on any folding."""

import pytest

import hwgen
from hwgen.errors import PlanError
from support.known import sparse_layer
from support.networks import random_input
from support.selection import crossed, some
from support.whole import planned

FRAMES = 4
TARGET = "ulx3s-85f"


def folded(network, pe, simd, skip):
    choices = [f"conv.pe={pe}", f"conv.simd={simd}", f"conv.skip={skip}"]
    choices += ["conv.parallel=0", "conv.serial=0"]  # an array, however cheap constants are
    return planned(network, "min area", TARGET, choices)


ZEROS = [  # kind, pe, simd, and the share of the clocks that are left at most
    *(("stripes", 4, 8, 0.45), ("shapes", 2, 1, 0.5), ("weights", 2, 3, 0.3)),
    *(("filter", 4, 8, 0.9), ("stripes", 4, 4, 0.45), ("stripes", 2, 2, 0.45)),
    *(("stripes", 4, 9, 0.45), ("shapes", 4, 9, 0.5), ("shapes", 14, 3, 0.5)),
    *(("weights", 1, 1, 0.15), ("weights", 3, 5, 0.45)),
]


@pytest.mark.parametrize(("kind", "pe", "simd", "most"), some(ZEROS, (ZEROS[0], ZEROS[2])))
def test_zeros_take_no_clock(tmp_path, kind, pe, simd, most):
    """The same bits in fewer clocks, as many as predicted, with and without stalls."""
    network = sparse_layer(kind, size=3 if pe * simd < 4 else 5)
    plan, dense = (folded(network, pe, simd, skip) for skip in (1, 0))
    assert plan.interval <= most * dense.interval
    assert plan.interval <= max(plan.busy + 3, plan.busy / 0.97)
    stage = plan.stages[0]
    assert stage.skipped == pytest.approx(1 - stage.core.commands / dense.stages[0].core.commands)
    assert plan.useful_share <= 1 and stage.macs < dense.stages[0].macs
    words = [len(each.stages[0].core.datapath.weights.words) for each in (plan, dense)]
    assert words[0] < words[1]
    package = hwgen.generate(plan, tmp_path / "net")
    x = random_input(network, FRAMES, 0)
    result = package.simulate(x, simulator="icarus", timeout=300)
    assert result.equal, result.first_difference
    assert result.interval == plan.interval and result.latency == plan.latency
    assert result.frame_ends == plan.timing_of(FRAMES).frame_ends
    stalled = package.simulate(x, simulator="icarus", stalls=0.3, seed=1, timeout=300)
    assert stalled.equal and not stalled.violations, stalled.first_difference


@pytest.mark.parametrize(
    ("folding", "kind"), crossed([(2, 2, 3), (8, 4, 1), (8, 8, 1)], ["shapes", "weights"])
)
def test_grouped_and_depthwise(tmp_path, folding, kind):
    groups, pe, simd = folding
    network = sparse_layer(kind, outputs=8, groups=groups, seed=3)
    plan, dense = (folded(network, pe, simd, skip) for skip in (1, 0))
    assert plan.interval < dense.interval
    package = hwgen.generate(plan, tmp_path / "net")
    result = package.simulate(random_input(network, FRAMES, 0), simulator="icarus", timeout=300)
    assert result.equal, result.first_difference
    assert result.interval == plan.interval and result.latency == plan.latency


def test_planner_skips_where_a_rate_asks_for_it_or_it_is_cheaper():
    """At one rate the pruned layer takes a smaller array; without zeros there is no choice."""
    luts = {}
    for kind in ("dense", "stripes"):
        plan = hwgen.plan(sparse_layer(kind), target=TARGET, goal="400000 fps")
        luts[kind] = plan.resources.luts
        assert plan.stages[0].folding.skip == (kind == "stripes")
    assert luts["stripes"] < 0.8 * luts["dense"]
    with pytest.raises(PlanError, match="skip one of 0"):
        folded(sparse_layer("dense"), 4, 8, 1)


def test_plan_says_what_is_zero_and_what_it_saves(tmp_path, capsys):
    from rich.console import Console

    from hwgen.cli.plan import print_plan

    print_plan(folded(sparse_layer("stripes"), 4, 8, 1), Console(width=200))
    text = " ".join(capsys.readouterr().out.split())
    assert "conv: 62% of the weights are zero; skipping words of zeros saves 61% of its cl" in text
