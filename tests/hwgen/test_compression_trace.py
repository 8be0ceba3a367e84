"""What is found up front: unsupported parts, all at once, bad examples, NaN."""

import operator

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe, compress
from hwgen.errors import FormatError, HwgenError, NetworkError, UnsupportedError
from hwgen.torch_graph.modules import (
    Add,
    Affine,
    ArgMax,
    AvgPool,
    Concat,
    Maximum,
    MaxPool,
    Minimum,
    Multiply,
)
from hwgen.torch_graph.trace import float_graph_of

BOTH = Recipe(PruneRecipe(0.5), QuantizeRecipe())
X = torch.zeros(2, 1, 8, 8)


def never(*_: object) -> None:
    raise AssertionError("training must not start")


def found_in(model: nn.Module, x: torch.Tensor = X) -> list[tuple[str, str]]:
    with pytest.raises(UnsupportedError) as error:
        compress(model, BOTH, example=x, train=never, evaluate=never, calibration=[x])
    text = str(error.value)
    for found in error.value.found:
        assert found.path in text and found.type in text and found.instead in text
    return [(found.path, found.type) for found in error.value.found]


class Unsupported(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.InstanceNorm2d(4))
        self.deep = nn.Sequential(nn.Sequential(nn.Conv2d(4, 4, 3, 2, 1, padding_mode="reflect")))
        self.pool = nn.AdaptiveAvgPool2d(3)
        self.unused = nn.Sigmoid()
        self.fc = nn.Linear(36, 10)

    def forward(self, x):
        x = self.stem(x)
        y = torch.cumsum(self.deep(x), 1)
        x = x + y.mean((2, 3), keepdim=True)
        x = torch.cat([x, x * x.mean()], 1).add(1, alpha=float("inf"))
        return F.softmax(self.fc(self.pool(torch.cat([x, x], 2)).view(-1, 36)), dim=1)


def test_everything_unsupported_comes_in_one_error():
    assert found_in(Unsupported()) == [
        ("stem.1", "InstanceNorm2d"),
        ("cumsum", "function cumsum"),
        ("mean_1", "method mean"),
        ("mul", "multiplying of shapes (4, 8, 8) and ()"),
        ("add_1", "method add"),
        ("cat_1", "function cat"),
        ("fc", "a value whose first axis is not the batch"),
    ]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([nn.MaxPool2d(2, return_indices=True)], "MaxPool2d with return_indices"),
        ([nn.AdaptiveMaxPool2d(1, return_indices=True)], "AdaptiveMaxPool2d with return_indices"),
        ([nn.AvgPool2d(2, divisor_override=-3)], "AvgPool2d with divisor_override=-3"),
        ([nn.MaxPool1d(2)], "MaxPool1d on an input of 4 dimensions"),
        ([nn.LPPool2d(2, 2)], "LPPool2d"),
        ([nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, track_running_stats=False)], "running statistics"),
        ([nn.Linear(9, 4)], "Linear on an input of 4 dimensions"),
        ([nn.Identity()], "without layers"),
        ([nn.Conv2d(1, 2, 3), nn.LSTM(6, 3)], "LSTM"),
    ],
)
def test_unsupported_settings(layers, expected):
    found = found_in(nn.Sequential(*layers))
    assert expected in found[0][1]


def test_a_layer_used_twice():
    conv = nn.Conv2d(1, 1, 1)
    assert found_in(nn.Sequential(conv, nn.ReLU(), conv))[0] == ("0", "Conv2d used 2 times")


class Wrapped(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.conv, self.act = nn.Conv2d(1, 2, 3), nn.InstanceNorm2d(2)
        self.function = function

    def forward(self, x):
        return self.function(self.act(self.conv(x)))


def test_forwards_that_have_no_graph():
    found = found_in(Wrapped(lambda x: x if x.sum() > 0 else -x))
    assert found[0] == ("act", "InstanceNorm2d")  # what stands beside it is named all the same
    assert found[1][0] == "forward" and "torch.fx cannot trace" in found[1][1]
    found = found_in(Wrapped(lambda x: (x, (x, x))))
    assert ("forward", "an output that is a tuple of a tuple, output_1,") in found
    assert ("dropout", "function dropout") in found_in(Wrapped(F.dropout))


def test_names_of_the_quantized_model_are_refused():
    model = nn.Sequential()
    model.add_module("_place", nn.Conv2d(1, 2, 3))
    assert found_in(model) == [("_place", "a name of hwgen's quantized model")]


class Forms(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.conv, self.function = nn.Conv2d(1, 2, 3), function

    def forward(self, x):
        return self.function(self.conv(x))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (F.relu, nn.ReLU),
        (lambda x: x.relu(), nn.ReLU),
        (torch.relu, nn.ReLU),
        (lambda x: F.max_pool2d(x, 3, 2, 1), MaxPool),
        (lambda x: F.max_pool2d(x, kernel_size=(2, 1)), MaxPool),
        (lambda x: torch.flatten(x, 1), nn.Flatten),
        (lambda x: x.flatten(start_dim=1), nn.Flatten),
        (lambda x: x.view(x.size(0), -1), nn.Flatten),
        (lambda x: x.view(x.shape[0], -1), nn.Flatten),
        (lambda x: x.reshape((x.size()[0], -1)), nn.Flatten),
        (lambda x: torch.reshape(x, (x.shape[0], -1)), nn.Flatten),
        (lambda x: F.avg_pool2d(x, 3, 2, 1), AvgPool),
        (lambda x: F.avg_pool2d(x, kernel_size=(2, 1)), AvgPool),
        (lambda x: F.adaptive_avg_pool2d(x, 1), AvgPool),
        (lambda x: F.adaptive_avg_pool2d(x, (3, None)), AvgPool),
        (lambda x: x.mean((2, 3), keepdim=True), AvgPool),
        (lambda x: x.mean(dim=[-1, -2], keepdim=True), AvgPool),
        (lambda x: torch.mean(x, (2, 3), True), AvgPool),
    ],
)
def test_functional_forms(function, expected):
    model, x = Forms(function).eval(), torch.randn(2, 1, 8, 8)
    layers = float_graph_of(model, x).layers
    assert [type(layer.module) for layer in layers] == [nn.Conv2d, expected]
    with torch.no_grad():  # float sums in another order: closeness is all that can be promised
        assert torch.allclose(layers[1].module(model.conv(x)), model(x), rtol=1e-6, atol=1e-6)


class Joined(nn.Module):
    """Joins the values of two convolutions."""

    def __init__(self, function):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 3)
        self.bias = nn.Parameter(torch.ones(6))
        self.function = function

    def forward(self, x):
        return self.function(self.a(x), self.b(x), self.bias)


def in_place(a, b, _):
    a += b
    return a


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda a, b, _: a + b, [Add]),
        (lambda a, b, _: a.add(b), [Add]),
        (lambda a, b, _: torch.add(a, other=b), [Add]),
        (lambda a, b, _: operator.iadd(a, b), [Add]),
        (in_place, [Add]),
        (lambda a, b, _: a.add_(b), [Add]),
        (lambda a, b, _: a - b, [Add]),
        (lambda a, b, _: torch.sub(a, b, alpha=3), [Add]),
        (lambda a, b, _: torch.rsub(a, b), [Add]),
        (lambda a, b, _: torch.stack([a, b], 1).mean(1), [Add, Affine]),
        (lambda a, b, _: torch.stack((a, b)).amax(dim=0), [Maximum]),
        (lambda a, b, _: torch.stack((a, b), dim=-1).prod(-1), [Multiply]),
        (lambda a, b, _: a.mul(b), [Multiply]),
        (lambda a, b, _: torch.max(a, b), [Maximum]),
        (lambda a, b, _: a.minimum(b), [Minimum]),
        (lambda a, b, _: torch.cat([a, b], 1), [Concat]),
        (lambda a, b, _: torch.cat((a, b, a), dim=-3), [Concat]),
        (lambda a, b, _: torch.concat(tensors=[a, b], axis=1), [Concat]),
        (lambda a, b, _: (a + b).mean((2, 3)), [Add, AvgPool, nn.Flatten]),
        (
            lambda a, b, _: torch.argmax(torch.flatten(a + b, 1), 1),
            [Add, nn.Flatten, ArgMax],
        ),
        (
            lambda a, b, _: (a + b).flatten(1).argmax(dim=-1, keepdim=True),
            [Add, nn.Flatten, ArgMax],
        ),
    ],
)
def test_joins(function, expected):
    model, x = Joined(function).eval(), torch.randn(2, 1, 8, 8)
    graph = float_graph_of(model, x)
    assert [type(layer.module) for layer in graph.layers] == [nn.Conv2d, nn.Conv2d, *expected]
    with torch.no_grad():
        y, expected_y = graph.run(x), model(x.clone())
    assert y.shape == expected_y.shape
    assert torch.allclose(y.double(), expected_y.double(), rtol=1e-5, atol=1e-6)
    assert sorted(graph.layers[2].inputs[:2]) == ["a", "b"]
    assert graph.layers[-1].shape == tuple(expected_y.shape[1:])


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda a, b, n: a * n[:2].view(2, 1, 1) + b, [([2, 2], [0, 0])]),
        (lambda a, b, n: (n[:2, None, None] - a) / 4 + b, [([-1, -1], [2, 2]), ([0.25], [0])]),
        (lambda a, b, n: -a + 1 - b, [([-1], [0]), ([1], [1])]),
        (lambda a, b, n: torch.sub(3, a, alpha=2) + b, [([-2], [3])]),
        (lambda a, b, n: a.mul_(0.5).add_(n[:1], alpha=3) + b, [([0.5], [0]), ([1], [6])]),
        (lambda a, b, n: a * torch.tensor(1.0) + 0 + b, []),
        (lambda a, b, n: a / torch.tensor([[2.0]]) + b, [([0.5], [0])]),
    ],
)
def test_factors_and_offsets(function, expected):
    model, x = Joined(function).eval(), torch.randn(2, 1, 8, 8)
    with torch.no_grad():
        model.bias.fill_(2)
    graph = float_graph_of(model, x)
    found = [
        (layer.module.weight.flatten().tolist(), layer.module.bias.tolist())
        for layer in graph.layers
        if isinstance(layer.module, Affine)
    ]
    assert found == expected
    with torch.no_grad():
        assert torch.allclose(graph.run(x), model(x.clone()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda a, b, _: torch.add(a, b, alpha=0), ("add", "function add")),
        (lambda a, b, bias: a + bias, ("add", "function add")),
        (lambda a, b, bias: a / b, ("truediv", "function truediv")),
        (lambda a, b, bias: a * bias, ("mul", "function mul")),
        (lambda a, b, bias: torch.maximum(a, bias[:1]), ("maximum", "function maximum")),
        (lambda a, b, _: a.max(), ("max_1", "method max")),
        (lambda a, b, _: torch.max(a, 1)[0], ("getitem", "function amax")),
        (lambda a, b, _: a + b.amax(3), ("amax", "method amax")),
        (lambda a, b, _: a * a[:, :, :3], ("mul", "multiplying of shapes (2, 6, 6) and (2, 3, 6)")),
        (lambda a, b, _: torch.cat([a, b], 2), ("cat", "function cat")),
        (lambda a, b, _: torch.cat([a, b], -1), ("cat", "function cat")),
        (lambda a, b, _: torch.cat([a, b]), ("cat", "function cat")),
        (lambda a, b, bias: torch.cat([a, bias], 1), ("cat", "function cat")),
        (lambda a, b, _: torch.stack([a, b]), ("stack", "function stack")),
        (lambda a, b, _: a.mean(1), ("mean", "method mean")),
        (lambda a, b, _: a.mean(), ("mean", "method mean")),
        (lambda a, b, _: a.argmax(1), ("argmax", "argmax on an input of 4 dimensions")),
        (lambda a, b, _: a.flatten(1).argmax(), ("argmax", "method argmax")),
        (lambda a, b, _: a.flatten(1).argmax(1) + 1, ("argmax", "argmax before the end")),
        (lambda a, b, bias: F.relu(bias), ("forward", "a model without layers")),
    ],
)
def test_unsupported_joins(function, expected):
    assert found_in(Joined(function))[0] == expected


class Aliased(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)
        self.relu = nn.ReLU(inplace=True)
        self.run = forward

    def forward(self, x):
        return self.run(self, self.conv(x))


def relu_then_add(model, y):
    z = model.relu(y)
    return z + y


def add_in_place(model, y):
    z = y
    y += F.relu(y)
    return torch.cat([y, z], 1)


@pytest.mark.parametrize("forward", [relu_then_add, add_in_place])
def test_operations_in_place_that_others_see(forward):
    """The graph shows values, not memory: both models compute something else than it says."""
    (found,) = found_in(Aliased(forward))
    assert found[0] == "forward" and "in place" in found[1]


def test_operations_in_place_that_nobody_else_sees():
    model = Aliased(lambda model, y: model.relu(y) + model.norm(model.conv.weight.new_ones(1)))
    assert found_in(model)[-1][0] in ("add", "norm")
    assert len(float_graph_of(Aliased(lambda model, y: model.relu(model.norm(y))), X).layers) == 3


def test_bad_examples_and_calibration():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 2))
    recipe = Recipe(quantize=QuantizeRecipe())
    with pytest.raises(NetworkError, match=r"^2: example of shape \(1, 1, 9, 9\) must fit"):
        compress(model, recipe, example=torch.zeros(1, 1, 9, 9), calibration=[X])
    with pytest.raises(NetworkError, match="Example must have shape"):
        compress(model, recipe, example=torch.zeros(8), calibration=[X])
    with pytest.raises(UnsupportedError, match="Conv2d on an input of 3 dimensions.* x.None."):
        compress(model, recipe, example=torch.zeros(1, 8, 8), calibration=[X])
    with pytest.raises(NetworkError, match="Example must be a float tensor, not torch.int64"):
        compress(model, recipe, example=X.long(), calibration=[X])
    with pytest.raises(NetworkError, match="^Calibration batches must have shape .batch, 1, 8, 8"):
        compress(model, recipe, example=X, calibration=[torch.zeros(2, 3, 8, 8)])
    with pytest.raises(HwgenError, match="Calibration must be given"):
        compress(model, recipe, example=X)
    with pytest.raises(HwgenError, match="Calibration must hold at least one batch"):
        compress(model, recipe, example=X, calibration=[])


def test_nan_names_the_layer():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 2))
    recipe = Recipe(quantize=QuantizeRecipe())
    for batch in (torch.full_like(X, float("inf")), torch.full_like(X, float("nan"))):
        with pytest.raises(FormatError, match="^input: activations on the calibration data"):
            compress(model, recipe, example=X, calibration=[X, batch])
    with torch.no_grad():
        model[2].weight[1, 3] = float("nan")
    with pytest.raises(FormatError, match="^2: weight must be finite, not NaN"):
        compress(model, recipe, example=X, calibration=[X], train=never)
    with torch.no_grad():
        model[2].weight.fill_(3e38)
    with pytest.raises(FormatError, match="^2.quant: activations on the calibration data"):
        compress(model, recipe, example=X, calibration=[torch.ones_like(X) * 10])
