"""Layers whose weights are wired into adders, alone and among others."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import hwgen
from hwgen.api import choose_frames
from hwgen.cli import app
from hwgen.errors import PlanError
from hwgen.formats import Fixed
from hwgen.network import Input, Linear, Network, Node, Requantize
from hwgen.planning.lowering.constants import levels_within
from hwgen.targets import get_target
from support.known import two_layers
from support.selection import some
from support.whole import check_simulated, planned

ECP5, ICE40 = get_target("ulx3s-85f"), get_target("icebreaker")

# a convolution a pixel a clock and a linear layer stored; stored and a frame at once; bit by bit
# both; a convolution in digits behind a window of a few elements
MIXED = {
    "parallel, stored": (ECP5, ["conv.parallel=1", "conv.simd=36"]),
    "stored, parallel": (ECP5, ["conv.pe=1", "fc.parallel=1", "fc.simd=1"]),
    "serial, serial": (ECP5, ["conv.serial=1", "conv.simd=4", "fc.serial=2", "fc.simd=5"]),
    "digits, stored": (ICE40, ["conv.serial=4", "conv.simd=12", "fc.pe=2"]),
}


@pytest.mark.parametrize("case", some(MIXED, ("parallel, stored", "serial, serial")))
def test_golden_equals_rtl(case, tmp_path):
    target, choices = MIXED[case]
    network = two_layers(4, 5)
    plan = planned(network, "min area", target, choices)
    kinds = {stage.name: "adders" in stage.details(target) for stage in plan.stages}
    for name, kind in zip(("conv", "fc"), case.split(", "), strict=True):
        assert kinds[name] == (kind != "stored")
    check_simulated(hwgen.generate(plan, tmp_path / "net"), plan, 4)


@pytest.mark.parametrize("case", some(MIXED, ["digits, stored"]))
def test_netlist(case, tmp_path):
    target, choices = MIXED[case]
    network = two_layers(4, 5)
    package = hwgen.generate(planned(network, "min area", target, choices), tmp_path / "net")
    result = package.simulate(choose_frames(network, 3, 1), stage="netlist", simulator="icarus")
    assert result.ok, result.first_difference


class JetTagging(nn.Sequential):
    """The dense layers of jet tagging (Duarte et al., 2018): 16, 64, 32, 32, 5."""

    def __init__(self):
        sizes = (16, 64, 32, 32, 5)
        layers = []
        for n, (a, b) in enumerate(zip(sizes, sizes[1:], strict=False)):
            layers += [nn.Linear(a, b), *([nn.ReLU()] if n < 3 else [])]
        super().__init__(*layers)


def jets(vectors):
    """Return the network of jet tagging, 6 bits, half of the weights zero; module and inputs."""
    torch.manual_seed(0)
    x = torch.randn(vectors, 16)
    recipe = hwgen.Recipe(
        prune=hwgen.PruneRecipe(weights=0.5, epochs=0),
        quantize=hwgen.QuantizeRecipe(weights="int6", activations="uint6", input="int8"),
    )
    done = hwgen.compress(JetTagging(), recipe, calibration=[x[:100]], example=x[:1])
    return done.module, x, hwgen.import_torch(done.module, x[:1])


@pytest.mark.slow
def test_jet_tagging_without_folding(tmp_path):
    """A frame a clock: all layers parallel; 10,000 vectors."""
    module, x, network = jets(10_000)
    plan = hwgen.plan(network, target=ECP5, goal="100000000 fps")
    assert all(stage.folding.choice("parallel") for stage in plan.stages)
    assert plan.interval == 1
    q = network.quantize(x.numpy())
    golden = network.run(q)
    with torch.no_grad():
        real = module(x).numpy()
    assert np.array_equal(np.rint(real / network.output.scale), golden)
    result = hwgen.generate(plan, tmp_path / "net").simulate(q)
    assert result.ok and np.array_equal(result.outputs, golden), result.first_difference
    assert result.interval == 1 and result.latency == plan.latency


@pytest.mark.slow
def test_jet_tagging_on_ice40(tmp_path):
    """Folded into a UP5K."""
    _, x, network = jets(300)
    plan = planned(network, "min area", ICE40, [])
    package = hwgen.generate(plan, tmp_path / "net")
    q = network.quantize(x.numpy())
    assert package.simulate(q).ok
    found = package.cost("synth")
    assert found.luts <= ICE40.luts and found.block_rams <= ICE40.block_rams


def test_a_frame_a_clock_by_the_planner_alone():
    """Nothing else is as quick with a component a layer: all layers are wired, and as many adders
    between registers as the clock allows. As one, they take less of everything."""
    rng = np.random.default_rng(2)
    nodes = [Node("x", Input((6,), Fixed(4, False), [1.0]))]
    for n, (a, b) in enumerate(((6, 7), (7, 5))):
        op = Linear(rng.integers(-7, 8, (b, a)), rng.integers(-9, 9, b), Fixed(4), [1.0])
        nodes.append(Node(f"fc{n}", op, (nodes[-1].name,)))
        nodes.append(Node(f"y{n}", Requantize([3], 7, Fixed(4, False), [1.0]), (f"fc{n}",)))
    network = Network(tuple(nodes))

    def made(megahertz, *choices):
        clock = megahertz * 1_000_000
        goal = f"{clock} fps"
        return hwgen.plan(network, target=ECP5, goal=goal, clock_hz=clock, overrides=choices)

    fast, slow = made(200, "fc1.unrolled=0"), made(50, "fc1.unrolled=0")
    for plan, levels in ((fast, 1), (slow, 6)):
        assert plan.interval == 1
        (one,) = (chosen := made(plan.clock_hz // 1_000_000)).stages
        assert one.implementation.name == "unrolled" and chosen.latency < plan.latency
        assert chosen.resources.luts < plan.resources.luts
        assert chosen.resources.ffs < plan.resources.ffs
        assert all(1 <= stage.folding.choice("parallel") <= levels for stage in plan.stages)
    assert slow.latency < fast.latency and slow.resources.ffs < fast.resources.ffs


def test_choices_that_cannot_be():
    message = "conv: folding must have parallel one of 0; others only idle longer"
    with pytest.raises(PlanError, match=message):
        planned(two_layers(3, 5, 4, groups=4), "min area", ECP5, ["conv.parallel=1"])
    with pytest.raises(PlanError, match="conv: folding must have serial one of 0, 1, 2, 4"):
        planned(two_layers(4, 5), "min area", ECP5, ["conv.serial=3"])


def test_the_command_says_so(tmp_path):
    two_layers(4, 5).save(tmp_path / "n.net")
    arguments = ["plan", str(tmp_path / "n.net"), "--goal", "min area", "--set", "fc.serial=1"]
    output = " ".join(CliRunner().invoke(app, arguments).output.split())
    assert "fc: weights wired into" in output and "adders, a window every" in output
    assert "conv: array in LUTs, worth" in output
    assert "array in DSP blocks at least" in output and "parallel constants" in output
    described = json.loads(CliRunner().invoke(app, [*arguments, "--json", "-"]).stdout)
    assert described["layers"][0]["implementation"] == "array"
    assert described["layers"][1]["details"]["interval"] > 8


@pytest.mark.parametrize(
    ("target", "mhz", "levels"),
    [
        ("ulx3s-85f", 250, 1),  # not even one in three quarters of 4 ns
        ("ulx3s-85f", 141, 2),  # 3.3 ns and 2 ns more in 5.32 ns
        ("ulx3s-85f", 142, 1),
        ("ulx3s-85f", 100, 3),
        ("ulx3s-85f", 25, 14),
        ("icebreaker", 12, 9),  # 12 ns, and 6 ns each
        ("tangnano9k", 27, 1),  # nothing is known
    ],
)
def test_adders_between_two_registers(target, mhz, levels):
    assert levels_within(mhz * 1_000_000, get_target(target)) == levels
