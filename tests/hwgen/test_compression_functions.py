"""Functions of one value: clamps and curves, torch == golden, and entries by Python's own maths."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import hwgen
from hwgen.compression import QuantizeRecipe, Recipe, compress
from hwgen.compression.quantize import QuantTable
from hwgen.errors import FormatError, HwgenError
from hwgen.formats import Binary, Fixed
from hwgen.network import Requantize, Table
from hwgen.torch_graph.by_hand import hand_written
from hwgen.torch_graph.modules import Clamp, Elementwise
from hwgen.torch_graph.one_value import CLAMPS, CURVES
from hwgen.torch_graph.trace import trace_graph
from support.exactness import assert_equal, made, train_on

pytestmark = pytest.mark.usefixtures("one_thread")
X = 2 * torch.randn(32, 2, 5, 5, generator=torch.Generator().manual_seed(5))


def between(*layers, seed=0):
    """Layers between two convolutions, the first of three channels."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(2, 3, 2), *layers, nn.Conv2d(3, 2, 2)).eval()


def selu(x):
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return scale * (x if x > 0 else alpha * math.expm1(x))


def steep():
    prelu = nn.PReLU(3)
    nn.init.uniform_(prelu.weight, -0.5, 0.5)
    return prelu


def inner(x):
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


# By kind of module: one of it, and what it is in Python's own floating point
PLAIN = {
    nn.LeakyReLU: (nn.LeakyReLU(0.2), lambda x: x if x > 0 else 0.2 * x),
    nn.RReLU: (nn.RReLU(0.1, 0.4), lambda x: x if x > 0 else 0.25 * x),
    nn.ELU: (nn.ELU(0.5), lambda x: x if x > 0 else 0.5 * math.expm1(x)),
    nn.CELU: (nn.CELU(2.0), lambda x: x if x > 0 else 2 * math.expm1(x / 2)),
    nn.SELU: (nn.SELU(), selu),
    nn.Sigmoid: (nn.Sigmoid(), lambda x: 1 / (1 + math.exp(-x))),
    nn.LogSigmoid: (nn.LogSigmoid(), lambda x: min(x, 0) - math.log1p(math.exp(-abs(x)))),
    nn.Tanh: (nn.Tanh(), math.tanh),
    nn.Hardsigmoid: (nn.Hardsigmoid(), lambda x: min(max(x + 3, 0), 6) / 6),
    nn.Softplus: (
        nn.Softplus(2.0, 3.0),
        lambda x: x if 2 * x > 3 else math.log1p(math.exp(2 * x)) / 2,
    ),
    nn.Softsign: (nn.Softsign(), lambda x: x / (1 + abs(x))),
    nn.GELU: (
        nn.GELU(approximate="tanh"),
        lambda x: x / 2 * (1 + math.tanh(inner(x))),
    ),
    nn.SiLU: (nn.SiLU(), lambda x: x / (1 + math.exp(-x))),
    nn.Hardswish: (nn.Hardswish(), lambda x: x * min(max(x + 3, 0), 6) / 6),
    nn.Mish: (nn.Mish(), lambda x: x * math.tanh(math.log1p(math.exp(x)))),
    nn.Tanhshrink: (nn.Tanhshrink(), lambda x: x - math.tanh(x)),
    nn.Softshrink: (nn.Softshrink(0.3), lambda x: math.copysign(max(abs(x) - 0.3, 0), x)),
    nn.Hardshrink: (nn.Hardshrink(0.3), lambda x: x if abs(x) > 0.3 else 0.0),
    nn.Threshold: (nn.Threshold(0.2, -0.7), lambda x: x if x > 0.2 else -0.7),
    Elementwise: (hwgen.elementwise(torch.cos), math.cos),
}


def table_of(network):
    """Return the only table of a network, and the type of its input."""
    (node,) = (node for node in network.nodes if isinstance(node.op, Table))
    return node.op, network.tensors[node.inputs[0]]


def test_every_curve_is_tried():
    assert PLAIN.keys() | {nn.PReLU} == CURVES.keys()


@pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.__name__)
def test_entries_are_the_function(kind):
    layer, function = PLAIN[kind]
    network = assert_equal(made(between(layer), X), torch.cat([X, 3 * X]), kind.__name__)
    op, x = table_of(network)
    assert op.lo == x.format.lo and op.entries.shape == (1, 256)
    scale, out = float(x.scale[0]), float(op.scale[0])
    for q, entry in enumerate(op.entries[0].tolist(), start=op.lo):
        steps = math.floor(function(scale * (q - x.zero_point)) / out + 0.5)
        wanted = min(max(op.zero_point + steps, op.format.lo), op.format.hi)
        assert entry == wanted, f"{kind.__name__} of {scale * (q - x.zero_point)}"


CASES = {
    "a slope a channel": (between(steep()), {}),
    "one slope": (between(nn.PReLU()), {"activations": "uint4"}),
    "behind a batch norm": (between(nn.BatchNorm2d(3), nn.Tanh()), {}),
    "behind a pool": (between(nn.AvgPool2d(2, 1), nn.GELU(), nn.MaxPool2d(2, 1)), {}),
    "two of them": (between(nn.Tanh(), nn.SiLU()), {}),
    "a clamp behind a curve": (between(nn.GELU(), nn.Hardtanh(-0.1, 0.7)), {}),
    "a curve behind a clamp": (between(nn.ReLU6(), nn.Tanh()), {}),
    "two clamps": (between(nn.Hardtanh(-1, 2), nn.ReLU()), {}),
    "a clamp behind a pool": (between(nn.MaxPool2d(2, 1), nn.ReLU6()), {}),
    "of the input": (nn.Sequential(nn.Tanh(), *between()), {}),
    "at the end": (nn.Sequential(*between(), nn.Tanh()), {}),
    "a clamp at the end": (nn.Sequential(*between(), nn.Hardtanh()), {}),
    "signs of a curve": (between(nn.Hardswish()), {"activations": "binary", "input": "int8"}),
    "zero points": (between(nn.ELU()), {"asymmetric": True}),
    "scales of 2": (between(nn.GELU()), {"scales": "power_of_two", "asymmetric": True}),
    "ten bits": (between(nn.Mish()), {"tables": 10, "activations": "uint6"}),
    "three bits": (between(nn.Mish()), {"tables": 3}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("trains", [False, True], ids=["PTQ", "QAT"])
def test_exact(case, trains):
    model, settings = CASES[case]
    torch.manual_seed(1)
    train = train_on(X) if trains else None
    assert_equal(made(model, X, train, **settings), torch.cat([X, 3 * X]), case)


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [
        (nn.ReLU(), (0, math.inf)),
        (nn.ReLU6(), (0, 6)),
        (nn.Hardtanh(-0.25, 0.5), (-0.25, 0.5)),
        (Clamp(-0.25, math.inf), (-0.25, math.inf)),
    ],
)
def test_clamps_are_ends_of_the_requantizer(layer, wanted):
    assert type(layer) in CLAMPS
    network = assert_equal(made(between(layer), X), torch.cat([X, 9 * X]), str(layer))
    op, _ = next((n.op, n) for n in network.nodes if isinstance(n.op, Requantize))
    ends = []
    for end in wanted:
        place = (-1e9 if end < 0 else 1e9) if math.isinf(end) else end / op.scale[0]
        steps = op.zero_point + math.floor(place + 0.5)
        ends.append(min(max(steps, op.format.lo), op.format.hi))
    assert [op.lo, op.hi] == ends
    assert not any(isinstance(node.op, Table) for node in network.nodes)


def test_bits_before_a_table_are_as_wanted():
    for wanted, settings in {
        8: {"activations": "uint4"},
        9: {"activations": "uint9"},
        10: {"activations": "uint12"},
        5: {"activations": "uint4", "tables": 5},
    }.items():
        op, x = table_of(hwgen.import_torch(made(between(nn.GELU()), X, **settings), X[:1]))
        assert x.format == Fixed(wanted) and str(op.format) == settings["activations"][1:]
    with pytest.raises(HwgenError, match="2 to 10 bits, not 11"):
        QuantizeRecipe(tables=11)
    with pytest.raises(HwgenError, match="a number of bits or None, not '8'"):
        QuantizeRecipe(tables="8")


def test_where_a_function_is_not_defined_it_is_as_beside_that():
    """The logarithm of what is not positive is that of the least value that is."""
    model = between(hwgen.elementwise(torch.log))
    with torch.no_grad():
        model[0].weight.abs_()
        model[0].bias.fill_(0.1)
    x = X.abs()  # so that it is defined on all of the calibration data
    for train in (None, train_on(x)):
        module = made(model, x, train)
        assert all(torch.isfinite(weight).all() for weight in module.parameters())
        op, before = table_of(assert_equal(module, torch.cat([x, X]), "log"))
        zero = before.zero_point - op.lo
        assert zero == 128
        assert (op.entries[0, : zero + 1] == op.entries[0, zero + 1]).all()
        assert (np.diff(op.entries[0, zero + 1 :]) >= 0).all()
    with pytest.raises(FormatError, match="1: function must be finite for some of what enters it"):
        replaced(made(model, x), lambda x: torch.log(-1 - x * x)).entries()


def test_signs_of_a_curve():
    module = made(between(nn.Softshrink(0.2)), X, activations="binary", input="int8")
    op, x = table_of(assert_equal(module, X, "signs"))
    real = x.scale[0] * (np.arange(256) + op.lo - x.zero_point)
    assert op.format == Binary()
    assert np.array_equal(op.entries[0], np.where(real < -0.2, -1, 1))


def test_functions_of_the_user():
    """A function that is no module, by name, as a layer and in the forward."""

    class Bells(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(2, 3, 2), nn.Conv2d(3, 2, 2)
            self.bell = hwgen.elementwise(lambda x: torch.exp(-x * x))

        def forward(self, x):
            return self.b(self.bell(self.a(x)))

    torch.manual_seed(0)
    network = assert_equal(made(Bells().eval(), X), X, "bell")
    op, x = table_of(network)
    real = x.scale[0] * (np.arange(256) + op.lo - x.zero_point)
    assert np.array_equal(op.entries[0], np.floor(np.exp(-(real**2)) / op.scale[0] + 0.5))
    with pytest.raises(FormatError, match=r"shape of its input, not \(256,\) of \(256, 1\)"):
        replaced(made(Bells().eval(), X), lambda x: x[:, 0]).entries()


def replaced(module, function):
    """Return the table of a module, with another function."""
    (table,) = (part for part in module.modules() if isinstance(part, QuantTable))
    table.curve.function = function
    return table


def test_slopes_train():
    model = between(nn.PReLU(3))
    before = model[1].weight.detach().clone()
    module = made(model, X, train_on(X))
    (table,) = (part for part in module.modules() if isinstance(part, QuantTable))
    assert not torch.equal(table.curve.weight, before)
    op, _ = table_of(assert_equal(module, X, "slopes"))
    assert op.entries.shape == (3, 256)
    assert torch.equal(model[1].weight, before)  # the user's own stays as it was


def test_fake_quantization_is_what_the_hardware_computes():
    """In training what leaves a table is at most a step from what leaves it in evaluation."""
    module = made(between(nn.GELU()), X, train_on(X))
    (table,) = (part for part in module.modules() if isinstance(part, QuantTable))
    x = table._inputs().float()[:, None]
    with torch.no_grad():
        exact, fake = table.eval()(x), table.train()(x)
    assert (exact - fake).abs().max() <= 1.0001 * table.output_scale()
    assert ((exact - fake).abs() < 1e-5).float().mean() > 0.99  # float32 beside float64


@pytest.mark.parametrize("seed", range(6))
def test_spelled_in_a_forward(seed):
    """Functions and methods with settings are the modules of the same settings."""
    calls = [
        (lambda x: F.leaky_relu(x, negative_slope=0.3), nn.LeakyReLU(0.3)),
        (lambda x: F.elu(x, 0.7), nn.ELU(0.7)),
        (lambda x: F.gelu(x, approximate="tanh"), nn.GELU("tanh")),
        (lambda x: F.hardtanh(x, -2.0, 1.5), nn.Hardtanh(-2.0, 1.5)),
        (lambda x: x.clamp(min=-0.5), Clamp(-0.5, math.inf)),
        (lambda x: F.threshold(x, 0.1, -0.2), nn.Threshold(0.1, -0.2)),
    ]
    call, layer = calls[seed]

    class Written(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = between()

        def forward(self, x):
            return self.b(call(self.a(x)))

    a, b = (made(model, X) for model in (Written().eval(), between(layer)))
    b.load_state_dict(a.state_dict(), strict=False)
    torch.manual_seed(0)
    found = [hwgen.import_torch(made(m.eval(), X), X[:1]) for m in (Written(), between(layer))]
    assert np.array_equal(*(net.run(net.quantize(X.numpy())) for net in found))


class Spelled(nn.Module):
    """A function of one value, spelled out in the forward."""

    def __init__(self, function):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.clamp = nn.Conv2d(2, 3, 2), nn.Conv2d(3, 2, 2), nn.ReLU6()
        self.function = function

    def forward(self, x):
        return self.b(self.function(self, self.a(x)))


BY_HAND = {
    "swish": (lambda m, x: x * torch.sigmoid(x), nn.SiLU()),
    "hardswish": (lambda m, x: x * F.relu6(x + 3, inplace=True) / 6, nn.Hardswish()),
    "hardswish of a module": (lambda m, x: x.mul(m.clamp(x + 3)).div_(6), nn.Hardswish()),
    "gelu": (lambda m, x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))), nn.GELU()),
    "gelu by tanh": (
        lambda m, x: 0.5 * x * (1 + (math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)).tanh()),
        nn.GELU(approximate="tanh"),
    ),
    "mish": (lambda m, x: x * torch.tanh(F.softplus(x)), nn.Mish()),
    "leaky": (lambda m, x: torch.where(x > 0, x, 0.1 * x), nn.LeakyReLU(0.1)),
    "the larger": (lambda m, x: torch.max(x, 0.1 * x), nn.LeakyReLU(0.1)),
    "softsign": (lambda m, x: x / (1 + abs(x)), nn.Softsign()),
    "cube": (lambda m, x: x * x * x, Elementwise(lambda x: x**3)),
    "a sum": (lambda m, x: x + x * torch.cos(x), Elementwise(lambda x: x + x * torch.cos(x))),
    "torch.pow": (lambda m, x: torch.pow(x, 2) * x, Elementwise(lambda x: x**3)),
    "torch.where": (lambda m, x: torch.where(x > 1, x, 0.0), nn.Threshold(1.0, 0.0)),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name):
    """What is spelled out is one table, of the same entries as the module's, and trains."""
    function, layer = BY_HAND[name]
    spelled = Spelled(function).eval()
    op, x = table_of(assert_equal(made(spelled, X), X, name))
    wanted, same = table_of(hwgen.import_torch(made(between(layer), X), X[:1]))
    assert np.array_equal(x.scale, same.scale) and np.allclose(op.scale, wanted.scale)
    apart = np.abs(op.entries - wanted.entries)
    assert apart.max() <= 1 and (apart > 0).sum() <= 2  # float rounding, next to a tie
    assert_equal(made(spelled, X, train_on(X)), X, name)


def test_what_is_used_elsewhere_or_comes_of_two_values_is_no_function_of_one():
    for function in (
        lambda m, x: (lambda y: x * y + m.a.weight.sum() * y)(torch.sigmoid(x)),
        lambda m, x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)),
        lambda m, x: x * torch.sigmoid(m.a.bias.view(1, 3, 1, 1)),
    ):
        graph = trace_graph(Spelled(function).eval(), X)
        modules = dict(Spelled(function).named_modules())
        assert not hand_written(graph.graph, modules, graph.shapes)


def test_pruning_goes_through_slopes_of_channels():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 8, 2), nn.PReLU(8), nn.Conv2d(8, 6, 2), nn.PReLU(), nn.Conv2d(6, 2, 1)
    )
    nn.init.uniform_(model[1].weight, 0.0, 1.0)
    recipe = Recipe(hwgen.PruneRecipe(0.5, epochs=0), QuantizeRecipe())
    done = compress(model, recipe, calibration=[X], example=X[:1])
    network = assert_equal(done.module, X, "pruned")
    first, second = (node.op for node in network.nodes if isinstance(node.op, Table))
    assert first.entries.shape[0] == 4 and second.entries.shape[0] == 1
    assert network.tensors[network.nodes[1].name].channels == 4


def test_equalizing_goes_through_what_lets_factors_through():
    leaky = between(nn.LeakyReLU(0.1))
    with torch.no_grad():
        leaky[0].weight[0] *= 50
        leaky[0].bias[0] *= 50
        leaky[2].weight[:, 0] /= 50
    recipe = QuantizeRecipe(per_channel=False)
    errors = []
    for equalize in (False, True):
        module = compress(
            leaky, Recipe(quantize=replace(recipe, equalize=equalize)), calibration=[X]
        ).module
        assert_equal(module, X, f"equalize={equalize}")
        with torch.no_grad():
            errors.append(float((module(X) - leaky(X)).norm() / leaky(X).norm()))
    assert errors[1] < 0.7 * errors[0]
