"""Networks that are no random ones: each made for what it holds."""

import numpy as np

from hwgen.formats import Fixed
from hwgen.network import Flatten, Linear, MaxPool2d, Network
from hwgen.network.graph import Node
from hwgen.network.ops import Conv2d, Input, Requantize


def digits(seed: int = 0, channels: int = 13) -> Network:
    rng = np.random.default_rng(seed)
    w = [
        rng.integers(-7, 8, (channels, 1, 3, 3)),
        rng.integers(-7, 8, (2 * channels, channels, 3, 3)),
        rng.integers(-7, 8, (10, 8 * channels)),
    ]
    relu = Fixed(4, False)

    def requantize(n, shift, format=relu):
        return Requantize(rng.integers(100, 500, n), shift, format, [0.1])

    return Network(
        (
            Node("input", Input((1, 8, 8), relu, [1 / 15])),
            Node(
                "conv1", Conv2d(w[0], w[0].sum((1, 2, 3)), Fixed(4), [1.0], padding=1), ("input",)
            ),
            Node("relu1", requantize(channels, 13), ("conv1",)),
            Node("pool1", MaxPool2d(2, 2), ("relu1",)),
            Node(
                "conv2", Conv2d(w[1], w[1].sum((1, 2, 3)), Fixed(4), [1.0], padding=1), ("pool1",)
            ),
            Node("relu2", requantize(2 * channels, 14), ("conv2",)),
            Node("pool2", MaxPool2d(2, 2), ("relu2",)),
            Node("flatten", Flatten(), ("pool2",)),
            Node("fc", Linear(w[2], w[2].sum(1), Fixed(4), [1.0]), ("flatten",)),
            Node("logits", requantize(1, 13, Fixed(8)), ("fc",)),
        )
    )


def two_layers(bits=4, activations=8, channels=5, seed=0, groups=1, by=64):
    """Return a network of a convolution and a linear layer; `by` multiplies between them."""
    rng = np.random.default_rng(seed)
    limit = (1 << bits - 1) - 1
    relu = Fixed(activations, False)
    w = rng.integers(-limit, limit + 1, (channels, 4 // groups, 3, 3))
    v = rng.integers(-limit, limit + 1, (6, 4 * channels))
    conv = Conv2d(
        w, rng.integers(-9, 9, channels), Fixed(bits), [1.0], padding=1, stride=2, groups=groups
    )
    return Network(
        (
            Node("input", Input((4, 4, 4), relu, [0.1])),
            Node("conv", conv, ("input",)),
            Node("relu", Requantize([by], bits + 6, relu, [0.1]), ("conv",)),
            Node("flatten", Flatten(), ("relu",)),
            Node("fc", Linear(v, rng.integers(-9, 9, 6), Fixed(bits), [1.0]), ("flatten",)),
        )
    )


def sparse_layer(kind, *, group=4, outputs=14, channels=8, size=5, groups=1, seed=0):
    """Return a network of one 3x3 convolution whose weights are pruned in a way; none is zero by
    chance."""
    rng = np.random.default_rng(seed)
    inputs = channels // groups
    weight = rng.integers(1, 8, (outputs, inputs, 3, 3)) * rng.choice([-1, 1])
    if kind == "stripes":  # 60 % of each group's, as `PruneRecipe(stripes=0.6, group=4)` does
        for first in range(0, outputs, group):
            for dead in rng.permutation(9)[: 5 + (first // group + 1) % 2]:
                weight[first : first + group, :, dead // 3, dead % 3] = 0
    elif kind == "shapes":
        weight.reshape(outputs, -1)[:, rng.permutation(9 * inputs)[: 9 * inputs // 2]] = 0
    elif kind == "weights":
        weight[rng.random(weight.shape) < 0.9] = 0
    elif kind == "filter":  # one whole group of rows reads nothing
        weight[:group] = 0
    bias = rng.integers(-99, 99, outputs)
    conv = Conv2d(weight, bias, Fixed(4), np.ones(outputs), padding=(1, 1), groups=groups)
    narrow = Requantize(np.array([5]), np.array([8]), Fixed(5), np.ones(1))
    x = Input((channels, size, size + 1), Fixed(4, False), np.ones(1), 3)
    return Network((Node("x", x), Node("conv", conv, ("x",)), Node("narrow", narrow, ("conv",))))


def chain_of(names, seed=0) -> Network:
    """Return a network of 1 x 1 convolutions with these names, each with a requantizer."""
    rng = np.random.default_rng(seed)
    nodes = [Node("the input", Input((2, 3, 3), Fixed(3), [0.5], 0))]
    for number, name in enumerate(names):
        conv = Conv2d(
            weight=rng.integers(-1, 2, (2, 2, 1, 1)),
            bias=rng.integers(-2, 3, 2),
            weight_format=Fixed(2),
            weight_scale=[0.25],
        )
        down = Requantize([1], [1], Fixed(3), [0.5])
        nodes.append(Node(name, conv, (nodes[-1].name,)))
        nodes.append(Node(f"requantize {number}", down, (nodes[-1].name,)))
    return Network(tuple(nodes))


def tiny(seed: int = 0) -> Network:
    """Return a network of one 1x1 convolution and its requantizer."""
    rng = np.random.default_rng(seed)
    conv = Conv2d(
        weight=rng.integers(-1, 2, (2, 2, 1, 1)),
        bias=rng.integers(-2, 3, 2),
        weight_format=Fixed(2),
        weight_scale=[0.25],
    )
    return Network(
        (
            Node("input", Input((2, 3, 3), Fixed(3), [0.5], 0)),
            Node("conv", conv, ("input",)),
            Node("down", Requantize([1], [1], Fixed(3), [0.5]), ("conv",)),
        )
    )
