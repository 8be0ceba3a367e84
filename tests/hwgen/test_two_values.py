"""Values that meet: sums, products, the larger of two, and what spreads over another one:
torch == golden == RTL, on the clocks that the timing says."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import hwgen
from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe
from hwgen.compression.quantize import fold_batch_norm
from hwgen.network import Add, Affine, Maximum, Minimum, Multiply
from hwgen.torch_graph.trace import float_graph_of
from support.whole import check_simulated, planned

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


class Meeting(nn.Module):
    """Convolutions, and what becomes of them."""

    def __init__(self, forward):
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Conv2d(2, 4, 3) for _ in range(4))
        self.one, self.fc = nn.Conv2d(4, 1, 1), nn.Conv2d(4, 4, 1)
        self.norm, self.end = nn.BatchNorm2d(4), nn.Conv2d(4, 3, 1)
        self.run = forward

    def forward(self, x):
        return self.run(self, x)


def mean(x):
    return x.mean((2, 3), keepdim=True)


CASES = {
    "x * y": (lambda m, x: m.a(x) * F.relu(m.b(x)), Multiply),
    "a factor a channel": (lambda m, x: (lambda y: y * m.fc(mean(y)))(F.relu(m.a(x))), Multiply),
    "a factor a channel, first": (lambda m, x: F.relu(m.fc(mean(m.b(x)))) * m.a(x), Multiply),
    "a factor a pixel": (lambda m, x: (lambda y: y * m.one(y))(m.a(x)), Multiply),
    "a factor for all": (lambda m, x: (lambda y: y * m.one(mean(y)))(m.a(x)), Multiply),
    "an offset a channel": (lambda m, x: m.a(x) - m.fc(mean(m.b(x))), Add),
    "an offset a pixel, less": (lambda m, x: m.one(m.b(x)) - m.a(x), Add),
    "a larger of two": (lambda m, x: m.fc(torch.maximum(m.a(x), F.relu(m.b(x)))), Maximum),
    "a smaller of two": (lambda m, x: torch.min(m.a(x), m.b(x)), Minimum),
    "a sum of four": (lambda m, x: F.relu(m.a(x) - m.b(x) + 0.5 * m.c(x) + m.fc(m.d(x))), Add),
    "a norm that stays": (lambda m, x: (lambda y: F.relu(m.norm(y)) + y)(m.a(x)), Affine),
}
IN_RTL = ("a factor a channel", "a sum of four")
QUICK = QuantizeRecipe("int4", "uint4")


def made(case, recipe=QUICK, prune=None, forward=None):
    """Return the compressed module, its inputs and its network."""
    forward = forward or CASES[case][0]
    torch.manual_seed(len(case))
    model, x = Meeting(forward).eval(), torch.randn(64, 2, 7, 6)
    with torch.no_grad():
        model.norm.running_mean.normal_()
        model.norm.weight.uniform_(-1.5, 1.5)
    done = hwgen.compress(model, Recipe(prune, recipe), example=x[:1], calibration=[x])
    return done.module.eval(), x, hwgen.import_torch(done.module, x[:1])


@pytest.mark.parametrize("recipe", [QUICK, QuantizeRecipe("int8", "uint8", asymmetric=True)])
@pytest.mark.parametrize("case", CASES)
def test_torch_equals_golden(case, recipe):
    module, x, network = made(case, recipe)
    assert any(type(node.op) is CASES[case][1] for node in network.nodes)
    ours = network.dequantize(network.run(network.quantize(x.numpy())))
    with torch.no_grad():
        assert np.array_equal(module(x).numpy(), ours), case


@pytest.mark.parametrize(
    ("case", "channels"),
    [
        ("x * y", 4),  # the outputs stay
        ("a factor a channel, first", 4),
        ("a sum of four", 4),
    ],
)
def test_outputs_that_meet_keep_their_channels(case, channels):
    _, _, network = made(case, prune=PruneRecipe(channels=0.5, epochs=0))
    assert network.output.shape[0] == channels


@pytest.mark.parametrize("case", ["a factor a channel", "a factor a pixel", "a larger of two"])
def test_channels_that_meet_go_together(case):
    """Behind a further convolution half of them go, torch == golden."""
    forward, op = CASES[case]
    module, x, network = made(
        case,
        prune=PruneRecipe(channels=0.5, epochs=0),
        forward=lambda m, x: m.end(F.relu(forward(m, x))),
    )
    (node,) = (node for node in network.nodes if type(node.op) is op)
    assert network.tensors[node.name].shape[0] == 2
    ours = network.dequantize(network.run(network.quantize(x.numpy())))
    with torch.no_grad():
        assert np.array_equal(module(x).numpy(), ours), case


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case in IN_RTL else pytest.mark.slow) for case in CASES],
)
def test_golden_equals_rtl(case, tmp_path):
    *_, network = made(case)
    plan = planned(network, 100_000.0)
    check_simulated(hwgen.generate(plan, tmp_path / "p"), plan, 3)


FOLDED = {  # and how many affine layers stay
    "behind a ReLU, before padding": (lambda m, x: m.end(m.norm(F.relu(m.pad(x)))), 1),
    "behind a ReLU": (lambda m, x: m.fc(m.norm(F.relu(m.a(x)))), 0),
    "behind a sum of a value that is used elsewhere": (
        lambda m, x: (lambda y: F.relu(m.norm(y + m.b(x))) + y)(m.a(x)),
        1,
    ),
    "behind a sum and a pool": (
        lambda m, x: F.relu(m.norm(F.avg_pool2d(m.a(x) - 2 * m.b(x), 2))),
        0,
    ),
    "three in a row": (lambda m, x: m.norm((m.a(x) - 0.3) / m.scale), 0),
    "of either sign behind a concatenation": (
        lambda m, x: F.relu(torch.cat([m.a(x), m.b(x)], 1) * m.both),
        0,
    ),
    "a factor of a summand": (lambda m, x: m.c(x) + F.relu(m.a(x)) * -0.3, 0),
}


@pytest.mark.parametrize("case", FOLDED)
def test_folding_changes_nothing(case):
    forward, stay = FOLDED[case]
    torch.manual_seed(5)
    model, x = Meeting(forward).eval(), torch.randn(16, 2, 7, 6)
    model.pad, model.end = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 3, 3, padding=1)
    model.scale = nn.Parameter(torch.tensor([0.5, 2.0, -1.0, 3.0]).reshape(4, 1, 1))
    model.both = nn.Parameter(torch.randn(8, 1, 1))
    with torch.no_grad():
        model.norm.running_mean.normal_()
        model.norm.weight.uniform_(-1.5, 1.5)
        model.norm.bias.normal_()
        folded = fold_batch_norm(float_graph_of(model, x[:1]))
        assert sum(type(layer.module).__name__ == "Affine" for layer in folded.layers) == stay
        assert torch.allclose(folded.run(x), model(x), rtol=1e-4, atol=1e-4)
