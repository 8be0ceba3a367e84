"""Methods of quantization: calibration, equalization, bias, steps, accumulators, mixed formats."""

import numpy as np
import pytest
import torch
from torch import nn

from hwgen.compression import QuantizeRecipe, Recipe, compress
from hwgen.compression.quantize import fold_batch_norm, quantize_layers
from hwgen.compression.quantize.calibrate import METHODS
from hwgen.compression.quantize.equalize import equalize
from hwgen.compression.quantize.learned_scales import STEPS, make_scale
from hwgen.compression.quantize.mixed import choose_formats
from hwgen.compression.quantize.observed import mean_squared_error, observe
from hwgen.compression.recipes.quantize_recipe import CALIBRATIONS
from hwgen.compression.recipes.quantize_recipe import STEPS as STEP_NAMES
from hwgen.errors import FormatError, HwgenError
from hwgen.formats import Fixed
from hwgen.network import Conv2d, Linear
from hwgen.torch_graph.trace import float_graph_of
from support.exactness import assert_equal, made, random_recipe, small_cnn, train_on
from support.torch_models import random_module

pytestmark = pytest.mark.usefixtures("one_thread")


def test_recipes_name_what_exists():
    assert tuple(METHODS) == CALIBRATIONS and tuple(STEPS) == STEP_NAMES
    for settings, message in (
        ({"calibration": "best"}, "Calibration must be one of auto, minmax, .*, not 'best'"),
        ({"steps": "pact"}, "Steps must be one of tqt, lsq, ste, not 'pact'"),
        ({"accumulator": 3}, "Accumulator must be 4 to 48 bits wide, not 3"),
        ({"accumulator": 16.0}, "Accumulator must be a number of bits"),
        ({"equalize": 1}, "equalize must be True or False, not 1"),
        ({"layers": ["a"]}, "Layers must be formats by path"),
        ({"layers": {"a": "int17"}}, "must be 2 to 16, not 17"),
        ({"layers": {"a": "uint4"}}, "must be signed, such as int4, not uint4"),
        ({"layers": {"a": 8}}, "Format of layer 'a' must be written like int8, not 8"),
        ({"candidates": "int4"}, "Candidates must be formats"),
        ({"candidates": ()}, "Candidates must be formats"),
        ({"budget": 0}, "Budget must be a positive number of bits, not 0"),
    ):
        with pytest.raises(HwgenError, match=message):
            QuantizeRecipe(**settings)
    with pytest.raises(
        HwgenError, match="^Layers must be a convolution or Linear of the model, not "
    ):
        made(*small_cnn(), layers={"conv3": "int8"})
    with pytest.raises(HwgenError, match="there are conv1, conv2, fc$"):
        made(*small_cnn(), layers={"relu": "int8"})


@pytest.mark.parametrize("power_of_two", [False, True])
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("text", ["normal", "positive", "constant", "zeros", "negative", "outlier"])
def test_calibration_of_every_kind_of_values(name, text, power_of_two):
    rng = np.random.default_rng(0)
    values = {
        "normal": rng.normal(0.3, 1, 5000),
        "positive": np.maximum(rng.normal(0, 1, 5000), 0),
        "constant": np.full(100, 0.7),
        "zeros": np.zeros(100),
        "negative": -np.abs(rng.normal(0, 1, 5000)),
        "outlier": np.append(rng.normal(0, 1, 30000), 1000),
    }[text]
    seen = observe(None, torch.tensor(values), "x")
    for format in (Fixed(2), Fixed(4, False), Fixed(8), Fixed(8, False), Fixed(16, False)):
        placed = METHODS[name](seen, format, power_of_two)
        step = float(placed.scale)
        assert placed.scale.shape == (1,) and placed.scale.dtype == torch.float64
        assert step > 0 and np.isfinite(step) and format.lo <= placed.zero_point <= format.hi
        if power_of_two:
            assert np.frexp(step)[0] == 0.5
        if placed.zero_point:
            assert not format.signed and values.min() < 0
        whole = METHODS["minmax"](seen, format, power_of_two)
        assert step <= float(whole.scale) * (1 + 1e-12)  # nothing reaches beyond what was seen


def test_calibration_by_hand():
    batches = [torch.tensor([0.0, 10.0]), torch.tensor([-1.0, 20.0])]
    seen = observe(observe(None, batches[0], "x"), batches[1], "x")
    assert (seen.lo, seen.hi) == (-1, 20)
    assert seen.average_lo == pytest.approx(-0.1) and seen.average_hi == pytest.approx(11)
    placed = METHODS["moving_average"](seen, Fixed(8, False), False)
    assert float(placed.scale) == pytest.approx(11.1 / 255) and placed.zero_point == 2
    line = observe(None, torch.linspace(0, 1, 100_001), "x")
    placed = METHODS["percentile"](line, Fixed(4, False), False)
    assert float(placed.scale) * 15 == pytest.approx(0.9999, abs=1e-6)
    heavy = observe(None, torch.cat([torch.rand(50_000), torch.tensor([30.0])]), "x")
    for name in ("percentile", "mse", "kl"):  # one outlier of fifty thousand
        placed = METHODS[name](heavy, Fixed(4, False), False)
        assert float(placed.scale) * 15 < 12, name


@pytest.mark.parametrize("bits", [2, 3, 5, 8])
def test_mse_is_the_least_of_all(bits):
    seen = observe(None, torch.randn(4000, generator=torch.Generator().manual_seed(bits)), "x")
    format = Fixed(bits)

    def error(placed):
        step, zero = placed.scale, placed.zero_point
        return float(mean_squared_error(seen.sample[None], step, format.lo, format.hi, zero))

    best = error(METHODS["mse"](seen, format, False))
    assert all(best <= error(METHODS[name](seen, format, False)) for name in METHODS)


@pytest.mark.parametrize("calibration", CALIBRATIONS)
@pytest.mark.parametrize("seed", range(3))
def test_every_calibration_is_exact(seed, calibration):
    torch.manual_seed(seed)
    model, x = random_module(np.random.default_rng(seed))
    for scales in ("free", "power_of_two"):
        module = made(model, x, calibration=calibration, scales=scales, asymmetric=seed == 1)
        assert_equal(module, x, f"seed {seed}, {calibration}, {scales}")


@pytest.mark.parametrize("scales", ["free", "power_of_two"])
@pytest.mark.parametrize("steps", STEPS)
def test_steps_train_as_named(steps, scales):
    model, x = small_cnn()
    before = made(model, x, steps=steps, scales=scales)
    after = made(model, x, train_on(x), steps=steps, scales=scales)
    assert_equal(after, x, steps)
    learned = [n for n, _ in after.named_parameters() if n.split(".")[-1] in ("delta", "factor")]
    assert len(learned) == (0 if steps == "ste" else 7)
    for name in learned:
        assert not torch.equal(after.get_parameter(name), before.get_parameter(name)), name
    assert not torch.equal(after.get_parameter("fc.weight"), before.get_parameter("fc.weight"))


def test_the_learned_step_has_the_gradient_of_lsq():
    step = make_scale("lsq", torch.tensor([0.5]), power_of_two=False)
    assert step.exact().tolist() == [0.5]
    (step(16, 4) * 3).sum().backward()
    assert step.factor.grad.item() == pytest.approx(3 * 0.5 / 8)  # of step = 0.5 * factor
    with torch.no_grad():
        step.factor.fill_(-5)
    assert step.exact().tolist() == [0.5 / 64]  # never zero, never negative


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("seed", range(6))
def test_branched_models_are_exact(seed, steps):
    """Everything at once: one scale a layer, equalization, bias correction, any calibration."""
    rng = np.random.default_rng(100 + seed)
    torch.manual_seed(seed)
    model, x = random_module(rng, branches=True)
    given = random_recipe(rng, ["free", "power_of_two"][seed % 2])
    settings = {
        **{name: getattr(given, name) for name in ("weights", "activations", "input", "output")},
        **{"scales": given.scales, "asymmetric": given.asymmetric, "steps": steps},
        **{"per_channel": bool(rng.integers(2)), "equalize": bool(rng.integers(2))},
        **{"correct_bias": bool(rng.integers(2)), "calibration": str(rng.choice(CALIBRATIONS))},
        **{"accumulator": [None, 20][rng.integers(2)]},
    }
    hint = f"seed {seed}, {settings}, {model}"
    others = torch.cat([x, 3 * torch.randn(8, *x.shape[1:])])
    module = made(model, x, **settings)
    assert_equal(module, others, hint)
    if module(x).requires_grad or not any(name == "argmax" for name, _, _ in model.steps):
        assert_equal(made(model, x, train_on(x), **settings), others, f"after QAT, {hint}")


def test_one_scale_a_layer():
    model, x = small_cnn()
    network = assert_equal(made(model, x, per_channel=False), x, "per tensor")
    ops = [node.op for node in network.nodes if isinstance(node.op, Conv2d | Linear)]
    assert [op.weight_scale.size for op in ops] == [1, 1, 1]
    network = assert_equal(made(model, x), x, "per channel")
    assert network["conv1"].op.weight_scale.size == 6


@pytest.mark.parametrize("seed", range(12))
def test_equalization_changes_no_float_output(seed):
    torch.manual_seed(seed)
    model, x = random_module(np.random.default_rng(seed), branches=True)
    if any(name == "argmax" for name, _, _ in model.steps):
        pytest.skip("an index may flip where two are equal")
    folded = fold_batch_norm(float_graph_of(model.eval(), x[:1]))
    with torch.no_grad():
        a, b = folded.run(x), equalize(folded).run(x)
    assert float((a - b).abs().max()) <= 1e-4 * float(a.abs().max()), f"seed {seed}, {model}"


def test_equalization_balances_and_helps():
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(2, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=8), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 9, 5)),
    ).eval()
    x = torch.randn(64, 2, 10, 10)
    factor = torch.tensor([1, 100, 0.01, 3, 40, 0.2, 1, 1])
    with torch.no_grad():
        model[0].weight *= factor[:, None, None, None]
        model[0].bias *= factor
        model[2].weight /= factor[:, None, None, None]
        expected = model(x).double()
    folded = equalize(fold_batch_norm(float_graph_of(model, x[:1])))
    a, b, c = (folded.layers[i].module.weight.detach() for i in (0, 2, 6))
    ranges = [
        a.abs().amax((1, 2, 3)),
        b.abs().amax((1, 2, 3)),
        c.reshape(5, 8, 9).abs().amax((0, 2)),
    ]
    assert torch.allclose(ranges[0], ranges[1], rtol=0.02)
    assert torch.allclose(ranges[1], ranges[2], rtol=0.02)
    errors = []
    for equal in (False, True):
        module = made(
            model, x, weights="int8", activations="uint8", per_channel=False, equalize=equal
        )
        with torch.no_grad():
            errors.append(float(((module(x) - expected) ** 2).mean()))
    assert errors[1] < errors[0] / 20, errors


def test_bias_correction_takes_out_the_mean():
    model, x = small_cnn()
    x = x + 1
    with torch.no_grad():
        expected = model(x).double().mean(0)
        shifts = [
            (
                made(model, x, weights="int2", activations="uint8", correct_bias=on)(x).mean(0)
                - expected
            )
            for on in (False, True)
        ]
    before, after = (float(shift.abs().max()) for shift in shifts)
    assert after < before / 10, (before, after)


@pytest.mark.parametrize("bits", [10, 12, 14, 18])
@pytest.mark.parametrize("scales", ["free", "power_of_two"])
def test_accumulators_keep_their_width(bits, scales):
    model, x = small_cnn()
    with torch.no_grad():
        model.fc.bias.fill_(1e6)  # is clamped
    settings = {"weights": "int8", "activations": "uint6", "accumulator": bits, "scales": scales}
    for train in (None, train_on(x)):
        module = made(model, x, train, **settings)
        network = assert_equal(module, torch.cat([x, 100 * x]), f"{bits}, {scales}")
        for node in network.nodes:
            if not isinstance(node.op, Conv2d | Linear):
                continue
            source = network.tensors[node.inputs[0]]
            most = max(source.hi - source.zero_point, source.zero_point - source.lo)
            norms = np.abs(node.op.weight).reshape(len(node.op.weight), -1).sum(1)
            assert (norms * most + np.abs(node.op.bias)).max() < 1 << (bits - 1), node.name
            tensor = network.tensors[node.name]  # what range inference finds
            assert -(1 << (bits - 1)) <= tensor.lo and tensor.hi < 1 << (bits - 1), node.name
            assert node.op.weight.any() or bits == 10, node.name
    free = assert_equal(made(model, x, **{**settings, "accumulator": None}), x, "free")
    widest = max(abs(free.tensors[n].hi) for n in ("conv1", "conv2"))
    assert bits > 12 or widest >= 1 << (bits - 1)  # the bound was needed


def test_an_accumulator_that_holds_no_product():
    model, x = small_cnn()
    with pytest.raises(
        FormatError, match="^conv1: accumulators must be wide enough for one product"
    ):
        made(model, x, activations="uint8", accumulator=6)


def test_a_bounded_layer_trains_where_it_was_bounded():
    model, x = small_cnn()
    module = made(model, x, weights="int8", activations="uint6", accumulator=11).train()
    module(x).pow(2).sum().backward()
    gradient = module.get_parameter("fc.weight").grad
    assert torch.isfinite(gradient).all() and gradient.abs().max() > 0
    with torch.no_grad():
        layer = module.fc
        fake = layer.quantizer(layer.weight).double() / layer.weight_scale()[:, None]
    assert torch.allclose(fake, layer.integer_weight(), atol=1e-3)  # trains what it evaluates


def test_formats_by_hand():
    model, x = small_cnn()
    module = made(model, x, layers={"conv1": "int8", "conv2": "int2/uint7"}, steps="lsq")
    network = assert_equal(module, x, "by hand")
    formats = {name: str(network[name].op.weight_format) for name in ("conv1", "conv2", "fc")}
    assert formats == {"conv1": "int8", "conv2": "int2", "fc": "int4"}
    assert str(network["relu"].op.format) == "uint4" and str(network["relu2"].op.format) == "uint7"


def test_formats_of_a_concatenation_must_agree():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1)

        def forward(self, x):
            return torch.cat([self.a(x), self.b(x)], 1)

    model, x = nn.Sequential(Both(), nn.Conv2d(4, 2, 1)), torch.randn(8, 2, 4, 4)
    network = assert_equal(made(model, x, layers={"0.a": "int4/uint6"}), x, "concatenation")
    assert str(network["0.a.quant"].op.format) == str(network["0.b.quant"].op.format) == "int6"
    with pytest.raises(FormatError, match="Layers 0.a and 0.b must have outputs of one format"):
        made(model, x, layers={"0.a": "int4/uint6", "0.b": "int4/uint5"})


def weight_bits(network):
    ops = [node.op for node in network.nodes if isinstance(node.op, Conv2d | Linear)]
    return sum(op.weight.size * op.weight_format.storage_bits for op in ops)


@pytest.mark.parametrize("average", [2.0, 3.1, 4.0, 5.7, 8.0])
def test_formats_by_sensitivity_keep_the_budget(average):
    model, x = small_cnn()
    weights = sum(p.numel() for n, p in model.named_parameters() if p.dim() > 1)
    network = assert_equal(made(model, x, budget=average * weights), x, f"{average}")
    assert weight_bits(network) <= average * weights
    if average == 8:
        assert weight_bits(network) == 8 * weights
    fixed = made(model, x, budget=average * weights, layers={"fc": "int2"})
    assert str(assert_equal(fixed, x, "fixed")["fc"].op.weight_format) == "int2"


def test_a_budget_that_nothing_meets_and_a_cost_of_ones_own():
    model, x = small_cnn()
    with pytest.raises(HwgenError, match="Budget of 100 must be at least 568, what the narrowest"):
        made(model, x, budget=100)
    graph = fold_batch_norm(float_graph_of(model, x[:1]))
    asked = []

    def measure(formats):
        asked.append(dict(formats))
        return sum(name == "int8" for name in formats.values())

    chosen = choose_formats(graph, QuantizeRecipe(budget=1), x, measure)
    assert sorted(chosen) == ["conv1", "conv2", "fc"] and all(len(a) == 3 for a in asked)
    assert sum(name == "int8" for name in chosen.values()) == 1

    def largest(module):  # of a whole module
        assert not module.training
        return max(layer.bound() for layer in (module.conv1, module.conv2, module.fc))

    free = largest(made(model, x, weights="int8"))
    bounded = quantize_layers(
        float_graph_of(model, x[:1]), QuantizeRecipe(budget=free / 8), [x], largest
    )
    assert largest(bounded.eval()) <= free / 8


def test_the_most_sensitive_layer_stays_wide():
    model, x = small_cnn()
    with torch.no_grad():
        model.conv1.weight[:, :, 0, 0] *= 30  # an outlier in every channel
    graph = fold_batch_norm(float_graph_of(model, x[:1]))
    recipe = QuantizeRecipe(budget=2, candidates=("int2", "int8"))

    def equal_cost(formats):
        return sum(name == "int8" for name in formats.values())

    errors = {}
    for path in ("conv1", "conv2", "fc"):
        layers = {**dict.fromkeys(("conv1", "conv2", "fc"), "int16"), path: "int2"}
        module = made(model, x, activations="uint16", output="int16", layers=layers)
        with torch.no_grad():
            errors[path] = float(((module(x) - model(x)) ** 2).mean())
    chosen = choose_formats(graph, recipe, x, equal_cost)
    narrow = [path for path, name in chosen.items() if name == "int2"]
    assert narrow == [min(errors, key=errors.get)], errors


def test_int8_in_one_call():
    model, x = small_cnn()
    done = compress(model, Recipe(quantize=QuantizeRecipe.int8()), example=x[:1], calibration=[x])
    assert [step.step for step in done.history] == ["float", "quantize"]
    network = assert_equal(done.module, x, "int8")
    assert str(network.input.format) == "uint8" and str(network.output.format) == "int8"
    with torch.no_grad():
        y = model(x).double()
        assert float((done.module(x) - y).abs().max()) < 0.03 * float(y.abs().max())
