"""Whatever a forward does to the order of elements: torch == golden at every node."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe, compress
from hwgen.errors import FormatError, UnsupportedError
from hwgen.network import Gather, Pad, Permute, PixelShuffle, Reshape, Slice, Upsample
from hwgen.torch_graph.trace import float_graph_of
from support.exactness import assert_equal, made, train_on

pytestmark = pytest.mark.usefixtures("one_thread")

X = torch.randn(64, 4, 6, 6, generator=torch.Generator().manual_seed(1))


class Net(nn.Module):
    """A convolution, a ReLU, what is done to the order, and features behind it."""

    def __init__(self, function, modules=()):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.function = function
        self.extra = nn.ModuleList(modules)
        self.fc = nn.LazyLinear(3)

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x)))
        x = self.function(x, *self.extra)
        return self.fc(x.flatten(1))


def shuffle_channels(x):
    b, c, h, w = x.size()
    return x.view(b, 2, c // 2, h, w).transpose(1, 2).contiguous().view(b, -1, h, w)


def chunks(x):
    a, b = x.chunk(2, 1)
    return a + b


def split(x):
    return torch.cat([x.split(3, 1)[2], x.split([2, 6], dim=1)[0]], 1)


def stacked_rows(x):
    top, *_, bottom = torch.unbind(x, 2)
    return torch.cat([top, bottom], 1)


def pooled(x):  # beyond a rearrangement, windows of its elements
    return F.max_pool2d(x[:, :, 1:5].permute(0, 2, 1, 3), 2)


CALLS = {
    "view": (lambda x: x.view(x.size(0), 8, 36).view(x.size(0), 8, 6, 6), ()),
    "squares": (lambda x: x.reshape(x.size(0), 8, 4, 9), (Reshape,)),
    "permute": (lambda x: x.permute(0, 2, 3, 1), (Permute,)),
    "transpose": (lambda x: x.transpose(2, 3), (Permute,)),
    "movedim": (lambda x: x.movedim(1, -1), (Permute,)),
    "mT": (lambda x: x.mT, (Permute,)),
    "channels": (lambda x: x[:, 2:5], (Slice,)),
    "pixels": (lambda x: x[:, :, 1:-1, ::2], (Slice,)),
    "ellipsis": (lambda x: x[..., ::3], (Slice,)),
    "one channel": (lambda x: x[:, 3], (Gather,)),
    "select": (lambda x: x.select(2, 1), (Gather,)),
    "narrow": (lambda x: x.narrow(1, 4, 3), (Slice,)),
    "index_select": (lambda x: x.index_select(3, torch.tensor([4, 0, 0])), (Gather,)),
    "unsqueeze": (lambda x: x.flatten(1).unsqueeze(-1).unsqueeze(-1), (Reshape,)),
    "flip": (lambda x: torch.flip(x, (2,)), (Slice,)),
    "roll": (lambda x: x.roll(2, 3), (Gather,)),
    "chunk": (chunks, (Slice,)),
    "split": (split, (Slice,)),
    "unbind": (stacked_rows, (Gather,)),
    "channel shuffle": (shuffle_channels, (Gather,)),
    "pad": (lambda x: F.pad(x, (1, 2, 0, 1)), (Pad,)),
    "pad with a constant": (lambda x: F.pad(x, (1, 0, 2, 0), value=0.5), (Pad,)),
    "pad channels": (lambda x: F.pad(x, (0, 0, 0, 0, 1, 2)), (Pad,)),
    "reflect": (lambda x: F.pad(x, (2, 1, 0, 1), mode="reflect"), (Gather,)),
    "replicate": (lambda x: F.pad(x, (2, 1, 0, 1), mode="replicate"), (Gather,)),
    "circular": (lambda x: F.pad(x, (2, 1, 0, 1), mode="circular"), (Gather,)),
    "nearest": (lambda x: F.interpolate(x, scale_factor=2), (Upsample,)),
    "nearest of any size": (lambda x: F.interpolate(x, size=(7, 4)), (Gather,)),
    "pixel shuffle": (lambda x: F.pixel_shuffle(x, 2), (PixelShuffle,)),
    "max behind": (pooled, (Slice, Permute)),
}
MODULES = {
    "zeros": (nn.ZeroPad2d((1, 0, 2, 1)), Pad),
    "constants": (nn.ConstantPad2d(1, 0.25), Pad),
    "mirror": (nn.ReflectionPad2d(2), Gather),
    "edges": (nn.ReplicationPad2d((1, 2, 0, 1)), Gather),
    "round": (nn.CircularPad2d(1), Gather),
    "upsample": (nn.Upsample(scale_factor=2), Upsample),
    "shuffle": (nn.PixelShuffle(2), PixelShuffle),
    "channel shuffle": (nn.ChannelShuffle(4), Gather),
    "unflatten": (nn.Sequential(nn.Flatten(), nn.Unflatten(1, (18, 4, 4))), Reshape),
    "flatten of some": (nn.Flatten(1, 2), None),
}


def net(function, modules=(), seed=0):
    torch.manual_seed(seed)
    model = Net(function, modules).eval()
    model(X[:2])
    return model


def ops_of(network):
    return {type(node.op) for node in network.nodes}


@pytest.mark.parametrize("name", CALLS)
def test_calls(name):
    function, ops = CALLS[name]
    model = net(function)
    for seed, train in enumerate((None, train_on(X))):
        module = made(model, X, train, activations=["uint4", "uint6"][seed], epochs=1)
        network = assert_equal(module, X, name)
        assert ops_of(network) >= set(ops), network


@pytest.mark.parametrize("name", MODULES)
def test_modules(name):
    module, op = MODULES[name]
    network = assert_equal(made(net(lambda x, layer: layer(x), [module]), X), X, name)
    assert op is None or op in ops_of(network)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_modes_of_convolutions(mode):
    torch.manual_seed(3)
    conv = nn.Conv2d(4, 5, 3, stride=2, padding=(2, 1), padding_mode=mode)
    model = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))
    model(X[:2])
    done = compress(
        model.eval(),
        Recipe(PruneRecipe(0.4, epochs=0), QuantizeRecipe()),
        example=X[:1],
        calibration=[X],
    )
    assert_equal(done.module, X, mode)


def test_constants_below_zero():
    """A ReLU behind them does not move before them."""
    model = net(lambda x, conv: F.relu(F.pad(conv(x), (1, 1), value=-0.5)), [nn.Conv2d(8, 3, 3)])
    network = assert_equal(made(model, X), X, "below zero")
    (pad,) = [node.op for node in network.nodes if isinstance(node.op, Pad)]
    assert pad.value < 0
    with pytest.raises(FormatError, match="constant -0.5 must lie among the values beside it"):
        made(net(lambda x: F.pad(x, (1, 1), value=-0.5)), X)


def test_binary_values_are_padded_below_zero():
    model = net(lambda x, layer: layer(F.pad(x, (1, 1), value=-0.5)), [nn.Conv2d(8, 3, 3)])
    network = assert_equal(made(model, X, layers={"conv": "int4/binary"}), X, "binary")
    (pad,) = [node.op for node in network.nodes if isinstance(node.op, Pad)]
    assert pad.value == -1


def test_what_pruning_follows():
    """Channels are followed through what happens to pixels alone, and stay elsewhere."""
    for function, left in (
        (lambda x: F.interpolate(x, scale_factor=2).flip(3), 4),
        (lambda x: F.pixel_shuffle(x, 2), 4),
        (lambda x: F.pixel_unshuffle(x[..., :4, :4], 2), 4),
        (chunks, 8),
        (shuffle_channels, 8),
        (lambda x: x.permute(0, 2, 3, 1), 8),
    ):
        model = net(function)
        recipe = Recipe(PruneRecipe(0.5, epochs=0), QuantizeRecipe())
        done = compress(model, recipe, example=X[:1], calibration=[X])
        network = assert_equal(done.module, X, str(left))
        assert len(network["conv"].op.weight) == left


def test_what_ends_is_refused():
    for function, message in (
        (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), "mode='nearest'"),
        (lambda x: F.relu(x.view(x.size(0), 2, 4, 6, 6)).flatten(1), "of 5 dimensions"),
        (lambda x: x.transpose(0, 1).mean((2, 3)), "bring it into the shape"),
    ):
        with pytest.raises(UnsupportedError, match=message):
            float_graph_of(nn.Sequential(net(function).conv, Last(function)), X[:2])
    with pytest.raises(FormatError, match="constant 99.0 must lie among the values beside it"):
        made(net(lambda x: F.pad(x, (1, 1), value=99.0)), X)


class Last(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize("seed", range(10))
def test_random_chains(seed):
    """Several at once are one order, whatever the shapes in between."""
    rng = np.random.default_rng(seed)
    names = rng.choice(["pixels", "flip", "roll", "permute", "replicate", "nearest"], 3)

    def chain(x):
        for name in names:
            x = CALLS[name][0](x)
        return x

    assert_equal(made(net(chain, seed=seed), X, activations="uint5"), X, f"seed {seed}, {names}")
