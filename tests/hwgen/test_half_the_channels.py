"""What half of the channels save: in look-up tables at one throughput, in clocks at one folding."""

import pytest
import torch

import hwgen
from hwgen.codegen.verilog import to_verilog
from hwgen.cost import synthesise
from hwgen.planning.estimate.resources import estimate
from hwgen.targets import get_target
from hwgen.tasks.digits import Digits
from hwgen_rtl_templates.mac import MacArray

TARGET = get_target("ulx3s-85f")
CONVOLUTIONS = ("conv1", "conv2")


@pytest.fixture(scope="module")
def networks():
    """The demo's CNN, and the same with half of its channels."""
    made = []
    for width in (16, 8):
        torch.manual_seed(0)
        digits = Digits(0, width)
        recipe = hwgen.Recipe(quantize=hwgen.QuantizeRecipe(weights="int4", activations="uint4"))
        done = hwgen.compress(digits.model, recipe, calibration=digits.calibration[:2])
        made.append(hwgen.import_torch(done.module, digits.example))
    return made


def arrays(network, **settings):
    """Return the stages that are convolutions, by name."""
    plan = hwgen.plan(network, target=TARGET, **settings)
    return {stage.name: stage for stage in plan.stages if stage.layer.weight is not None}


def at_one_goal(networks):
    # Arrays in LUTs, all of them: what multiplies by constants takes tables by their digits.
    others = ("dsp=0", "serial=0", "parallel=0")
    overrides = [f"{name}.{what}" for name in (*CONVOLUTIONS, "fc") for what in others]
    dense, half = (arrays(network, goal="250000 fps", overrides=overrides) for network in networks)
    folding = dense["conv2"].folding
    assert folding.pe * folding.simd >= 16
    return dense, half


def test_tables_at_one_throughput(networks):
    dense, half = (
        sum(estimate(stage.core.datapath, TARGET).luts for stage in stages.values())
        for stages in at_one_goal(networks)
    )
    assert half <= 0.6 * dense


@pytest.mark.slow
def test_tables_at_one_throughput_as_synthesised(networks):
    dense, half = (
        sum(
            synthesise(to_verilog(MacArray(stage.core.datapath), "top"), "top", TARGET).luts
            for stage in stages.values()
        )
        for stages in at_one_goal(networks)
    )
    assert half <= 0.6 * dense


def test_clocks_at_one_folding(networks):
    overrides = [f"{name}.{what}" for name in CONVOLUTIONS for what in ("pe=4", "simd=1", "dsp=0")]
    dense, half = (arrays(network, goal="min area", overrides=overrides) for network in networks)
    for name in CONVOLUTIONS:
        assert half[name].busy <= 0.6 * dense[name].busy
