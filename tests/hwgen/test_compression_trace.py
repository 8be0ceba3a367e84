"""What is found up front: unsupported parts, all at once, bad examples, NaN."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe, compress
from hwgen.compression.trace import find_layers
from hwgen.errors import FormatError, HwgenError, NetworkError, UnsupportedError

BOTH = Recipe(PruneRecipe(0.5), QuantizeRecipe())
X = torch.zeros(2, 1, 8, 8)


def never(*_: object) -> None:
    raise AssertionError("training must not start")


def found_in(model: nn.Module, x: torch.Tensor = X) -> list[tuple[str, str]]:
    with pytest.raises(UnsupportedError) as error:
        compress(model, BOTH, example=x, train=never, evaluate=never, calibration=[x])
    for found in error.value.found:
        assert f"{found.path}: {found.type} is not supported; {found.instead}" in str(error.value)
    return [(found.path, found.type) for found in error.value.found]


class Unsupported(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.GELU())
        self.deep = nn.Sequential(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=2)))
        self.pool = nn.AvgPool2d(2)
        self.unused = nn.Sigmoid()
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = self.stem(x)
        x = x + torch.sigmoid(self.deep(x))
        return F.softmax(self.fc(self.pool(x).view(-1, 64)), dim=1)


def test_everything_unsupported_comes_in_one_error():
    assert found_in(Unsupported()) == [
        ("stem.1", "GELU"),
        ("deep.0.0", "Conv2d with groups=2"),
        ("sigmoid", "function sigmoid"),
        ("add", "function add"),
        ("pool", "AvgPool2d"),
        ("view", "method view"),
        ("softmax", "function softmax"),
    ]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([nn.Conv2d(1, 1, 2, padding="same")], "padding='same' and an even kernel"),
        ([nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")], "padding_mode='circular'"),
        ([nn.MaxPool2d(3, ceil_mode=True)], "ceil_mode"),
        ([nn.MaxPool2d(2, dilation=2)], "dilation"),
        ([nn.Flatten(2)], "Flatten(2, -1)"),
        ([nn.BatchNorm2d(1)], "does not follow a Conv2d or Linear"),
        ([nn.Conv2d(1, 1, 1), nn.ReLU(), nn.BatchNorm2d(1)], "does not follow"),
        ([nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, track_running_stats=False)], "running statistics"),
        ([nn.Linear(8, 4)], "Linear on an input of 4 dimensions"),
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
        self.conv, self.act = nn.Conv2d(1, 2, 3), nn.Tanh()
        self.function = function

    def forward(self, x):
        return self.function(self.act(self.conv(x)))


def test_forwards_that_have_no_graph():
    found = found_in(Wrapped(lambda x: x if x.sum() > 0 else -x))
    assert found[0] == ("act", "Tanh")  # what stands beside it is named all the same
    assert found[1][0] == "forward" and "torch.fx cannot trace" in found[1][1]
    assert ("forward", "an output that is a tuple") in found_in(Wrapped(lambda x: (x, x)))
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
        (lambda x: F.max_pool2d(x, 3, 2, 1), nn.MaxPool2d),
        (lambda x: F.max_pool2d(x, kernel_size=(2, 1)), nn.MaxPool2d),
        (lambda x: torch.flatten(x, 1), nn.Flatten),
        (lambda x: x.flatten(start_dim=1), nn.Flatten),
        (lambda x: x.view(x.size(0), -1), nn.Flatten),
        (lambda x: x.view(x.shape[0], -1), nn.Flatten),
        (lambda x: x.reshape((x.size()[0], -1)), nn.Flatten),
        (lambda x: torch.reshape(x, (x.shape[0], -1)), nn.Flatten),
    ],
)
def test_functional_forms(function, expected):
    model, x = Forms(function).eval(), torch.randn(2, 1, 8, 8)
    layers = find_layers(model, x)
    assert [type(layer.module) for layer in layers] == [nn.Conv2d, expected]
    assert torch.equal(layers[1].module(model.conv(x)), model(x))


def test_bad_examples_and_calibration():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 2))
    recipe = Recipe(quantize=QuantizeRecipe())
    with pytest.raises(NetworkError, match=r"^2: example of shape \(1, 1, 9, 9\) must fit"):
        compress(model, recipe, example=torch.zeros(1, 1, 9, 9), calibration=[X])
    with pytest.raises(NetworkError, match="Example must have shape"):
        compress(model, recipe, example=torch.zeros(1, 8, 8), calibration=[X])
    with pytest.raises(NetworkError, match="Example must be a float tensor, not torch.int64"):
        compress(model, recipe, example=X.long(), calibration=[X])
    with pytest.raises(NetworkError, match="^0: calibration batch of shape"):
        compress(model, recipe, example=X, calibration=[torch.zeros(2, 3, 8, 8)])
    with pytest.raises(NetworkError, match="must be tensors of inputs, not list"):
        compress(model, recipe, example=X, calibration=[[X, torch.zeros(2)]])
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
