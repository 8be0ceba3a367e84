"""torch == golden == RTL == netlist, bit for bit, on real digits."""

import numpy as np
import pytest
import torch
from torch import nn

import hwgen
from hwgen.tasks.digits import Digits
from support.torch_models import ResidualDigits

ALL = 1 << 20  # frames


def check(model, recipe, digits, folder, goal, train=None, *, rtl=6, gates=3):
    """Compress, and hold all four to each other: torch and golden on all digits, the RTL and the
    netlist on some."""
    done = hwgen.compress(model, recipe, train=train, calibration=digits.calibration[:2])
    network = hwgen.import_torch(done.module, digits.example)
    x = network.quantize(digits.test_inputs.numpy())
    golden = network.run(x)
    with torch.no_grad():
        real = done.module(digits.test_inputs).numpy()
    assert np.array_equal(real, network.dequantize(golden))

    plan = hwgen.plan(network, target="ulx3s-85f", goal=goal)
    package = hwgen.generate(plan, folder)
    simulator = "icarus" if rtl < 100 else "verilator"
    result = package.simulate(x[:rtl], simulator=simulator, timeout=900)
    assert np.array_equal(result.outputs, golden[:rtl]), result.first_difference
    assert result.ok
    assert result.interval == plan.interval and result.latency == plan.latency
    assert plan.interval <= max(plan.busy + 3, plan.busy / 0.97)

    # Verilator takes half a minute for a module a cell: more than Icarus does for a few frames.
    netlist = package.simulate(x[:gates], stage="netlist", simulator="icarus", timeout=900)
    assert np.array_equal(netlist.outputs, golden[:gates]), netlist.first_difference
    assert netlist.ok and netlist.frame_ends == plan.timing_of(gates).frame_ends
    return package


@pytest.mark.slow
def test_demo_network(tmp_path):
    """The demo's network, trained for a moment only."""
    digits = Digits(0)
    digits.train(digits.model, 2)
    recipe = hwgen.Recipe(
        prune=hwgen.PruneRecipe(channels=0.5, epochs=1),
        quantize=hwgen.QuantizeRecipe(weights="int4", activations="uint4", epochs=1),
    )
    check(
        digits.model,
        recipe,
        digits,
        tmp_path / "digits",
        "100000 fps",
        digits.train,
        rtl=ALL,
        gates=4,
    )


@pytest.mark.slow
def test_pruned_residual_network(tmp_path):
    """DotOutput, depthwise and pooled layers, batch norms, and half of the channels gone."""
    digits = Digits(0)
    torch.manual_seed(0)
    recipe = hwgen.Recipe(
        prune=hwgen.PruneRecipe(channels=0.5, epochs=0),
        quantize=hwgen.QuantizeRecipe(weights="int4", activations="uint4"),
    )
    check(ResidualDigits(6), recipe, digits, tmp_path / "residual", "50000 fps", rtl=3, gates=1)


@pytest.mark.slow
def test_residual_depthwise_separable_network(tmp_path):
    digits = Digits(0)
    torch.manual_seed(0)
    model = ResidualDigits(20)
    digits.train(model, 2)
    recipe = hwgen.Recipe(quantize=hwgen.QuantizeRecipe(weights="int4", activations="uint4"))
    check(model, recipe, digits, tmp_path / "residual", "20000 fps", rtl=ALL, gates=2)


@pytest.mark.slow
def test_demo_network_on_ice40(tmp_path):
    digits = Digits(0)
    digits.train(digits.model, 2)
    recipe = hwgen.Recipe(
        prune=hwgen.PruneRecipe(channels=0.5, epochs=1),
        quantize=hwgen.QuantizeRecipe(weights="int4", activations="uint4", epochs=1),
    )
    done = hwgen.compress(
        digits.model, recipe, train=digits.train, calibration=digits.calibration[:2]
    )
    network = hwgen.import_torch(done.module, digits.example)
    plan = hwgen.plan(network, target="ice40-hx8k", goal="min area")
    package = hwgen.generate(plan, tmp_path / "digits")
    x = network.quantize(digits.test_inputs.numpy())[:3]
    assert package.simulate(x, stage="netlist", simulator="icarus", timeout=900).ok


class FiveFormats(nn.Module):
    """Five layers with weights, for weights of five kinds."""

    def __init__(self, channels: tuple[int, int, int, int]):
        super().__init__()
        one, two, three, four = channels
        self.conv1 = nn.Conv2d(1, one, 3, padding=1)
        self.conv2 = nn.Conv2d(one, two, 3, stride=2)
        self.conv3 = nn.Conv2d(two, three, 2)
        self.conv4 = nn.Conv2d(three, four, 1)
        self.fc = nn.Linear(4 * four, 10)

    def forward(self, x):
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = torch.relu(conv(x))
        return self.fc(torch.flatten(x, 1))


LARGE = pytest.param((8, 8, 12, 8), ALL, 4, marks=pytest.mark.slow)


@pytest.mark.parametrize(("channels", "rtl", "gates"), [((2, 3, 3, 2), 3, 1), LARGE])
def test_five_formats_in_five_layers(channels, rtl, gates, tmp_path):
    digits = Digits(0)
    torch.manual_seed(0)
    of = {
        "conv1": "int8/uint4",
        "conv2": "pot4/uint4",
        "conv3": "binary/uint4",
        "conv4": "ternary/uint4",
        "fc": "cb4:8",
    }
    recipe = hwgen.Recipe(quantize=hwgen.QuantizeRecipe(layers=of))
    model, folder = FiveFormats(channels), tmp_path / "five"
    package = check(model, recipe, digits, folder, "20000 fps", rtl=rtl, gates=gates)
    weighted = (getattr(node.op, "weight_format", None) for node in package.network.nodes)
    assert [str(each) for each in weighted if each] == [text.split("/")[0] for text in of.values()]
