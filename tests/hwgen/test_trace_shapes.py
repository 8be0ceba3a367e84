"""Forwards that ask about shapes are traced; those that ask about values are refused by line."""

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwgen.compression import QuantizeRecipe, Recipe, compress
from hwgen.errors import UnsupportedError
from hwgen.importers.from_torch import import_torch
from hwgen.torch_graph.modules import AvgPool, MaxPool
from hwgen.torch_graph.trace import float_graph_of

X = torch.randn(3, 2, 6, 6, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.conv, self.function = nn.Conv2d(2, 3, 3), function

    def forward(self, x):
        return self.function(self.conv(x))


def asserts(x):
    assert x.shape[1] == 3 and x.dim() == 4, f"{x.shape[1]} channels"
    assert len(x) == x.shape[0] == x.size(0) and len(x.shape) == x.ndim
    assert isinstance(x, torch.Tensor) and torch.is_tensor(x)
    assert x.dtype == torch.float32 and not x.is_cuda and x.is_floating_point()
    assert torch.numel(x) == x.numel() == math.prod(x.size())
    torch._assert(x.size(2) == x.size(3), "square images only")
    return x.flatten(1)


def ifs(x):
    if x.size(-1) > 5:
        return torch.sigmoid(x)
    if x.shape[2:] != (4, 4):
        raise ValueError("images of 4 x 4")
    if x.numel() // len(x) > 10:
        x = F.relu(x)
    return x.flatten(1)


def loops(x):
    for _ in range(x.size(2) // 2):
        x = F.max_pool2d(x, 2)
        if min(x.shape[2:]) < 2:
            break
    return x.flatten(1)


def sizes(x):
    b, c, h, w = x.shape
    x = F.avg_pool2d(x, (h, w))
    return x.view(b, c)


def kernel_of_the_size(x):
    return F.avg_pool2d(x, x.size()[2:]).view(x.size(0), -1)


def length(x):
    return x.reshape(len(x), -1)


@pytest.mark.parametrize(
    ("function", "layers"),
    [
        (asserts, [nn.Flatten]),
        (ifs, [nn.ReLU, nn.Flatten]),
        (loops, [MaxPool, MaxPool, nn.Flatten]),
        (sizes, [AvgPool, nn.Flatten]),
        (kernel_of_the_size, [AvgPool, nn.Flatten]),
        (length, [nn.Flatten]),
        (lambda x: x.view(-1, 48), [nn.Flatten]),
        (lambda x: x.view(-1, x.size(1) * x.size(2) * x.shape[3]), [nn.Flatten]),
        (lambda x: x.reshape(x.shape[0], math.prod(x.shape[1:])), [nn.Flatten]),
        (lambda x: torch.flatten(x.contiguous().clone(), start_dim=-3), [nn.Flatten]),
        (lambda x: x.mean((2, 3), keepdim=True).view(len(x), 3), [AvgPool, nn.Flatten]),
        (lambda x: x.view(x.size(0), 3, 4, 4).relu(), [nn.ReLU]),
        (nn.Flatten(1, 3), [nn.Flatten]),
        (nn.Flatten(-3), [nn.Flatten]),
        (nn.MaxPool2d(2, ceil_mode=True), [MaxPool]),  # 4 is a multiple
        (lambda x: F.avg_pool2d(x, 3, 1, ceil_mode=True), [AvgPool]),
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_shapes_are_known(function, layers, batch):
    model = Net(function).eval()
    graph = float_graph_of(model, X[:batch])
    assert [type(layer.module) for layer in graph.layers] == [nn.Conv2d, *layers]
    with torch.no_grad():
        assert torch.allclose(graph.run(X), model(X), rtol=1e-6, atol=1e-6)
    done = compress(model, Recipe(quantize=QuantizeRecipe.int8()), calibration=[X[:batch]])
    import_torch(done, X[:batch])


def on_a_value(x):
    x = x.flatten(1)
    if x.sum() > 0:
        return x
    return -x


def converted(x):
    scale = float(x.mean())
    return x * scale


def counted(x):
    for _ in range(x.argmax()):
        x = x + x
    return x


def listed(x):
    return torch.tensor(x.tolist())


def unpacked(x):
    return [row for row in x][0]


class Called(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Inner(nn.Module):
    def forward(self, x):
        return on_a_value(x)


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (on_a_value, "if x.sum() > 0:"),
        (converted, "scale = float(x.mean())"),
        (counted, "for _ in range(x.argmax()):"),
        (listed, "return torch.tensor(x.tolist())"),
        (unpacked, "return [row for row in x][0]"),
        (Inner(), "if x.sum() > 0:"),
    ],
)
def test_a_value_that_is_needed_is_named_with_its_line(function, line):
    with pytest.raises(UnsupportedError) as error:
        float_graph_of(Net(function), X)
    source = Path(__file__).read_text().splitlines()
    numbers = [n for n, text in enumerate(source, 1) if text.strip() == line]
    assert numbers and any(f"test_trace_shapes.py:{n}: {line}" in str(error.value) for n in numbers)
    assert "depend on the values of tensors" in str(error.value)


def test_an_assert_that_fails_says_which():
    with pytest.raises(
        UnsupportedError, match=r"assert x\.shape\[1\] == 3.*AssertionError: 2 chann"
    ):
        float_graph_of(Called(asserts), X)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.flatten(1) if len(x) > 1 else x.flatten(1).relu(),
        lambda x: x.mean((2, 3), keepdim=True).squeeze(),
        lambda x: F.relu(x) if x.shape[0] == 3 else x,
        lambda x: x.reshape(3, 48),
        lambda x: x.reshape(-1, 144),
    ],
)
def test_what_depends_on_the_batch_is_refused(function):
    with pytest.raises(UnsupportedError, match=r"use x?\.?flatten\(1\)|for a batch of"):
        float_graph_of(Net(function), X)
