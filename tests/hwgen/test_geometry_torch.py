"""Lengths, sets, zeros around a value and pools as torch has them: torch == golden in every bit."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import hwgen
from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe
from hwgen.errors import FormatError
from hwgen.network import AvgPool1d, Conv1d, Conv2d, MaxPool2d, Pad, Permute, PositionScale
from hwgen.torch_graph.modules import MaxPool, Rearrange, ZeroPad
from hwgen.torch_graph.trace import float_graph_of
from support.exactness import assert_equal
from support.idioms.idiom import Written
from support.shaped_models import random_pool
from support.whole import check_simulated, planned

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def written(forward, *shape, **layers):
    """Return a model and a batch of inputs, which reach beyond what it is calibrated on."""
    torch.manual_seed(sum(shape))
    x = torch.randn(12, *shape)
    return Written(forward, **layers).eval(), x


def compressed(model, x, **settings):
    recipe = Recipe(quantize=QuantizeRecipe(**settings))
    return hwgen.compress(model, recipe, example=x[:1], calibration=[x[:8] / 2]).module


def ops(module, x):
    return [type(node.op) for node in hwgen.import_torch(module, x).nodes]


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("seed", range(30))
def test_any_pool_is_what_torch_computes(seed, rank):
    """The trace holds the float graph to torch's own; golden is held to the quantized one."""
    rng = np.random.default_rng(seed)
    size = [int(n) for n in rng.integers(3, 10, rank)]
    pool = random_pool(rng, size)
    relu = rng.random() < 0.5
    model, x = written(lambda m, x: F.relu(m.p(x)) if relu else m.p(x), 2, *size, p=pool)
    module = compressed(model, x, asymmetric=bool(seed % 2))
    assert_equal(module, x, f"seed {seed}: {pool} of {size}")


@pytest.mark.parametrize("padding", [0, 1, "same"])
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("rank", [1, 2])
def test_what_a_convolution_puts_around_is_of_any_mode(rank, mode, padding):
    conv = (nn.Conv1d, nn.Conv2d)[rank - 1]
    layer = conv(2, 3, 3, padding=padding, padding_mode=mode)
    model, x = written(lambda m, x: F.relu(m.c(x)), 2, *[5] * rank, c=layer)
    assert_equal(compressed(model, x), x, f"{mode}, {padding}")


CASES = {
    "what is left over": (lambda m, x: F.avg_pool1d(x, 3, 2, 1, True), (2, 8)),
    "over positions of an image with channels last": (lambda m, x: m.f(x).mean((1, 2)), (3, 4, 5)),
    "the largest of a set, kept": (lambda m, x: m.f(x).amax(1, keepdim=True), (4, 5)),
    "a sum over one axis": (lambda m, x: x.sum(-1, keepdim=True), (2, 3, 4)),
    "a sum over rows, then columns": (lambda m, x: x.sum(3).sum(2), (2, 3, 4)),
    "sets that are added": (lambda m, x: F.relu(m.f(x)) + F.relu(m.g(x)), (4, 5)),
    "sets of sets": (lambda m, x: F.relu(m.f(x)), (2, 3, 5)),
    "from positions to features": (lambda m, x: m.h(F.relu(m.f(x)).flatten(1)), (4, 5)),
    "zeros before zeros": (lambda m, x: m.c(F.pad(F.pad(x, (1, 0)), (0, 2))), (2, 6)),
    "zeros before an average": (lambda m, x: F.avg_pool1d(F.pad(x, (0, 3)), 3), (2, 6)),
    "zeros before a ReLU and a maximum": (
        lambda m, x: F.max_pool1d(F.pad(F.relu(x), (1, 0)), 2),
        (2, 6),
    ),
    "zeros beyond a maximum": (lambda m, x: F.max_pool1d(F.pad(F.relu(x), (2, 0)), 2), (2, 6)),
    "zeros at the end": (lambda m, x: F.pad(m.c(x), (2, 1)), (2, 6)),
    "zeros of two that are added": (
        lambda m, x: F.pad(m.c(x), (1, 1)) + F.pad(m.d(x), (0, 2)),
        (2, 6),
    ),
    "the same zeros for two": (lambda m, x: (lambda y: m.c(y) + m.d(y))(F.pad(x, (3, 0))), (2, 6)),
}


@pytest.mark.parametrize("case", CASES)
def test_case(case):
    forward, shape = CASES[case]
    layers = {
        **{"f": nn.Linear(5, 3), "g": nn.Linear(5, 3), "h": nn.Linear(12, 2)},
        **{"c": nn.Conv1d(2, 3, 2), "d": nn.Conv1d(2, 3, 2, padding=0)},
    }
    model, x = written(forward, *shape, **layers)
    assert_equal(compressed(model, x), x, case)


@pytest.mark.parametrize("activations", ["binary", "uint2", "int8"])
@pytest.mark.parametrize("padding", [(1, 0), (0, 2)])
def test_zeros_of_binary_values_are_minus_one(activations, padding):
    model, x = written(
        lambda m, x: m.b(F.pad(F.relu(m.a(x)), padding)),
        *(2, 9),
        a=nn.Conv1d(2, 3, 3, padding="same"),
        b=nn.Conv1d(3, 2, 4, padding="same"),
    )
    module = compressed(model, x, activations=activations, input="int8", output="int8")
    assert_equal(module, x, activations)
    module.train()
    assert torch.isfinite(module(x)).all()  # and in training


def test_an_average_over_zeros_of_binary_values_is_refused():
    model, x = written(
        lambda m, x: F.adaptive_avg_pool1d(m.a(x), 3), 2, 9, a=nn.Conv1d(2, 3, 3, padding=1)
    )
    compressed(model, x, activations="binary", input="int8")  # three windows of three
    model, x = written(
        lambda m, x: F.adaptive_avg_pool1d(m.a(x), 5), 2, 9, a=nn.Conv1d(2, 3, 3, padding=1)
    )
    with pytest.raises(FormatError, match="average of binary values must have no zeros among them"):
        compressed(model, x, activations="binary", input="int8")


def test_swaps_between_fully_connected_layers_are_none():
    model, x = written(
        lambda m, x: m.h(F.relu(m.g(F.relu(m.f(x)))).mean(1)),
        *(5, 3),
        f=nn.Linear(3, 8),
        g=nn.Linear(8, 6),
        h=nn.Linear(6, 4),
    )
    found = ops(compressed(model, x), x)
    assert found[:3] == [found[0], Permute, Conv1d] and found.count(Permute) == 1
    assert AvgPool1d in found


def test_zeros_become_padding():
    model, x = written(
        lambda m, x: F.max_pool2d(F.pad(F.relu(m.a(F.pad(x, (0, 1, 2, 0)))), (1, 0)), 2),
        *(2, 6, 6),
        a=nn.Conv2d(2, 3, 3, padding=1),
    )
    module = compressed(model, x)
    nodes = hwgen.import_torch(module, x).nodes
    padding = {type(node.op): node.op.padding for node in nodes if hasattr(node.op, "padding")}
    assert padding == {Conv2d: ((3, 1), (1, 2)), MaxPool2d: ((0, 0), (1, 0))}
    assert Pad not in ops(module, x)


def test_zeros_where_a_maximum_may_be_below_stay_zeros():
    model, x = written(
        lambda m, x: F.max_pool1d(F.pad(m.c(x), (1, 0)), 2), 2, 6, c=nn.Conv1d(2, 2, 1)
    )
    kinds = [type(layer.module) for layer in float_graph_of(model, x).layers]
    assert kinds == [nn.Conv1d, Rearrange, MaxPool] and ZeroPad not in kinds
    assert Pad in ops(compressed(model, x), x)


def test_averages_of_several_sizes_have_factors():
    model, x = written(lambda m, x: F.avg_pool2d(x, 3, 1, 1, False, False), 2, 5, 5)
    network = hwgen.import_torch(compressed(model, x), x)
    (factors,) = [node.op for node in network.nodes if isinstance(node.op, PositionScale)]
    assert factors.factors == ((3, 2, 2, 2, 3),) * 2 and factors.divisor == 4


def test_channels_of_lengths_are_pruned():
    model, x = written(
        lambda m, x: m.f(m.p(m.n(m.b(F.relu(m.a(F.pad(x, (2, 0))))))).flatten(1)),
        *(2, 12),
        a=nn.Conv1d(2, 8, 3),
        b=nn.Conv1d(8, 6, 3, padding="same", groups=2),
        n=nn.BatchNorm1d(6),
        p=nn.AdaptiveAvgPool1d(5),
        f=nn.Linear(30, 3),
    )
    recipe = Recipe(PruneRecipe(channels=0.5), QuantizeRecipe())
    done = hwgen.compress(model, recipe, example=x[:1], calibration=[x])
    network = hwgen.import_torch(done.module, x)
    shapes = [node.op.weight.shape for node in network.nodes if isinstance(node.op, Conv1d)]
    assert shapes[0][0] < 8 and shapes[1][1] < 4
    assert_equal(done.module, x, str(shapes))


NETS = {
    "lengths": lambda m, x: m.h(F.max_pool1d(F.relu(m.b(F.pad(x, (2, 0)))), 2, ceil_mode=True)),
    "averages": lambda m, x: F.avg_pool1d(F.relu(m.b(x)), 3, 2, 1, True, False),
}


@pytest.mark.parametrize("net", NETS)
def test_torch_golden_and_rtl(net, tmp_path):
    model, x = written(
        NETS[net], 2, 11, b=nn.Conv1d(2, 4, 3, padding="same"), h=nn.Conv1d(4, 3, 2, padding="same")
    )
    module = compressed(model, x, weights="int4", activations="uint4")
    assert_equal(module, x, net)
    plan = planned(hwgen.import_torch(module, x), "min area")
    check_simulated(hwgen.generate(plan, tmp_path / "net"), plan, 2)
