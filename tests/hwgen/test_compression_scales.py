"""What becomes of scales at their extremes: zeros, the tiny, the huge, the dead and the bounded."""

import numpy as np
import pytest
import torch
from torch import nn

import hwgen
from hwgen.compression import QuantizeRecipe, Recipe, compress
from hwgen.compression.quantize.fixed_point import fixed_point
from hwgen.compression.quantize.weights.bounded import bounded_norm, largest_bias
from hwgen.network import Network
from hwgen.network.ops import Add, Requantize
from hwgen.torch_graph.threads import thrifty_threads
from support.meanings import compare_torch

FORMATS = ("int8", "int4", "pot4", "pot4x2", "ternary", "binary", "cb4:8")


def made(model: nn.Module, x: torch.Tensor, **settings) -> tuple[nn.Module, Network]:
    """Return the quantized model and its network, of which torch == golden is held."""
    known = {"weights": "int8", "activations": "uint8", "epochs": 0}
    recipe = Recipe(quantize=QuantizeRecipe(**{**known, **settings}))
    module = compress(model.eval(), recipe, calibration=[x]).module
    network = hwgen.import_torch(module, x[:1])
    compare_torch(module, network, x)
    return module, network


def decibels(model: nn.Module, module: nn.Module, x: torch.Tensor) -> list[float]:
    """Return signal to noise of each output channel."""
    with torch.no_grad():
        y, z = model(x).double().transpose(0, 1), module(x).transpose(0, 1)
    y, z = y.flatten(1), z.flatten(1)
    return (10 * torch.log10(y.var(1, correction=0) / ((y - z) ** 2).mean(1))).tolist()


def linear(weight: float = 1.0, inputs: int = 4, outputs: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(inputs, outputs))
    with torch.no_grad():
        model[0].weight.mul_(weight)
        model[0].bias.copy_(torch.tensor([0.3, -0.2, 0.4])[:outputs])
    return model


@pytest.mark.parametrize(
    ("weights", "settings"),
    [(weights, {}) for weights in FORMATS]
    + [
        (weights, settings)
        for weights in ("int8", "ternary", "binary", "cb4:8")
        for settings in ({"scales": "power_of_two"}, {"per_channel": False}, {"output": None})
    ],
    ids=str,
)
@pytest.mark.parametrize("weight", [0.0, 1e-20])
def test_weights_that_count_for_nothing_leave_the_bias(weights, weight, settings):
    x = torch.arange(256.0).reshape(64, 4)
    module, network = made(linear(weight), x, weights=weights, **settings)
    expected = np.array([0.3, -0.2, 0.4])
    step = 0.4 * 2**-12 if network.output.format is None else float(network.output.scale[0])
    assert step < 0.01 and np.abs(module(x).numpy() - expected).max() <= step * 0.55


def test_asymmetric_weights_of_zero_leave_the_bias():
    module, network = made(linear(0.0), torch.rand(16, 4), asymmetric_weights=True)
    expected = torch.tensor([0.3, -0.2, 0.4])
    assert float((module(torch.rand(4, 4)) - expected).abs().max()) <= float(
        network.output.scale[0]
    )


@pytest.mark.parametrize("output", ["int8", "int16"])
def test_one_channel_of_tiny_weights_takes_nothing_from_the_others(output):
    x = torch.rand(64, 8)
    model, usual = linear(inputs=8), linear(inputs=8)
    with torch.no_grad():
        model[0].weight[0] *= 1e-12
    module, _ = made(model, x, output=output)
    assert float((module(x)[:, 0] - 0.3).abs().max()) < 0.005
    expected = decibels(usual, made(usual, x, output=output)[0], x)
    assert min(np.subtract(decibels(model, module, x), expected)[1:]) > -1.5


def test_a_bias_that_nothing_brings_back_saturates():
    x = torch.rand(32, 4)
    model = nn.Sequential(*linear(), nn.ReLU(), nn.Linear(3, 2))
    with torch.no_grad():
        model[0].bias[1] = -1e30
    module, network = made(model, x)
    assert min(decibels(model, module, x)) > 22
    assert max(abs(t.lo) for t in network.tensors.values()) < 1 << 40


class Residual(nn.Module):
    """x + f(x), f's last norm of one scale."""

    def __init__(self, scale: float):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2)
        nn.init.constant_(self.norm.weight, scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.norm(self.conv(x))


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e-6, 1e-4])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"activations": "uint16", "output": "int16"},
        {"scales": "power_of_two"},
        {"asymmetric": True},
    ],
    ids=str,
)
def test_a_branch_that_counts_for_nothing_is_joined(scale, settings):
    x = torch.randn(16, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    model = Residual(scale)
    module, network = made(model, x, **settings)
    fine = 75 if "activations" in settings else 32
    assert min(decibels(model, module, x)) > fine
    (add,) = (node.op for node in network.nodes if isinstance(node.op, Add))
    assert scale > 1e-6 or max(add.multipliers) < 1 << 11  # and costs little


def test_two_branches_of_zeros_and_a_sum_of_three():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = (nn.Linear(4, 4) for _ in range(3))
            for layer, scale in ((self.a, 0.0), (self.b, 0.0), (self.c, 1e-7)):
                for parameter in layer.parameters():
                    parameter.data.mul_(scale)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.c(x) + (self.a(x) + self.b(x))

    x = torch.rand(32, 4)
    model = Twice()
    assert min(decibels(model, made(model, x)[0], x)) > 35


def norm_with_a_dead_channel(kind: str, factor: float) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(3)
    model = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
        nn.Conv2d(8, 4, 3, padding=1),
    )
    x = torch.randn(16, 3, 6, 6)
    norm = model[1]
    with torch.no_grad():
        norm.running_var.uniform_(3, 10)
        norm.running_mean.uniform_(-0.2, 0.2)
        norm.running_var[5] = 0
        model[0].weight[5] *= factor
        if kind == "of dead inputs":
            x[:, 2], model[0].weight[5, :2], norm.running_mean[5] = 0, 0, 0
        else:  # never above zero
            norm.bias[5] = -1e5 * max(factor, 1)
    return model, x


@pytest.mark.parametrize("kind", ["of dead inputs", "never above zero"])
@pytest.mark.parametrize("factor", [1.0, 30.0, 1e6])
def test_a_dead_channel_changes_nothing_else(kind, factor):
    model, x = norm_with_a_dead_channel(kind, factor)
    without, _ = norm_with_a_dead_channel(kind, 0.0)
    expected = decibels(without, made(without, x)[0], x)
    found = decibels(model, made(model, x)[0], x)
    assert min(np.subtract(found, expected)) > -0.7, (found, expected)


@pytest.mark.parametrize(("weights", "least"), [("int8", 36), ("int4", 13), ("ternary", 4)])
def test_raw_outputs_far_apart_are_as_good_as_each_other(weights, least):
    torch.manual_seed(0)
    apart = torch.tensor([1.0, 1e4, 1e-2, 1e-9])
    model, x = nn.Sequential(nn.Linear(16, 4)), torch.rand(256, 16)
    with torch.no_grad():
        model[0].weight.mul_(apart[:, None])
        model[0].bias.mul_(apart)
    found = decibels(model, made(model, x, weights=weights, output=None)[0], x)
    assert min(found) > least and max(found) - min(found) < 11, found


def test_extremes_are_the_same_in_hardware(tmp_path):
    class Extreme(Residual):
        def __init__(self):
            super().__init__(0.0)
            self.zeros, self.tiny = nn.Conv2d(2, 2, 1), nn.Linear(8, 3)
            self.zeros.weight.data.zero_()
            self.tiny.weight.data[0] *= 1e-12
            self.tiny.bias.data.fill_(0.3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = super().forward(x)
            return self.tiny(torch.flatten((x + self.zeros(x)).relu(), 1))

    x = torch.rand(8, 2, 2, 2) * 4 - 2
    _, network = made(Extreme(), x)
    package = hwgen.generate(
        hwgen.plan(network, target="icebreaker", goal="min area"), tmp_path / "extreme"
    )
    assert package.simulate(network.quantize(x.numpy()), simulator="icarus").equal


def test_multipliers_widen_for_small_channels_alone():
    near, _ = fixed_point(np.array([2.0**-9, 2.0**-14]), 8, 1 << 20, False, "layer")
    assert int(near.max()).bit_length() == 16  # bits + 8
    far, shift = fixed_point(np.array([0.3, 0.3 / 3000]), 8, 1 << 30, False, "layer")
    errors = np.abs(far / 2.0**shift / np.array([0.3, 0.3 / 3000]) - 1) * 255
    assert errors.max() <= 0.25  # of an output step
    little = np.array([1 << 30, 100.0])  # accumulators too small for it to matter
    narrow, _ = fixed_point(np.array([0.3, 0.3 / 3000]), 8, little, False, "layer")
    assert int(narrow.max()).bit_length() == 16


def digits_mlp() -> tuple[nn.Module, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A trained 64-64-10 MLP, training inputs, and held-out inputs and labels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x, y = torch.tensor(digits.data / 16).float(), torch.tensor(digits.target)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(x), generator=generator)
    train, test = order[:1437], order[1437:]
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    with thrifty_threads(model, x):
        for _ in range(20):
            for batch in torch.split(train[torch.randperm(len(train), generator=generator)], 64):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
                optimizer.step()
    return model, x[train], x[test], y[test]


def test_bounded_accumulators_start_coarse_and_not_shrunken():
    model, x, held_out, labels = digits_mlp()

    def accuracy(module: nn.Module) -> float:
        with torch.no_grad():
            return float((module(held_out).argmax(1) == labels).float().mean())

    assert accuracy(model) > 0.96
    for weights, bits, least in (("int8", 16, 0.95), ("int4", 15, 0.94)):
        module, network = made(model, x[::8], weights=weights, accumulator=bits)
        assert accuracy(module) >= least, (weights, bits, accuracy(module))
        for name in ("0", "2"):
            assert max(-network.tensors[name].lo, network.tensors[name].hi) < 1 << (bits - 1)


@pytest.mark.parametrize("settings", [{"scales": "power_of_two"}, {"per_channel": False}], ids=str)
def test_bounded_channels_are_rounded_and_not_cut(settings):
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(64, 6)), torch.rand(64, 64)
    module, network = made(model, x, accumulator=15, **settings)
    layer = module.get_submodule("0")
    norm = bounded_norm(15, layer._source[0].bound(), "0")
    q = torch.floor(layer.weight.double() / layer.weight_scale().reshape(-1, 1) + 0.5)
    assert torch.equal(q, layer.integer_weight())  # no channel had to be scaled down
    sums = q.abs().sum(1)
    assert sums.max() <= norm and sums.max() > norm / 2.1
    assert (layer.integer_bias().abs() <= largest_bias(15)).all()


def test_a_bounded_channel_keeps_its_bias():
    model, x = linear(1e-3), torch.rand(32, 4)
    module, network = made(model, x, accumulator=12, activations="uint6", output="int8")
    shift = float((module(x) - torch.tensor([0.3, -0.2, 0.4])).abs().max())
    assert shift < 1.1 * float(network.output.scale[0]) + 2e-3
    requantizers = [node.op for node in network.nodes if isinstance(node.op, Requantize)]
    assert len(requantizers) == 1
