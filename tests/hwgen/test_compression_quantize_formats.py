"""Binary, ternary, powers of two, codebooks: torch == golden, and each method by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from hwgen.compression import QuantizeRecipe, Recipe, compress
from hwgen.compression.quantize import freeze_weights
from hwgen.compression.quantize.learned_scales import make_scale
from hwgen.compression.quantize.weights import (
    AsymmetricWeights,
    BinaryWeights,
    CodebookWeights,
    LevelWeights,
    TernaryWeights,
    levels_of,
)
from hwgen.errors import FormatError, HwgenError
from hwgen.formats import Binary, Codebook, PowerOfTwo
from hwgen.importers.from_torch import import_torch
from hwgen.network import Conv2d, Linear, Threshold
from support.exactness import assert_equal, made, small_cnn, train_on
from support.selection import crossed
from support.torch_models import random_module

WEIGHTS = ["binary", "ternary", "pot3", "pot4", "pot3x2", "cb2:6", "cb4:8"]


pytestmark = pytest.mark.usefixtures("one_thread")


def check(model, x, hint, trains=True, **settings):
    others = torch.cat([x, 3 * torch.randn(8, *x.shape[1:])])  # beyond the calibration data
    network = assert_equal(made(model, x, **settings), others, f"{hint}, {settings}")
    for node in network.nodes:
        if isinstance(node.op, Conv2d | Linear):
            assert node.op.weight_format.holds(node.op.weight), node.name
    if trains:
        trained = made(model, x, train_on(x), **settings)
        assert_equal(trained, others, f"after QAT, {hint}, {settings}")
    return network


@pytest.mark.parametrize(
    ("seed", "weights", "activations"), crossed(range(3), WEIGHTS, ["uint3", "binary"])
)
def test_chains_are_exact(seed, weights, activations):
    torch.manual_seed(seed)
    model, x = random_module(np.random.default_rng(seed))
    settings = {"scales": ["free", "power_of_two"][seed % 2], "per_channel": seed != 2}
    network = check(
        model, x, f"seed {seed}", weights=weights, activations=activations, input="int8", **settings
    )
    weighted = [node.op for node in network.nodes if isinstance(node.op, Conv2d | Linear)]
    assert {str(op.weight_format) for op in weighted} == {weights}
    if activations == "binary":
        inner = [node.op for node in network.nodes if isinstance(node.op, Threshold)]
        assert len(inner) == len(weighted) - 1
        assert all(isinstance(op.format, Binary) for op in inner)


@pytest.mark.parametrize(("seed", "weights"), crossed(range(20, 24), WEIGHTS))
def test_branched_models_are_exact(seed, weights):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    model, x = random_module(rng, branches=True)
    averages = any(isinstance(m, nn.AvgPool2d) and m.padding for m in model.modules())
    padded = averages or any("average" in name for name, f, _ in model.steps if f is not None)
    settings = {
        "activations": "uint3" if padded or rng.integers(2) else "binary",
        "input": str(rng.choice(["int8", "uint5"])),
        "scales": str(rng.choice(["free", "power_of_two"])),
        "steps": str(rng.choice(["tqt", "lsq", "ste"])),
        "correct_bias": bool(rng.integers(2)),
        "equalize": bool(rng.integers(2)),
    }
    index = any(name == "argmax" for name, _, _ in model.steps)
    check(model, x, f"seed {seed}, {model}", not index, weights=weights, **settings)


def test_formats_mix_layer_by_layer():
    model, x = small_cnn()
    layers = {"conv1": "pot4x2/uint5", "conv2": "ternary/binary", "fc": "cb3:7"}
    network = check(model, x, "mixed", layers=layers)
    found = [str(network[name].op.weight_format) for name in ("conv1", "conv2", "fc")]
    assert found == ["pot4x2", "ternary", "cb3:7"]
    assert str(network["relu"].op.format) == "uint5"
    assert str(network["relu2"].op.format) == "binary"
    candidates = ("binary", "ternary", "pot4", "int8")
    chosen = check(model, x, "budget", budget=4 * 284, candidates=candidates)
    ops = [node.op for node in chosen.nodes if isinstance(node.op, Conv2d | Linear)]
    assert sum(op.weight.size * op.weight_format.storage_bits for op in ops) <= 4 * 284


class BesideItsInput(nn.Module):
    """Concatenates what it makes of its input with the input itself."""

    def __init__(self):
        super().__init__()
        self.conv, self.relu, self.end = (
            nn.Conv2d(1, 3, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(4, 2, 3),
        )

    def forward(self, x):
        return self.end(torch.cat([self.relu(self.conv(x)), x], 1))


def test_the_sign_of_a_value_with_a_zero_point():
    """Found by fuzzing, seed 1, index 80: the sign turns at the zero point, not at 0."""
    torch.manual_seed(0)
    x = torch.randn(30, 1, 5, 5) + 0.3
    network = check(BesideItsInput(), x, "beside", activations="binary", input="uint5")
    signs = [n for n in network.nodes if isinstance(n.op, Threshold) and n.inputs == ("input",)]
    assert network.input.zero_point > 0
    assert [sign.op.thresholds.tolist() for sign in signs] == [[[network.input.zero_point]]]


def test_binary_everywhere_pads_with_minus_one():
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=2), nn.ReLU()),
        *(nn.MaxPool2d(3, 2, 1), nn.Conv2d(4, 3, 3, padding=1)),
    )
    x = torch.randn(30, 1, 6, 6)
    settings = {"weights": "binary", "activations": "binary", "output": "binary"}
    network = check(model, x, "binary", **settings)
    assert all(network.tensors[n.name].format == Binary() for n in network.nodes if n.inputs == ())
    module = made(model, x, **settings)
    with torch.no_grad():
        assert sorted(set(module(x).sign().flatten().tolist())) == [-1, 1]
        zero = torch.zeros(1, 1, 6, 6)
    assert np.array_equal(network.quantize(zero.numpy()), np.ones((1, 1, 6, 6)))  # sign of 0 is +1
    inner = module.get_submodule("2")
    outside = inner.train()._dot(torch.full((1, 4, 1, 1), float("nan")), inner.weight, inner.bias)
    assert not torch.isfinite(outside).all()  # the pad is a number, the value is not
    step = float(module.get_submodule("1").output_scale())
    ones = torch.ones(4, 4, 3, 3)
    got = inner._dot(torch.full((1, 4, 6, 6), -step), ones, torch.zeros(4))
    assert torch.allclose(got, torch.full_like(got, -36 * step))  # the border as the inside


def test_binary_values_have_no_zero_to_pad_an_average_with():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AvgPool2d(2, 2, 1), nn.Conv2d(2, 2, 1))
    with pytest.raises(FormatError, match="^1: average of binary values must have no padding"):
        made(model, torch.randn(8, 1, 6, 6), activations="binary")


def test_binary_weights_by_hand():
    weight = torch.tensor([[1.0, -3.0, 0.0, 0.5], [0.0, 0.0, 0.0, 0.0]], requires_grad=True)
    quantizer = BinaryWeights(power_of_two=False, per_channel=True)
    assert quantizer.integers(weight).tolist() == [[1, -1, 1, 1], [1, 1, 1, 1]]
    assert quantizer.scale(weight).tolist() == [4.5 / 4, 4.5 / 4 / 256]
    y = quantizer(weight)
    assert y[0].tolist() == [1.125, -1.125, 1.125, 1.125]
    y[0, 1].backward()
    # 1/4 for each magnitude, with its sign, times -1; the clipped |-3| has nothing of its own
    assert weight.grad[0].tolist() == [-0.25, 0.25, 0, -0.25]
    one = BinaryWeights(power_of_two=True, per_channel=False)
    assert one.scale(weight).tolist() == [0.5]  # nearest to 4.5 / 8


def test_ternary_weights_by_hand():
    weight = torch.tensor([[1.0, -3.0, 0.0, 0.5], [2.0, 2.0, -2.0, 2.0]], requires_grad=True)
    quantizer = TernaryWeights(power_of_two=False, per_channel=True)
    assert quantizer.integers(weight).tolist() == [[1, -1, 0, 0], [1, 1, -1, 1]]  # 0.7 * 1.125
    assert quantizer.scale(weight).tolist() == [2, 2]
    y = quantizer(weight)
    assert y.tolist() == [[2, -2, 0, 0], [2, 2, -2, 2]]
    y.sum().backward()
    assert weight.grad.flatten().tolist() == [1] * 8


def test_levels_are_the_nearest():
    format = PowerOfTwo(3)  # 0, +-1, +-2, +-4
    quantizer = LevelWeights(format, make_scale("tqt", torch.tensor([0.5]), False))
    weight = torch.tensor([[-9, -1.5, -1.49, -0.26, -0.25, 0.24, 0.25, 0.75, 1.5, 9]])
    expected = [-4, -2, -2, -1, 0, 0, 1, 2, 4, 4]  # the upper of two that are as near
    assert quantizer.integers(weight).tolist() == [expected]
    assert torch.equal(quantizer(weight), torch.tensor([expected]) * 0.5)


@pytest.mark.parametrize("seed", range(5))
def test_codebook_is_a_fixed_point_of_k_means(seed):
    torch.manual_seed(seed)
    weight = torch.randn(6, 40)
    weight[0, :10] = 0 if seed % 2 else weight[0, :10]
    quantizer = CodebookWeights(Codebook(3, 16), weight, power_of_two=False)
    centroids, index = quantizer.centroids.detach().double(), quantizer.index
    held = weight == 0
    distance = (weight.double()[..., None] - centroids).abs()
    if not held.any():
        taken = distance.gather(-1, index[..., None])[..., 0]
        assert torch.allclose(taken, distance.amin(-1), atol=1e-6)
    for k in range(8):
        if (index == k).any():
            assert float(weight[index == k].double().mean()) == pytest.approx(
                float(centroids[k]), abs=1e-5
            )
    assert (quantizer.integers(weight)[held] == 0).all()
    quantizer(weight).sum().backward()
    counts = torch.bincount(index.flatten(), minlength=8).float()
    gradient = quantizer.centroids.grad
    assert torch.allclose(gradient[quantizer.trained], counts[quantizer.trained])  # sums of dw


def test_codebooks_train_their_centroids_only():
    model, x = small_cnn()
    before = made(model, x, weights="cb3:8")
    after = made(model, x, train_on(x), weights="cb3:8")
    assert torch.equal(before.fc.weight, after.fc.weight)
    assert torch.equal(before.fc.quantizer.index, after.fc.quantizer.index)
    assert not torch.equal(before.fc.quantizer.centroids, after.fc.quantizer.centroids)
    network = import_torch(after, x[:1])
    assert len(network["fc"].op.weight_format.entries) == 8
    assert len(np.unique(network["fc"].op.weight)) <= 8


def test_a_layer_of_zeros_and_of_few_values():
    model, x = small_cnn()
    with torch.no_grad():
        model.conv1.weight.zero_()
        model.conv2.weight.fill_(0.5)
    for weights in WEIGHTS:
        check(model, x, "zeros", weights=weights)


def test_levels_of_ones_own():
    model, x = small_cnn()
    levels = (-9, -4, -1, 0, 1, 4, 9)
    network = check(model, x, "levels", weights="cb3:8", levels=levels)
    assert network["fc"].op.weight_format.entries == levels
    assert set(np.unique(network["fc"].op.weight)) <= set(levels)
    assert levels_of(lambda t: t**3, Codebook(2, 8)) == (-127, -5, 5, 127)
    assert levels_of(lambda t: t, Codebook(1, 2)) == (-1, 1)
    for mapping in (lambda t: -t, lambda t: 0 * t, lambda t: float("nan"), lambda t: t * 1e999):
        with pytest.raises(FormatError, match="Mapping must rise"):
            levels_of(mapping, Codebook(2, 8))


def test_asymmetric_weights():
    model, x = small_cnn()
    with torch.no_grad():
        model.fc.weight.abs_()
        model.fc.weight[0, 0] = -0.05
    for per_channel in (True, False):
        for scales in ("free", "power_of_two"):
            options = {"per_channel": per_channel, "scales": scales, "asymmetric_weights": True}
            for weights in ("int2", "int4", "int9", "int15"):
                network = check(model, x, "asymmetric", trains=False, weights=weights, **options)
                bits = int(weights[3:])
                assert str(network["fc"].op.weight_format) == f"int{bits + 1}"
                rows = network["fc"].op.weight
                rows = rows if per_channel else rows.reshape(1, -1)
                assert (rows.max(1) - rows.min(1) < 1 << bits).all()  # q is an uint of its bits
    check(model, x, "asymmetric", weights="int4", asymmetric_weights=True)
    errors = []
    for asymmetric in (False, True):
        module = made(model, x, weights="int4", asymmetric_weights=asymmetric, per_channel=False)
        real = module.fc.integer_weight() * module.fc.weight_scale()
        errors.append(float((real - model.fc.weight.detach()).pow(2).mean()))
    assert errors[1] < 0.6 * errors[0], errors
    rows = torch.tensor([[-1.0, 2.0], [0.0, 0.0], [0.5, 3.0], [-4.0, -2.0]])
    made_of = AsymmetricWeights(rows, 2, False, True, "tqt")
    assert made_of.zero.tolist() == [1, 2, 0, 3]
    assert made_of.integers(rows).tolist()[:2] == [[-1, 2], [0, 0]]


def test_incremental_freezing_holds_what_is_frozen():
    model, x = small_cnn()
    seen = []

    def train(module, epochs):
        frozen = module.fc.quantizer.frozen
        seen.append(float(frozen.float().mean()))
        before = module.fc.quantizer.integers(module.fc.weight)
        free = module.fc.weight.detach().clone()
        train_on(x)(module, epochs)
        after = module.fc.quantizer.integers(module.fc.weight)
        assert torch.equal(before[frozen], after[frozen])
        assert not torch.equal(free[~frozen], module.fc.weight[~frozen])

    recipe = QuantizeRecipe("pot4", incremental=(0.5, 0.75, 1), epochs=3)
    done = compress(model, Recipe(quantize=recipe), example=x[:1], calibration=[x], train=train)
    assert seen == [0.5, 0.75]
    steps = [step.step for step in done.history]
    assert steps == ["float", "quantize", "freeze 0.5", "freeze 0.75", "freeze 1"]
    quantizer = done.module.fc.quantizer
    assert quantizer.frozen.all()
    assert_equal(done.module, x, "INQ")
    held = quantizer.integers(done.module.fc.weight)
    with torch.no_grad():
        done.module.fc.weight += 1
    assert torch.equal(quantizer.integers(done.module.fc.weight), held)


def test_the_largest_weights_are_frozen_first():
    model, x = small_cnn()
    module = made(model, x, weights="pot4")
    freeze_weights(module, 0.3)
    layer = module.fc
    frozen = layer.quantizer.frozen
    assert int(frozen.sum()) == 24
    assert layer.weight[frozen].abs().min() >= layer.weight[~frozen].abs().max()
    fake = layer.quantizer(layer.weight)
    assert torch.equal(fake[~frozen], layer.weight[~frozen])
    freeze_weights(module, 0.1)  # never thaws
    assert int(layer.quantizer.frozen.sum()) == 24


@pytest.mark.parametrize("asymmetric", [False, True])
@pytest.mark.parametrize("weights", ["int2", "int5", *WEIGHTS])
def test_training_sees_what_evaluation_computes(weights, asymmetric):
    model, x = small_cnn()
    module = made(model, x, weights=weights, asymmetric_weights=asymmetric)
    for layer in (module.conv1, module.conv2, module.fc):
        with torch.no_grad():
            fake = layer.quantizer(layer.weight).flatten(1).double()
        real = layer.integer_weight().flatten(1) * layer.weight_scale()[:, None]
        assert torch.allclose(fake, real, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activations": "ternary"}, "activations must be like uint4 or binary, not ternary"),
        ({"output": "pot4"}, "must be like uint4 or binary, not pot4"),
        ({"levels": (1, 2)}, "with weights of a codebook format such as cb4:8"),
        ({"weights": "cb1:4", "levels": (1, 2, 3)}, "must be at most 2, not 3"),
        ({"weights": "cb2:3", "levels": (1, 9)}, "must be integers of"),
        ({"weights": "cb2:3", "levels": (1, 1)}, "at least two different integers"),
        ({"weights": "int16", "asymmetric_weights": True}, "at most 15 bits, not be int16"),
        ({"accumulator": 16, "asymmetric_weights": True}, "needs symmetric weights"),
        ({"incremental": (0.5, 0.4, 1)}, "must rise from above 0 to 1"),
        ({"incremental": (0.5,)}, "must rise from above 0 to 1"),
        ({"weights": "pot17"}, "must be 2 to 5, not 17"),
    ],
)
def test_recipes_state_their_rules(settings, message):
    with pytest.raises(HwgenError, match=message):
        QuantizeRecipe(**settings)


def test_an_accumulator_needs_linear_weights():
    with pytest.raises(FormatError, match="^conv1: weights must be of a format such as int4 to"):
        made(*small_cnn(), weights="pot4", accumulator=16)
