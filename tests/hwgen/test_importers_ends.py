"""Models of several inputs and outputs, and of last layers that the host computes."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import hwgen
from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe
from hwgen.compression.quantize import QuantAbove
from hwgen.errors import NetworkError, UnsupportedError
from hwgen.importers.from_torch import trace_torch
from hwgen.network import ArgMax, Conv2d, HostStep, Linear, Threshold
from hwgen.torch_graph.modules import Above

INT8 = Recipe(quantize=QuantizeRecipe.int8())


class TwoEnds(nn.Module):
    """Two images in, and what `put` makes of the classes and an image out."""

    def __init__(self, put):
        super().__init__()
        self.one = nn.Conv2d(2, 4, 3, padding=1)
        self.other = nn.Conv2d(1, 4, 1)
        self.fc = nn.Linear(64, 5)
        self.put = put

    def forward(self, image, extra):
        a = torch.relu(self.one(image)) + torch.relu(self.other(extra))
        return self.put(self.fc(a.flatten(1)), a)


class Named(NamedTuple):
    classes: torch.Tensor
    image: torch.Tensor


PUTS = {
    "tuple": lambda c, a: (c, a),
    "list": lambda c, a: [a, c],
    "dict": lambda c, a: {"classes": c, "image": a},
    "named": lambda c, a: Named(c, a),
    "one": lambda c, a: c,
    "softmax": lambda c, a: {"p": c.softmax(1), "logits": c, "image": torch.sigmoid(a)},
    "argmax": lambda c, a: (torch.softmax(c, 1).argmax(1), F.log_softmax(c, dim=-1)),
}


def batches_of(seed=0, count=3, size=8):
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn((size, 2, 4, 4), generator=generator),
            torch.rand((size, 1, 4, 4), generator=generator),
        )
        for _ in range(count)
    ]


def compressed(model, batches, recipe=INT8, **more):
    torch.manual_seed(0)
    return hwgen.compress(model, recipe, example=batches[0], calibration=batches, **more).module


def flat(returned):
    if isinstance(returned, torch.Tensor):
        return [returned]
    return list(returned.values()) if isinstance(returned, dict) else list(returned)


def assert_same(module, network, x):
    """torch == golden, in reals and in the integers of every node."""
    theirs = flat(module(*x))
    given = tuple(part.numpy() for part in x)
    q = network.quantize(given if len(given) > 1 else given[0])
    ours = network.dequantize(network.run(q))
    ours = list(ours.values()) if isinstance(ours, dict) else [ours]
    for one, other in zip(theirs, ours, strict=True):
        assert one.dtype == torch.float64
        assert np.array_equal(one.numpy().reshape(other.shape), other)
    traced, golden = trace_torch(module, x), network.trace(q)
    assert list(traced) == list(golden)
    assert all(np.array_equal(traced[name], golden[name]) for name in golden)


@pytest.mark.parametrize("put", PUTS)
def test_several_ends(put):
    torch.manual_seed(1)
    batches = batches_of()
    model = TwoEnds(PUTS[put]).eval()
    module = compressed(model, batches)
    network = hwgen.import_torch(module, batches[0])
    assert list(network.inputs) == ["image", "extra"]
    mine, theirs = module(*batches[0]), model(*batches[0])
    assert type(mine) is type(theirs)
    for one, other in zip(flat(mine), flat(theirs), strict=True):
        assert one.shape == other.shape
    names = {
        "tuple": ["output_0", "output_1"],
        "dict": ["classes", "image"],
        "named": ["classes", "image"],
        "softmax": ["p", "logits", "image"],
    }
    assert list(network.outputs) == names.get(put, list(network.outputs))
    assert_same(module, network, batches_of(5)[0])
    by_name = module(extra=batches[0][1], image=batches[0][0])
    assert all(map(torch.equal, flat(by_name), flat(mine)))


def test_examples_and_calibration_by_name_and_with_labels():
    batches = batches_of()
    torch.manual_seed(1)
    model = TwoEnds(PUTS["tuple"]).eval()
    labels = torch.zeros(8)
    wanted = hwgen.import_torch(compressed(model, batches), batches[0])
    example = dict(zip(("image", "extra"), batches[0], strict=True))
    for calibration in (
        [dict(zip(("extra", "image"), batch[::-1], strict=True)) for batch in batches],
        [(batch, labels) for batch in batches],
        [(*batch, labels) for batch in batches],
    ):
        done = hwgen.compress(model, INT8, example=example, calibration=calibration)
        assert hwgen.import_torch(done, example) == wanted


LASTS = {
    "softmax": (nn.Softmax(1), HostStep("softmax", 0)),
    "softmax, no dim": (nn.Softmax(), HostStep("softmax", 0)),
    "log_softmax": (nn.LogSoftmax(-1), HostStep("log_softmax", 0)),
    "softmin": (nn.Softmin(1), HostStep("softmin", 0)),
    "sigmoid": (nn.Sigmoid(), HostStep("sigmoid")),
    "log_sigmoid": (nn.LogSigmoid(), HostStep("log_sigmoid")),
}


@pytest.mark.parametrize("last", LASTS)
@pytest.mark.parametrize("output", ["int8", None])
def test_last_layers_on_the_host(last, output):
    torch.manual_seed(2)
    module, step = LASTS[last]
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4), module)
    x = torch.randn(6, 1, 4, 4)
    recipe = Recipe(quantize=QuantizeRecipe(output=output))
    done = hwgen.compress(model, recipe, calibration=[x]).module
    network = hwgen.import_torch(done, x)
    assert network.ends[0].steps == (step,) and list(network.outputs) == ["output"]
    assert_same(done, network, (torch.randn(7, 1, 4, 4),))
    done.train()
    loss = F.mse_loss(done(x), torch.zeros(6, 4))
    loss.backward()
    assert all(p.grad is not None for p in done.parameters() if p.requires_grad)


def test_softmax_over_the_channels_of_an_image():
    torch.manual_seed(3)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Softmax(1))
    x = torch.randn(6, 1, 4, 4)
    done = hwgen.compress(model, INT8, calibration=[x]).module
    network = hwgen.import_torch(done, x)
    assert_same(done, network, (x,))


def test_an_argmax_passes_by_a_softmax():
    model = nn.Sequential(nn.Flatten(), nn.Linear(8, 4), nn.Softmax(1))

    class Classes(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, x):
            return self.inner(x).argmax(1)

    x = torch.randn(6, 2, 2, 2)
    done = hwgen.compress(Classes(), INT8, calibration=[x]).module
    network = hwgen.import_torch(done, x)
    assert isinstance(network.nodes[-1].op, ArgMax) and network.is_plain
    assert_same(done, network, (x,))


class Decides(nn.Module):
    def __init__(self, last):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)
        self.fc = nn.Linear(12, 3)
        self.last = last

    def forward(self, x):
        a = self.conv(x)
        return self.last(a, self.fc(F.relu(a).flatten(1)))


DECISIONS = {
    "sigmoid > 0.5": lambda a, c: torch.sigmoid(c) > 0.5,
    "sigmoid >= 0.3 as float": lambda a, c: c.sigmoid().ge(0.3).float(),
    "logits >": lambda a, c: c > 0.1,
    "of an image": lambda a, c: torch.gt(a, 0.2),
    "behind a pool": lambda a, c: torch.sigmoid(F.max_pool2d(a, 2)) > 0.5,
    "behind a ReLU": lambda a, c: F.relu(c) > 0.1,
    "and what it decides on": lambda a, c: (c, torch.sigmoid(c), torch.sigmoid(c) >= 0.5),
}


@pytest.mark.parametrize("last", DECISIONS)
@pytest.mark.parametrize("output", ["int8", None])
def test_a_sigmoid_above_a_number_is_a_comparison(last, output):
    torch.manual_seed(4)
    x = torch.randn(32, 2, 4, 4)
    recipe = Recipe(quantize=QuantizeRecipe(output=output))
    done = hwgen.compress(Decides(DECISIONS[last]), recipe, calibration=[x]).module
    network = hwgen.import_torch(done, x)
    assert_same(done, network, (torch.randn(64, 2, 4, 4),))
    end = network.ends[-1]
    y = network.tensors[end.node]
    assert isinstance(network[end.node].op, Threshold) and (y.lo, y.hi, end.steps) == (0, 1, ())
    if last != "behind a ReLU" and last != "behind a pool":  # of accumulators, with no rounding
        assert isinstance(network[network[end.node].inputs[0]].op, Conv2d | Linear)


@pytest.mark.parametrize("bound", [0.0, 0.1, -1e30, 1e30, 3 * 0.1, 0.30000000000000004])
@pytest.mark.parametrize("strict", [True, False])
def test_thresholds_are_where_torch_compares(bound, strict):
    class Accumulators:
        zero_point = 3

        def output_scale(self):
            return torch.tensor([0.1, 1 / 3, 1e-9], dtype=torch.float64)

    layer = QuantAbove(Above(bound, strict), Accumulators())
    scales = Accumulators().output_scale()[:, None]
    for at, t in enumerate(layer.thresholds()[:, 0]):
        q = np.clip(t, -(2**50), 2**50) + np.arange(-3, 4)
        real = scales[at] * torch.from_numpy(q - 3).double()
        assert np.array_equal(layer(real).numpy() == 1, q >= t), at


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (lambda a, c: c.softmax(1) > 0.5, "comparing a softmax with a number.*; compare what"),
        (lambda a, c: torch.sigmoid(c) > 1.5, "comparing a sigmoid with a number"),
        (lambda a, c: c < 0.5, "function lt: lt; compare with > or >= and a number"),
        (lambda a, c: F.relu((c > 0.5).float()), "comparison before the end"),
        (lambda a, c: c > c.mean(), "function gt"),
    ],
)
def test_other_comparisons_name_the_way_out(last, message):
    with pytest.raises(UnsupportedError, match=message):
        hwgen.compress(Decides(last), INT8, calibration=[torch.randn(4, 2, 4, 4)])


def test_pruning_keeps_the_channels_of_every_output():
    batches = batches_of()
    torch.manual_seed(4)
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.ReLU())

    class Taps(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = model
            self.head = nn.Linear(128, 3)

        def forward(self, x):
            tap = self.body(x)
            return tap, self.head(tap.flatten(1))

    x = batches[0][1]
    recipe = Recipe(prune=PruneRecipe(channels=0.5, steps=1), quantize=QuantizeRecipe.int8())
    done = hwgen.compress(Taps(), recipe, calibration=[x]).module
    network = hwgen.import_torch(done, x)
    assert network.outputs["output_0"].shape == (8, 4, 4)
    assert network.tensors["body.0"].shape == (4, 4, 4)
    assert_same(done, network, (x,))


class Wrapped(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self._run = forward

    def forward(self, a, b):
        return self._run(self, a, b)


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda m, a, b: m.fc(a), "an input that is not used, b,"),
        (
            lambda m, a, b: (m.fc(a + b), (a, b)),
            "of a tuple, output_1,.*in one tuple, list or dict",
        ),
        (lambda m, a, b: (m.fc(a + b), a), "an output that is an input, output_1,"),
        (lambda m, a, b: {"y": m.fc(a + b), "n": 3}, "of a int, n,"),
        (lambda m, a, b: m.fc(torch.softmax(m.fc(a + b), 1)), "softmax"),
    ],
)
def test_ends_that_are_refused_name_the_way_out(forward, message):
    x = torch.randn(4, 4)
    with pytest.raises(UnsupportedError, match=message):
        hwgen.compress(Wrapped(forward), INT8, example=(x, x), calibration=[(x, x)])


def test_wrong_examples_of_several_inputs():
    x = torch.randn(4, 4)
    model = Wrapped(lambda m, a, b: m.fc(a + b))
    with pytest.raises(UnsupportedError, match="a second input, b,.*example=\\(a, b\\)"):
        hwgen.compress(model, INT8, example=x, calibration=[x])
    with pytest.raises(NetworkError, match="'c', which is no argument"):
        hwgen.compress(model, INT8, example={"a": x, "c": x}, calibration=[x])
    with pytest.raises(NetworkError, match="batches of one size"):
        hwgen.compress(model, INT8, example=(x, x[:2]), calibration=[(x, x)])
    with pytest.raises(NetworkError, match="give a list of tuples of 2 batches, of a and b"):
        hwgen.compress(model, INT8, example=(x, x), calibration=[x])
    with pytest.raises(NetworkError, match="Calibration batches of b must have shape"):
        hwgen.compress(model, INT8, example=(x, x), calibration=[(x, torch.randn(4, 5))])
