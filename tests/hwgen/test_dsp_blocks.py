"""Products in DSP blocks: who gets them, and whole networks that have them."""

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

import hwgen
from hwgen.api import choose_frames
from hwgen.errors import PlanError
from hwgen.planning.layers.find import find_layers
from hwgen.planning.lowering.dsp import arranged
from hwgen.targets import get_target
from hwgen_rtl_templates.multiplier import DspBlocks, MultiplierParameters, packed
from hwgen_rtl_templates.multiplier_ecp5 import Ecp5Multiplier
from hwgen_rtl_templates.multiplier_ice40 import Ice40Multiplier
from support.known import digits, two_layers
from support.torch_models import random_module
from support.whole import check_simulated

ECP5, ICE40 = get_target("ulx3s-25f"), get_target("icebreaker")
ONE = [f"{layer}.{what}=1" for layer in ("conv", "fc") for what in ("pe", "simd")]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_weights_are_stored_as_blocks_want_them(rows):
    rng = np.random.default_rng(rows)
    matrix = rng.integers(-3, 4, (3, 5, 7))
    multiplied = MultiplierParameters(4, True, 3, True, rows)
    stored = arranged(matrix, DspBlocks(Ecp5Multiplier, rows), multiplied)
    for group, column, start in itertools.product(range(3), range(7), range(0, 5, rows)):
        chosen = (group, slice(start, start + rows), column)
        assert stored[chosen].tolist() == packed(matrix[chosen].tolist())
    halves = MultiplierParameters(4, True, 3, True, 2)
    assert arranged(matrix, DspBlocks(Ice40Multiplier, 2), halves) is matrix


def test_a_last_block_of_two_rows_has_a_multiplier_for_each():
    """Three rows share an operand of an iCE40's block, the two that are left do not."""
    matrix = np.full((1, 5, 1), -1)
    packing = MultiplierParameters(4, False, 2, True, 3)
    stored = arranged(matrix, DspBlocks(Ice40Multiplier, 3), packing)
    assert stored.ravel().tolist() == [-1, -2, -2, -1, -1]


def products(plan):
    """Return how many DSP blocks each layer has, and rows share one; None without."""
    found = {stage.name: stage.details(plan.target) for stage in plan.stages if stage.layer.macs}
    return {
        name: (details["blocks"], details["rows_a_block"]) if "blocks" in details else None
        for name, details in found.items()
    }


def test_where_products_are_is_weighed():
    """Wide ones in blocks, narrow ones in look-up tables; or as the user says."""
    wide, narrow = (two_layers(bits, act) for bits, act in ((16, 16), (3, 3)))
    made = hwgen.plan(wide, target=ECP5, goal="min area", overrides=ONE)
    assert products(made) == {name: (1, 1) for name in ("conv", "fc")}
    assert all(s.folding.choice("dsp") for s in made.stages)
    made = hwgen.plan(narrow, target=ECP5, goal="min area", overrides=ONE)
    assert products(made) == {"conv": None, "fc": None}
    forced = hwgen.plan(narrow, target=ECP5, goal="min area", overrides=[*ONE, "conv.dsp=1"])
    assert products(forced) == {"conv": (1, 1), "fc": None}
    kept = hwgen.plan(wide, target=ECP5, goal="min area", overrides=[*ONE, "fc.dsp=0"])
    assert products(kept)["fc"] is None and products(kept)["conv"]


@pytest.mark.parametrize("blocks", [0, 1, 2, 5, 28])
def test_blocks_are_a_budget_of_all_layers(blocks):
    """Whatever the target has, the plan fits it."""
    target = replace(ECP5, dsps=blocks)
    choices = ["conv.pe=1", "conv.simd=4", "fc.pe=2", "fc.simd=1"]
    made = hwgen.plan(two_layers(16, 16), target=target, goal="min area", overrides=choices)
    counts = {0: [], 1: [], 2: [2], 5: [4], 28: [4, 2]}[blocks]
    assert [found[0] for found in products(made).values() if found] == counts
    assert made.resources.dsps == sum(counts)


def test_blocks_are_used_where_tables_are_short():
    """An array that is cheaper in tables goes to blocks when these tables are not there."""
    network = two_layers(4, 8)
    goal = ["conv.pe=5", "conv.simd=4", "conv.serial=0", "conv.parallel=0"]
    plenty = hwgen.plan(network, target=ECP5, goal="min area", overrides=goal)
    assert products(plenty)["conv"] is None
    little = replace(ECP5, luts=round(plenty.resources.luts) - 100)
    made = hwgen.plan(network, target=little, goal="min area", overrides=goal)
    assert products(made)["conv"] == (12, 2)
    assert made.resources.luts <= little.luts


@pytest.mark.parametrize(
    ("target", "overrides", "message"),
    [
        ("ice40-hx8k", ["conv.dsp=1"], "conv: folding must have dsp one of 0; others only"),
        ("icebreaker", ["conv.dsp=2"], "conv: folding must have dsp one of 0, 1; others only"),
        (
            "icebreaker",
            ["conv.dsp=1", "conv.pe=5", "conv.simd=4"],
            "conv: network does not fit icebreaker: about 12 DSP blocks needed, 8 there",
        ),
    ],
)
def test_choices_that_cannot_be(target, overrides, message):
    with pytest.raises(PlanError, match=message):
        hwgen.plan(two_layers(4, 8), target=target, goal="min area", overrides=overrides)


# rows that share a block and borrow, and a rest; a requantizer's multiplier beside; depthwise; two
# multipliers in a block; groups of channels; three rows that share a block, and two that do not
WHOLE = [
    (ECP5, two_layers(4, 8), ["conv.pe=5", "conv.simd=3", "conv.dsp=1"], 9),
    (ECP5, two_layers(7, 7, by=77), ["conv.dsp=1", "conv.pe=3", "fc.dsp=1", "fc.simd=2"], 5),
    (ECP5, two_layers(3, 5, 4, groups=4), ["conv.dsp=1", "conv.pe=2"], 2),
    (ICE40, two_layers(8, 8), ["conv.pe=5", "conv.simd=2", "conv.dsp=1"], 6),
    (ICE40, two_layers(4, 9, 4, groups=2), ["conv.pe=2", "conv.dsp=1", "fc.dsp=1", "fc.pe=3"], 5),
    (ICE40, two_layers(2, 4, by=5), ["conv.pe=5", "conv.simd=1", "conv.dsp=1"], 2),
]


@pytest.mark.parametrize(
    ("target", "network", "overrides", "blocks"),
    [*(pytest.param(*case, marks=pytest.mark.slow) for case in WHOLE[:-1]), WHOLE[-1]],
)
def test_network(target, network, overrides, blocks, tmp_path):
    """golden == RTL == netlist; clocks as predicted; blocks as counted."""
    made = hwgen.plan(network, target=target, goal="min area", overrides=overrides)
    assert sum(found[0] for found in products(made).values() if found) == blocks
    package = hwgen.generate(made, tmp_path / "net")
    cell = {"ecp5": "MULT18X18D", "ice40": "SB_MAC16"}[target.family]
    assert f"primitives/{cell}.v" in package.manifest.primitives
    assert [s.folding.choice("dsp") for s in made.stages if s.layer.macs] == [
        layer.folding.choice("dsp") for layer in package.manifest.layers if layer.macs
    ]
    for stage in ("rtl", "netlist"):
        check_simulated(package, made, 3, stage=stage)
    assert package.cost("synth").dsps == made.resources.dsps
    assert package.verilog.read_text().count(f"\n  {cell} ") == blocks


def test_torch_equals_golden_equals_rtl_equals_netlist(tmp_path):
    rng = np.random.default_rng(4)
    torch.manual_seed(4)
    model, x = random_module(rng)
    recipe = hwgen.QuantizeRecipe(weights="int5", activations="uint6")
    done = hwgen.compress(model, hwgen.Recipe(quantize=recipe), calibration=[x])
    network = hwgen.import_torch(done.module, x[:1])
    weighted = [layer.name for layer in find_layers(network) if layer.macs]
    choices = [f"{name}.dsp=1" for name in weighted]
    made = hwgen.plan(network, target=ECP5, goal="min area", overrides=choices)
    assert all(products(made).values())
    package = hwgen.generate(made, tmp_path / "net")
    q = network.quantize(x[:3].numpy())
    golden = network.run(q)
    with torch.no_grad():
        real = done.module(x[:3]).numpy().reshape(golden.shape)
    assert np.array_equal(real, network.dequantize(golden))
    for stage in ("rtl", "netlist"):
        result = package.simulate(q, stage=stage, simulator="icarus", stalls=0.2)
        assert result.ok and np.array_equal(result.outputs, golden), result.first_difference


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_random_network_at_length(seed, tmp_path):
    rng = random.Random(seed)
    target = rng.choice((ECP5, ICE40))
    network = two_layers(rng.randint(2, 9), rng.randint(2, 9), rng.randint(2, 6), seed)
    choices = [f"conv.pe={rng.randint(1, 2)}", f"conv.simd={rng.choice((1, 2, 4))}"]
    choices += [f"{name}.dsp=1" for name in rng.sample(("conv", "fc"), rng.randint(1, 2))]
    made = hwgen.plan(network, target=target, goal="min area", overrides=choices)
    package = hwgen.generate(made, tmp_path / "net")
    x = choose_frames(network, 6, seed)
    for stage in ("rtl", "netlist"):
        result = package.simulate(x, stage=stage, simulator="icarus", stalls=0.2, seed=seed)
        assert result.ok, f"seed {seed}"
    assert package.cost("synth").dsps == made.resources.dsps, f"seed {seed}"


def test_the_command_says_what_is_where(tmp_path):
    from typer.testing import CliRunner

    from hwgen.cli import app

    two_layers(4, 8).save(tmp_path / "n.net")
    arguments = ["plan", str(tmp_path / "n.net"), "--goal", "min area", "--set", "conv.dsp=1"]
    result = CliRunner().invoke(app, [*arguments, "--set", "conv.pe=5"])
    assert "conv: products in 3 DSP blocks, each for 2 rows of the array" in result.output
    assert "fc: products" not in result.output


def test_planning_takes_blocks_only_where_they_pay():
    """The network of first light is narrow: it is planned as without them."""
    with_blocks = hwgen.plan(digits(), target="ulx3s-85f", goal="100000 fps")
    assert not any(stage.folding.choice("dsp") for stage in with_blocks.stages)
