"""Branches: torch == golden at every node, and where the quantizers stand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe, compress
from hwgen.errors import NetworkError
from hwgen.network import (
    Add,
    Affine,
    ArgMax,
    AvgPool2d,
    Concat,
    Conv2d,
    Linear,
    Network,
    Requantize,
)
from hwgen.tasks.digits import Digits
from support.exactness import assert_equal, random_recipe, train_on
from support.selection import some
from support.torch_models import Branched, ResidualDigits, random_module

pytestmark = pytest.mark.usefixtures("one_thread")


def check_random(seed: int, scales: str) -> None:
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    model, x = random_module(rng, branches=True)
    recipe = random_recipe(rng, scales)
    prune = PruneRecipe(0.4, epochs=0) if seed % 4 == 0 else None
    hint = f"seed {seed}, {recipe}, {model}"
    others = torch.cat([x, 3 * torch.randn(8, *x.shape[1:])])  # beyond the calibration data
    done = compress(model, Recipe(prune, recipe), example=x[:1], calibration=[x])
    network = assert_equal(done.module, others, hint)
    weighted = [node.op for node in network.nodes if isinstance(node.op, Conv2d | Linear | Affine)]
    counted = sum(op.weight.size + op.bias.size for op in weighted)
    assert done.history[-1].parameters == counted, hint
    if isinstance(network.nodes[-1].op, ArgMax):
        return  # has no gradient
    qat = compress(
        model, Recipe(prune, recipe), example=x[:1], calibration=[x], train=train_on(x)
    ).module
    assert_equal(qat, others, f"after two steps of QAT, {hint}")


@pytest.mark.parametrize("scales", ["free", "power_of_two"])
@pytest.mark.parametrize("seed", some(range(40), (*range(0, 10, 2), 3, 23, 27)))
def test_torch_equals_golden(seed, scales):
    check_random(seed, scales)


@pytest.mark.slow
@pytest.mark.parametrize("scales", ["free", "power_of_two"])
def test_torch_equals_golden_many_times(scales):
    for seed in range(1000, 1150):
        check_random(seed, scales)


@pytest.mark.parametrize("asymmetric", [False, True])
@pytest.mark.parametrize("seed", range(15))
def test_the_meaning_is_the_models(seed, asymmetric):
    """With many bits the compressed model computes what the float model does, in both modes."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    model, x = random_module(rng, branches=True)
    if any(name == "argmax" for name, _, _ in model.steps):
        pytest.skip("an index is not close to another one")
    recipe = QuantizeRecipe("int14", "uint14", output="int14", asymmetric=asymmetric)
    module = compress(model, Recipe(quantize=recipe), example=x[:1], calibration=[x]).module
    with torch.no_grad():
        y, exact, fake = model(x).double(), module(x), module.train()(x)
    # multipliers of a sum are good to 0.1 %, which a few layers add up
    largest = float(y.abs().max())
    assert float((exact - y).abs().max()) < 0.01 * largest, f"seed {seed}"
    assert float((fake - y).abs().max()) < 0.01 * largest, f"seed {seed}"


def branched(*steps: tuple, **modules: nn.Module) -> nn.Module:
    """A model of steps (name, values) or (function, values)."""
    named = [
        (step, None, taken) if isinstance(step, str) else (f"f{i}", step, taken)
        for i, (step, *taken) in enumerate(steps)
    ]
    return Branched(named, modules)


def quantized(model: nn.Module, x: torch.Tensor, **settings: object) -> tuple[nn.Module, Network]:
    recipe = QuantizeRecipe(**settings)
    module = compress(model, Recipe(quantize=recipe), example=x[:1], calibration=[x]).module
    return module, assert_equal(module, x, str(settings))


def wiring(network: Network) -> list[str]:
    return [
        f"{node.name} = {type(node.op).__name__}({', '.join(node.inputs)})"
        for node in network.nodes
    ]


@pytest.fixture
def x():
    torch.manual_seed(0)
    return torch.randn(20, 2, 6, 6)


def plus(a, b):
    return a + b


def cat(*values):
    return torch.cat(values, 1)


def test_two_additions_in_a_row_and_of_the_input(x):
    model = branched(("conv", 0), (plus, 1, 0), (plus, 2, 2), (F.relu, 3), conv=nn.Conv2d(2, 2, 1))
    _, network = quantized(model, x)
    assert wiring(network) == [
        "input = Input()",
        "conv = Conv2d(input)",
        "conv.quant = Requantize(conv)",
        "add = Add(conv.quant, input)",
        "add.quant = Requantize(add)",
        "add_1 = Add(add.quant, add.quant)",
        "add_1.quant = Requantize(add_1)",
    ]
    assert network["add_1"].op.multipliers == (1, 1)
    assert network["conv.quant"].op.format.signed
    last = network["add_1.quant"].op
    assert last.lo == last.zero_point == 0  # the ReLU


def test_a_relu_and_something_else(x):
    """The ReLU clamps a copy of its own, and the other user sees what is below zero."""
    model = branched(
        *(("conv", 0), ("relu", 1), (plus, 2, 1), (F.relu, 3), ("relu", 4)),
        **{"conv": nn.Conv2d(2, 3, 3), "relu": nn.ReLU()},
    )
    _, network = quantized(model, x)
    assert wiring(network)[2:] == [
        "relu = Requantize(conv)",
        "conv.quant = Requantize(conv)",
        "add = Add(relu, conv.quant)",
        "add.quant = Requantize(add)",
    ]
    assert not network["relu"].op.format.signed and network["conv.quant"].op.format.signed
    assert "conv" in network["relu"].inputs


def test_concatenations_share_one_grid(x):
    """Also when one branch is the network's input, and through a chain of concatenations."""
    model = branched(
        *(("a", 0), (F.relu, 1), ("b", 0), (cat, 2, 3, 0), ("c", 4), (cat, 4, 5, 5), ("d", 6)),
        **{"a": nn.Conv2d(2, 3, 1), "b": nn.Conv2d(2, 1, 1)},
        **{"c": nn.Conv2d(6, 2, 1), "d": nn.Conv2d(10, 2, 3)},
    )
    with torch.no_grad():
        model.c.weight *= 5  # the largest values: they set the scale of all
    module, network = quantized(model, x)
    on_grid = ["a.quant", "b.quant", "input.quant", "c.quant"]
    scales = {float(network.tensors[name].scale[0]) for name in on_grid}
    assert len(scales) == 1 and {str(network[name].op.format) for name in on_grid} == {"int4"}
    assert network["a.quant"].op.lo == 0 and network["b.quant"].op.lo == -8
    assert float(network.input.scale[0]) not in scales  # keeps its own
    assert sum("delta" in name for name, _ in module.named_parameters()) == 4 + 3  # one is shared
    recipe = Recipe(quantize=QuantizeRecipe(epochs=1))
    trained = compress(model, recipe, example=x[:1], calibration=[x], train=train_on(x)).module
    after = assert_equal(trained, x, "QAT")
    moved = {float(after.tensors[name].scale[0]) for name in on_grid}
    assert len(moved) == 1 and moved != scales


def test_relus_move_before_joins_only_where_nobody_else_looks(x):
    convs = {"a": nn.Conv2d(2, 3, 1), "b": nn.Conv2d(2, 1, 1)}
    pool = nn.MaxPool2d(2)
    alone = branched(("a", 0), ("b", 0), (cat, 1, 2), ("pool", 3), (F.relu, 4), pool=pool, **convs)
    _, network = quantized(alone, x, output="uint8")
    assert [node.name for node in network.nodes if isinstance(node.op, Requantize)] == [
        "a.quant",
        "b.quant",
    ]
    assert network["a.quant"].op.lo == network["b.quant"].op.lo == 0
    seen = branched(("a", 0), ("b", 0), (cat, 1, 2), (F.relu, 3), (plus, 3, 4), **convs)
    _, network = quantized(seen, x)
    assert network["a.quant"].op.lo < 0
    assert wiring(network)[-3:-1] == ["relu = Requantize(cat)", "add = Add(cat, relu)"]


def test_a_relu_of_what_is_never_below_zero_is_nothing(x):
    model = branched(
        *(("conv", 0), (F.relu, 1), (F.relu, 2), (plus, 2, 3), (F.relu, 4), (F.relu, 5)),
        *((plus, 5, 6), (F.relu, 7)),
        conv=nn.Conv2d(2, 3, 3),
    )
    _, network = quantized(model, x)
    kinds = [type(node.op).__name__ for node in network.nodes]
    assert kinds == ["Input", "Conv2d", "Requantize", "Add", "Requantize", "Add", "Requantize"]


def test_averages(x):
    """An average of what is never below zero keeps an unsigned format; 3 x 3 is no power of two."""
    model = branched(
        *(("conv", 0), (F.relu, 1), ("pool", 2), ("fold", 3), ("fc", 4)),
        **{"conv": nn.Conv2d(2, 3, 1), "pool": nn.AvgPool2d(3, 2, 1), "fold": nn.Flatten()},
        fc=nn.Linear(27, 4),
    )
    for scales in ("free", "power_of_two"):
        _, network = quantized(model, x, scales=scales)
        assert isinstance(network["pool"].op, AvgPool2d)
        op = network["pool.quant"].op
        assert not op.format.signed
        ratio = float(network.tensors["pool"].scale[0] / op.scale[0])
        assert float(op.multiplier[0]) / 2.0 ** int(op.shift[0]) == pytest.approx(ratio, rel=1e-3)
    whole = branched(("pool", 0), pool=nn.AdaptiveAvgPool2d((2, None)))
    _, network = quantized(whole, x)
    assert network["pool"].op.kernel == (3, 1) and network.output.shape == (2, 2, 6)


@pytest.mark.parametrize("keepdim", [False, True])
def test_arg_max_has_the_shape_that_the_model_gives_it(x, keepdim):
    model = branched(
        *(("fold", 0), ("fc", 1), (lambda v: v.argmax(1, keepdim=keepdim), 2)),
        **{"fold": nn.Flatten(), "fc": nn.Linear(72, 9)},
    )
    module, network = quantized(model, x)
    assert isinstance(network.nodes[-1].op, ArgMax)
    with torch.no_grad():
        assert module(x).shape == model(x).shape == ((20, 1) if keepdim else (20,))
    assert network["fc.quant"].op.format.bits == 8  # the output's format


def test_raw_accumulators_of_a_sum(x):
    model = branched(("conv", 0), (plus, 1, 0), conv=nn.Conv2d(2, 2, 1))
    _, network = quantized(model, x, output=None)
    assert isinstance(network.nodes[-1].op, Add) and network.output.format is None
    joined = branched(("conv", 0), (cat, 1, 0), conv=nn.Conv2d(2, 2, 1))
    with pytest.raises(NetworkError, match="^cat: output=None needs a network that ends with"):
        quantized(joined, x, output=None)


def test_grouped_convolutions(x):
    model = branched(
        *(("a", 0), ("b", 1), (F.relu, 2), ("c", 3)),
        **{"a": nn.Conv2d(2, 6, 3, groups=2), "b": nn.Conv2d(6, 12, 3, groups=6)},
        c=nn.Conv2d(12, 6, 1, groups=3),
    )
    _, network = quantized(model, x)
    groups = [node.op.groups for node in network.nodes if isinstance(node.op, Conv2d)]
    assert groups == [2, 6, 3]


@pytest.mark.parametrize(
    "name", ["a b;", 'q"; x', "step\n", "é", "__", "add", "mean", "size", "input", "cat_1"]
)
def test_strange_names(x, name):
    model = branched(
        *((name, 0), (plus, 1, 0), (plus, 2, 1), (cat, 1, 3)),
        **{name: nn.Conv2d(2, 2, 1)},
    )
    _, network = quantized(model, x)
    assert isinstance(network[name].op, Conv2d)
    (total,) = (node.op for node in network.nodes if isinstance(node.op, Add))
    assert total.factors.tolist() == [2, 1]  # what is added twice
    assert isinstance(network.nodes[-1].op, Concat)


def test_dead_branches(x):
    model = branched(("conv", 0), (F.relu, 1), (plus, 2, 0), conv=nn.Conv2d(2, 2, 1))
    with torch.no_grad():
        model.conv.weight.zero_()
        model.conv.bias.fill_(-1)
    for scales in ("free", "power_of_two"):
        quantized(model, x, scales=scales)


NOBODY_FIRES = {
    "concatenation": ((cat, 1, 1), (F.relu, 2), (plus, 2, 3)),
    "pool": (("pool", 1), (F.relu, 2), (plus, 2, 3)),
    "input": ((F.relu, 0), (plus, 2, 0)),
    "input and a concatenation": ((cat, 0, 0), (F.relu, 2), (plus, 2, 3)),
}


@pytest.mark.parametrize("kind", NOBODY_FIRES)
def test_a_relu_of_its_own_that_gives_nothing_but_zeros(x, kind):
    """It stays behind a value that passes, because that has another use."""
    model = branched(
        ("conv", 0), *NOBODY_FIRES[kind], conv=nn.Conv2d(2, 2, 1), pool=nn.MaxPool2d(2)
    )
    with torch.no_grad():
        model.conv.weight.zero_()
        model.conv.bias.fill_(-1)
    for scales in ("free", "power_of_two"):
        quantized(model, -x.abs() - 0.1, scales=scales)


@pytest.mark.slow
def test_residual_digits_reach_the_accuracy():
    task = Digits(seed=0)
    torch.manual_seed(0)
    model = ResidualDigits()
    assert sum(value.numel() for value in model.parameters()) < 5000
    task.train(model, 40)
    assert task.evaluate(model) >= 0.95
    recipe = Recipe(PruneRecipe(0.25, epochs=15), QuantizeRecipe(epochs=20))
    done = compress(
        model,
        recipe,
        example=task.example,
        train=task.train,
        evaluate=task.evaluate,
        calibration=task.calibration,
    )
    assert done.history[-1].accuracy >= 0.95, done.history
    assert_equal(done.module, task.test_inputs, "digits")
