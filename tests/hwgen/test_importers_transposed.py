"""Transposed convolutions: the order of their phases beside torch, torch == golden behind them."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune as masking

from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe, compress
from hwgen.compression.counts import count
from hwgen.compression.quantize.fold import fold_batch_norm
from hwgen.compression.quantize.transposed import expand_transposed
from hwgen.errors import HwgenError
from hwgen.network import Conv2d, PixelShuffle, Slice
from hwgen.torch_graph.adopt import adopt
from hwgen.torch_graph.trace import float_graph_of
from support.exactness import assert_equal, made, train_on

pytestmark = pytest.mark.usefixtures("one_thread")
X = torch.randn(32, 4, 4, 5, generator=torch.Generator().manual_seed(1))


class Up(nn.Module):
    """A convolution, a transposed one, and features behind it."""

    def __init__(self, up, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.conv, self.up = nn.Conv2d(4, up.in_channels, 1), up
        self.norm = nn.BatchNorm2d(up.out_channels)
        self.fc = nn.LazyLinear(3)

    def forward(self, x):
        x = F.relu(self.norm(self.up(F.relu(self.conv(x)))))
        return self.fc(x.flatten(1))


def up_net(*settings, seed=0, **named):
    torch.manual_seed(seed + 100)
    model = Up(nn.ConvTranspose2d(*settings, **named), seed).eval()
    model(X[:2])
    return model


def random_settings(rng):
    groups = int(rng.choice([1, 1, 2, 4]))
    stride = rng.integers(1, 4, 2)
    dilation = rng.integers(1, 3, 2)
    output_padding = [
        int(rng.integers(0, max(s, d))) for s, d in zip(stride, dilation, strict=True)
    ]
    return {
        "in_channels": 4,
        "out_channels": groups * int(rng.integers(1, 4)),
        "kernel_size": tuple(rng.integers(1, 5, 2).tolist()),
        "stride": tuple(stride.tolist()),
        "padding": tuple(rng.integers(0, 3, 2).tolist()),
        "output_padding": tuple(output_padding),
        "groups": groups,
        "bias": bool(rng.integers(2)),
        "dilation": tuple(dilation.tolist()),
    }


@pytest.mark.parametrize("seed", range(40))
def test_phases_are_those_of_torch(seed):
    rng = np.random.default_rng(seed)
    settings = random_settings(rng)
    torch.manual_seed(seed)
    up = nn.ConvTranspose2d(**settings)
    with torch.no_grad():  # sums of integers, which are exact
        for parameter in up.parameters():
            parameter.copy_(torch.randint(-9, 9, parameter.shape))
    x = torch.randint(-9, 9, (2, 4, *rng.integers(2, 6, 2).tolist())).float()
    try:
        wanted = up(x)
    except RuntimeError:  # torch: output size is too small
        wanted = x[:0]
    if not wanted.numel():
        pytest.skip(f"seed {seed}: nothing is left of {settings}")
    graph = float_graph_of(adopt(nn.Sequential(up)).module, x)
    assert torch.equal(graph.run(x), wanted), f"seed {seed}: {settings}"
    expanded = expand_transposed(fold_batch_norm(graph))
    assert torch.equal(expanded.run(x), wanted), f"seed {seed}: {settings}"
    for layer in expanded.layers:
        assert isinstance(layer.module, nn.Conv2d) == (layer.path == "0")
    assert expanded.layers[-1].shape == wanted.shape[1:]


@pytest.mark.parametrize("seed", range(6))
def test_torch_is_golden(seed):
    rng = np.random.default_rng(seed + 7)
    settings = {**random_settings(rng), "padding": (1, 0), "dilation": 1, "output_padding": 0}
    settings["kernel_size"] = (3, 2)
    model = up_net(**settings, seed=seed)
    module = made(model, X, train_on(X) if seed % 2 else None, activations="uint5", epochs=1)
    network = assert_equal(module, X, f"seed {seed}: {settings}")
    kinds = {type(node.op) for node in network.nodes}
    assert Conv2d in kinds
    assert (PixelShuffle in kinds) <= (settings["stride"] != (1, 1))


def test_the_usual_ones_are_lean():
    """2x2 with stride 2 is a 1x1 convolution; padding that fits cuts nothing off but borders."""
    network = assert_equal(made(up_net(4, 3, 2, 2), X), X, "2x2")
    assert network["up"].op.weight.shape == (12, 4, 1, 1)
    assert not any(isinstance(node.op, Slice) for node in network.nodes)
    network = assert_equal(made(up_net(4, 3, 4, 2, 1), X), X, "4x4")
    assert network["up"].op.weight.shape == (12, 4, 2, 2)
    assert [node.op.count for node in network.nodes if isinstance(node.op, Slice)] == [(3, 8, 10)]


def test_taps_beside_the_kernel_stay_zero():
    """They do while training, and where a format has no zero they are refused."""
    model = up_net(4, 3, 3, 2, 1, 1)
    recipe = Recipe(quantize=QuantizeRecipe(epochs=1, tune=1))
    done = compress(model, recipe, example=X[:1], calibration=[X], train=train_on(X))
    network = assert_equal(done.module, X, "3x3")
    weight = network["up"].op.weight.reshape(3, 2, 2, 4, 2, 2)
    assert not weight[:, 1, :, :, 0].any() and not weight[:, :, 1, :, :, 0].any()
    assert np.count_nonzero(weight) > 90  # of 3 * 4 * 9
    with pytest.raises(HwgenError, match="beside the kernel of a transposed convolution"):
        made(model, X, weights="binary")
    assert_equal(made(up_net(4, 3, 2, 2), X, weights="binary"), X, "all taps are the kernel's")


@pytest.mark.parametrize("settings", [(8, 6, 3, 2, 1, 1), (8, 8, 2, 2, 0, 0, 2)])
def test_pruning(settings):
    model, outputs = up_net(*settings), settings[1]
    for recipe, left in (
        (PruneRecipe(channels=0.5, epochs=0), outputs // 2),
        (PruneRecipe(weights=0.5, epochs=0), outputs),
    ):
        done = compress(model, Recipe(recipe), example=X[:1], calibration=[X])
        assert done.module.up.out_channels == left
        quantized = Recipe(recipe, QuantizeRecipe(epochs=1))
        train = train_on(X)
        both = compress(model, quantized, example=X[:1], calibration=[X], train=train)
        network = assert_equal(both.module, X, f"{settings}")
        assert len(network["up"].op.weight) == 4 * left
    weight = done.module.up.weight
    assert 2 * int((weight == 0).sum()) == weight.numel()
    zeros = 4 * weight.shape[0] * weight.shape[1] * network["up"].op.weight[0, 0].size
    assert np.count_nonzero(network["up"].op.weight) <= zeros - weight.numel() // 2


def test_the_users_masks_and_module():
    model = up_net(4, 3, 3, 2, 1, 1)
    before = copy.deepcopy(model.state_dict())
    masking.random_unstructured(model.up, "weight", 0.5)
    kept = model.up.weight.detach() != 0
    done = compress(model, Recipe(quantize=QuantizeRecipe()), example=X[:1], calibration=[X])
    network = assert_equal(done.module, X, "masked")
    assert np.count_nonzero(network["up"].op.weight) <= int(kept.sum())
    masking.remove(model.up, "weight")
    assert type(model.up) is nn.ConvTranspose2d
    assert torch.equal(model.up.weight, before["up.weight"] * kept)


def test_an_output_size_is_taken():
    class Sized(Up):
        def forward(self, x):
            y = self.up(F.relu(self.conv(x)), output_size=(8, 10))
            return self.fc(F.relu(self.norm(y)).flatten(1))

    torch.manual_seed(3)
    model = Sized(nn.ConvTranspose2d(4, 2, 3, 2, 1)).eval()
    model(X[:2])
    network = assert_equal(made(model, X), X, "output size")
    assert any(
        node_shape == (2, 8, 10) for node_shape in (t.shape for t in network.tensors.values())
    )


def test_multiplications_are_counted_once_an_input():
    graph = float_graph_of(adopt(nn.Sequential(nn.ConvTranspose2d(4, 3, 3, 2))).module, X)
    assert count(graph).macs == 4 * 3 * 9 * 4 * 5
