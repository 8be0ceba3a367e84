"""Elements in another order, planned: no hardware where none is needed, RTL as golden elsewhere."""

import numpy as np
import pytest
import torch
from torch import nn

import hwgen
from hwgen.formats import Fixed
from hwgen.network import (
    Add,
    ArgMax,
    Concat,
    Conv2d,
    Flatten,
    Gather,
    Input,
    Linear,
    Network,
    Node,
    Pad,
    Permute,
    PixelShuffle,
    Requantize,
    Reshape,
    Slice,
    Upsample,
)
from hwgen.planning.layers.find import find_layers
from hwgen.planning.layers.orders import Order
from support.exactness import made
from support.networks import ORDERS, chain, random_network
from support.selection import some
from support.whole import check, planned

IMAGE = Input((4, 3, 5), Fixed(3), [0.5], 1)
SHUFFLED = Gather(
    np.arange(60).reshape(2, 2, 15).transpose(1, 0, 2).reshape(-1).tolist(), (4, 3, 5)
)
COVER = (102, 114, 125, 129)  # sifts, rings, constants, wires alone


def conv(inputs, outputs=2, kernel=1, **settings):
    rng = np.random.default_rng(inputs)
    weight = rng.integers(-3, 4, (outputs, inputs, kernel, kernel))
    return Conv2d(weight, np.zeros(outputs), Fixed(3), [0.5], **settings)


def linear(inputs, outputs=3):
    rng = np.random.default_rng(inputs)
    weight = rng.integers(-3, 4, (outputs, inputs))
    return Linear(weight, np.zeros(outputs), Fixed(3), [0.5])


def narrow():
    return Requantize([1], [3], Fixed(3), [1.0])


NOTHING = {  # no layer but those that compute
    "features of an image in any order": (Permute((2, 0, 1)), Flatten(), linear(60)),
    "features backwards": (Flatten(), Slice((59,), (60,), (-1,)), linear(60)),
    "a shape in between": (Reshape((12, 5)), Reshape((5, 3, 4)), Flatten(), linear(60)),
    "there and back": (Permute((2, 0, 1)), Permute((1, 2, 0)), conv(4)),
    "a row as features and back": (Reshape((60,)), Reshape((4, 3, 5)), conv(4)),
    "each alike, in any shape": (conv(4, 6), Flatten(), narrow(), linear(90)),
}
WIRES = {  # a component without a register
    "channels": (Slice((1, 0, 0), (2, 3, 5), (1, 1, 1)), conv(2)),
    "channels shuffled": (SHUFFLED, conv(2, groups=2)),
    "channels, as features": (Slice((1, 0, 0), (2, 3, 5), (1, 1, 1)), Flatten(), linear(30)),
    "constant channels": (Pad((0, 0, 0), (2, 0, 0), value=1), conv(6)),
}


@pytest.mark.parametrize("name", NOTHING)
def test_no_hardware(name):
    network = chain(IMAGE, *NOTHING[name])
    layers = find_layers(network)
    assert not any(isinstance(layer.op, Order) for layer in layers)
    assert len(layers) == sum(isinstance(op, (Conv2d, Linear)) for op in NOTHING[name])


@pytest.mark.parametrize("name", WIRES)
def test_wires(name):
    plan = planned(chain(IMAGE, *WIRES[name]), "min area")
    (stage,) = [stage for stage in plan.stages if isinstance(stage.layer.op, Order)]
    assert stage.core.wires and stage.core.busy == 15, stage


def test_one_order_for_all_who_want_it():
    """And another one for who takes the elements as they come."""
    x = Node("x", IMAGE)
    nodes = (
        *(x, Node("flip", Slice((0, 0, 4), (4, 3, 5), (1, 1, -1)), ("x",))),
        *(Node("a", conv(4), ("flip",)), Node("a1", narrow(), ("a",))),
        *(Node("b", conv(4, kernel=3, padding=1), ("flip",)), Node("b1", narrow(), ("b",))),
        *(Node("sum", Add((1, 1)), ("a1", "b1")), Node("end", narrow(), ("sum",))),
        *(Node("flat", Flatten(), ("flip",)), Node("fc", linear(60, 30), ("flat",))),
        *(Node("fc1", narrow(), ("fc",)), Node("image", Reshape((2, 3, 5)), ("fc1",))),
        Node("out", Concat(), ("end", "image")),
    )
    layers = find_layers(Network(nodes))
    orders = [layer for layer in layers if isinstance(layer.op, Order)]
    assert [layer.name for layer in orders] == ["flip", "image"]
    by_name = {layer.name: layer for layer in layers}
    assert by_name["a"].sources == by_name["b"].sources == ("flip",)
    assert by_name["fc"].sources == ("",)


def test_what_had_no_hardware():
    """Features of an image: thresholds of each, the largest, sums with others."""
    for ops in (
        (Flatten(), Requantize([1] * 60, [1] * 60, Fixed(3), [1.0])),
        (Flatten(), ArgMax()),
        (Flatten(), narrow(), Reshape((5, 12)), narrow()),
    ):
        assert planned(chain(IMAGE, *ops), "min area").stages
    nodes = (
        Node("x", IMAGE),
        Node("a", Flatten(), ("x",)),
        Node("b", linear(60, 60), ("a",)),
        Node("c", Requantize([1], [3], Fixed(3), [0.5], 1), ("b",)),
        Node("sum", Add((1, 1)), ("a", "c")),
        Node("joined", Concat(), ("a", "c")),
        Node("end", linear(120), ("joined",)),
    )
    assert len(find_layers(Network(nodes[:-2]))) == 3
    assert len(find_layers(Network((*nodes[:-3], *nodes[-2:])))) == 4


@pytest.mark.parametrize("seed", some(range(100, 140), COVER))
def test_random_orders(seed, tmp_path):
    check(random_network(seed, ORDERS, layers=1, channels=4), tmp_path / "net", seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200, 260))
def test_random_orders_at_length(seed, tmp_path):
    check(random_network(seed, ORDERS), tmp_path / "net", seed)


def test_rates_follow_the_larger_side():
    """Twice as many pixels leave as enter: the busier side has no idle clock."""
    for ops in (
        (Upsample((1, 2, 2)), conv(4, kernel=3, padding=1)),
        (PixelShuffle((1, 2)), conv(2)),
        (Pad((0, 1, 1), (0, 1, 1), "reflect"), conv(4, kernel=3)),
    ):
        plan = planned(chain(IMAGE, *ops), "min latency")
        assert plan.interval <= max(plan.busy + 3, plan.busy / 0.97), ops


class Ups(nn.Module):
    """A small U of a network: down, up twice, and joined."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(5)
        self.down, self.pool = nn.Conv2d(1, 3, 3, padding=1), nn.MaxPool2d(2)
        self.up = nn.ConvTranspose2d(3, 2, 3, 2, 1, 1)
        self.out = nn.Conv2d(5, 2, 1)

    def forward(self, x):
        a = torch.relu(self.down(x))
        b = torch.relu(self.up(self.pool(a)))
        return self.out(torch.cat([a, b], 1))


def test_a_transposed_convolution(tmp_path):
    x = torch.randn(16, 1, 4, 6, generator=torch.Generator().manual_seed(2))
    module = made(Ups().eval(), x, weights="int3", activations="uint3")
    check(hwgen.import_torch(module, x[:1]), tmp_path / "net", 3)
