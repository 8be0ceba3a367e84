"""torch == golden == RTL == netlist, bit for bit, on real digits."""

import numpy as np
import pytest
import torch
from torch import nn

import hwgen
from hwgen.digits import Digits
from support.torch_models import ResidualDigits


def check(model, recipe, digits, folder, goal, train=None):
    """Compress, and hold all four to each other: the netlist on fewer frames, the rest on all."""
    done = hwgen.compress(model, recipe, train=train, calibration=digits.calibration[:2])
    network = hwgen.import_torch(done.module, digits.example)
    x = network.quantize(digits.test_inputs.numpy())
    golden = network.run(x)
    with torch.no_grad():
        real = done.module(digits.test_inputs).numpy()
    assert np.array_equal(real, network.dequantize(golden))

    plan = hwgen.plan(network, target="ulx3s-85f", goal=goal)
    package = hwgen.generate(plan, folder)
    result = package.simulate(x, timeout=900)
    assert np.array_equal(result.outputs, golden), result.first_difference
    assert result.ok
    assert result.interval == plan.interval and result.latency == plan.latency
    assert plan.interval <= max(plan.busy + 3, plan.busy / 0.97)

    some = x[:24]
    netlist = package.simulate(some, stage="netlist", timeout=900)
    assert np.array_equal(netlist.outputs, golden[:24]), netlist.first_difference
    assert netlist.ok and netlist.interval == plan.interval
    return package


def test_demo_network(tmp_path):
    """The demo's network, trained for a moment only."""
    digits = Digits(0)
    digits.train(digits.model, 2)
    recipe = hwgen.Recipe(
        prune=hwgen.PruneRecipe(channels=0.5, epochs=1),
        quantize=hwgen.QuantizeRecipe(weights="int4", activations="uint4", epochs=1),
    )
    check(digits.model, recipe, digits, tmp_path / "digits", "100000 fps", digits.train)


def test_residual_depthwise_separable_network(tmp_path):
    digits = Digits(0)
    torch.manual_seed(0)
    model = ResidualDigits()
    digits.train(model, 2)
    recipe = hwgen.Recipe(quantize=hwgen.QuantizeRecipe(weights="int4", activations="uint4"))
    check(model, recipe, digits, tmp_path / "residual", "20000 fps")


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
    x = network.quantize(digits.test_inputs.numpy())[:20]
    assert package.simulate(x, stage="netlist", timeout=900).ok


class FiveFormats(nn.Module):
    """Five layers with weights, for weights of five kinds."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, stride=2)
        self.conv3 = nn.Conv2d(8, 12, 2)
        self.conv4 = nn.Conv2d(12, 8, 1)
        self.fc = nn.Linear(32, 10)

    def forward(self, x):
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = torch.relu(conv(x))
        return self.fc(torch.flatten(x, 1))


def test_five_formats_in_five_layers(tmp_path):
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
    package = check(FiveFormats(), recipe, digits, tmp_path / "five", "20000 fps")
    weighted = (getattr(node.op, "weight_format", None) for node in package.network.nodes)
    assert [str(each) for each in weighted if each] == [text.split("/")[0] for text in of.values()]
