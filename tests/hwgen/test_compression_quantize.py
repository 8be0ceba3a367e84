"""Formats, scales, fixed point, fake quantization."""

import numpy as np
import pytest
import torch
from torch import nn

from hwgen.compression import QuantizeRecipe, Recipe
from hwgen.compression.quantize import fold_batch_norm
from hwgen.compression.quantize.calibrate import METHODS
from hwgen.compression.quantize.calibration import weight_scales
from hwgen.compression.quantize.fake import fake_quantize, round_half_up
from hwgen.compression.quantize.fixed_point import fixed_point, summand_multipliers
from hwgen.compression.quantize.learned_scales import LogScale
from hwgen.compression.quantize.observed import observe
from hwgen.errors import FormatError, HwgenError
from hwgen.formats import Fixed
from hwgen.torch_graph.trace import float_graph_of


def test_recipes_state_their_rules():
    with pytest.raises(FormatError, match="must be 2 to 16, not 17"):
        QuantizeRecipe(weights="int17")
    with pytest.raises(FormatError, match="must be 2 to 16, not 1;"):
        QuantizeRecipe(output="int1")
    with pytest.raises(FormatError, match="must be signed, such as int4, not uint4"):
        QuantizeRecipe(weights="uint4")
    with pytest.raises(FormatError, match="must be written like int8"):
        QuantizeRecipe(activations="float4")
    with pytest.raises(HwgenError, match="Scales must be one of free, power_of_two, not 'pot'"):
        QuantizeRecipe(scales="pot")
    with pytest.raises(HwgenError, match="epochs must be an integer of at least 0, not -1"):
        QuantizeRecipe(epochs=-1)
    with pytest.raises(HwgenError, match="must prune, quantize or both"):
        Recipe()


def test_rounding_is_half_up_and_straight_through():
    x = torch.tensor([-1.5, -0.5, 0.5, 1.5, 2.5], requires_grad=True)
    y = round_half_up(x)
    assert y.tolist() == [-1, 0, 1, 2, 3]
    y.sum().backward()
    assert x.grad.tolist() == [1] * 5


def test_gradients_are_those_of_lsq():
    x = torch.tensor([-5.0, 0.3, 0.8, 9.0], requires_grad=True)
    step = torch.tensor([0.5], requires_grad=True)
    y = fake_quantize(x, step, 0, 7, 0)
    assert y.tolist() == [0, 0.5, 1.0, 3.5]
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 0]
    assert step.grad.item() == pytest.approx(0 + (1 - 0.6) + (2 - 1.6) + 7)


def test_zero_point_keeps_zero_exact():
    x = torch.tensor([-1.0, 0.0, 2.0, 100.0])
    assert fake_quantize(x, torch.tensor([0.5]), 0, 15, 5).tolist() == [-1, 0, 2, 5]


@pytest.mark.parametrize("seed", range(10))
def test_fixed_point_free(seed):
    rng = np.random.default_rng(seed)
    bits = int(rng.integers(2, 17))
    ratios = rng.uniform(0.05, 1, 9) * 2.0 ** rng.integers(-20, 3)
    multipliers, shift = fixed_point(ratios, bits, 1000, False, "layer")
    assert int(multipliers.max()).bit_length() == bits + 8, seed
    assert np.abs(multipliers / 2.0**shift - ratios).max() <= 0.5 / 2.0**shift, seed


def test_fixed_point_power_of_two_is_exact_and_smallest():
    multipliers, shift = fixed_point(np.array([1 / 8, 1 / 2, 1 / 32]), 4, 100, True, "layer")
    assert multipliers.tolist() == [4, 16, 1] and shift == 5
    multipliers, shift = fixed_point(np.array([1 / 8, 1 / 8]), 4, 100, True, "layer")
    assert multipliers.tolist() == [1] and shift == 3
    multipliers, shift = fixed_point(np.array([4.0]), 4, 100, True, "layer")
    assert multipliers.tolist() == [4] and shift == 0


def test_fixed_point_leaves_room_for_the_product():
    multipliers, _ = fixed_point(np.array([1e-9]), 16, 2**45, False, "layer")
    assert int(multipliers.max()).bit_length() == 61 - 46
    for ratios in (np.array([1.0, 2.0**-40]), np.array([2.0**-70])):
        with pytest.raises(FormatError, match="^layer: scales of its channels must be closer"):
            fixed_point(ratios, 4, 100, True, "layer")
    with pytest.raises(FormatError, match="^layer: scales of its channels"):
        fixed_point(np.array([2.0**40]), 4, 100, False, "layer")


@pytest.mark.parametrize("seed", range(20))
def test_summand_multipliers_are_close_and_small(seed):
    rng = np.random.default_rng(seed)
    a, b = 2.0 ** rng.uniform(-8, 6, 2)
    m0, m1 = summand_multipliers((a, b), "add")
    assert abs(a / m0 - b / m1) <= 1e-3 * max(a / m0, b / m1), seed
    ratio = max(a, b) / min(a, b)
    for small in range(1, min(m0, m1)):  # none of the smaller ones would do
        for large in (int(ratio * small), int(ratio * small) + 1):
            assert abs(large / small / ratio - 1) > 0.99e-3, seed
    assert summand_multipliers((b, a), "add") == (m1, m0)


@pytest.mark.parametrize("seed", range(20))
def test_multipliers_of_several_summands_are_close(seed):
    rng = np.random.default_rng(seed)
    scales = 2.0 ** rng.uniform(-2.5, 2.5, rng.integers(3, 9))
    units = scales / summand_multipliers(scales.tolist(), "add")
    assert units.max() - units.min() <= 1e-3 * units.max(), seed


def test_summand_multipliers_of_powers_and_extremes():
    assert summand_multipliers((0.3, 0.3), "add") == (1, 1)
    assert summand_multipliers((0.3, 0.3 * 1.0005), "add") == (1, 1)
    assert summand_multipliers((2.0**-3, 2.0**-10), "add") == (128, 1)
    assert summand_multipliers((3.0, 2.0), "add") == (3, 2)
    assert summand_multipliers((1.0, 32767.0), "add") == (1, 32767)
    for a, b in ((1.0, 32768.0), (1.0, 0.0), (2.0**500, 2.0**-500)):
        with pytest.raises(FormatError, match="^add: scales of its inputs must be positive"):
            summand_multipliers((a, b), "add")


def test_weight_scales():
    weight = torch.tensor([[1.0, -0.5], [0.25, 0.25], [0.0, 0.0], [1e-9, 0.0]])
    scale = weight_scales(weight, Fixed(8), power_of_two=False)
    assert scale.tolist() == [1 / 127, 0.25 / 127, 1 / 127, 1 / 256 / 127]
    power = weight_scales(weight, Fixed(8), power_of_two=True)
    assert torch.equal(torch.log2(power), torch.log2(power).round()) and (power >= scale).all()
    assert weight_scales(torch.zeros(3, 2), Fixed(4), power_of_two=False).tolist() == [1, 1, 1]


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_few_bits_clip_outliers(bits):
    generator = torch.Generator().manual_seed(bits)
    values = torch.randn(20000, generator=generator).abs()
    placed = METHODS["auto"](observe(None, values, "x"), Fixed(bits, signed=False), False)
    reach = float(placed.scale) * Fixed(bits, signed=False).hi
    assert reach < 0.95 * float(values.max())


def test_activation_placement():
    seen = observe(observe(None, torch.tensor([0.0, 1.0]), "x"), torch.tensor([2.0]), "x")
    assert (seen.lo, seen.hi) == (0, 2)
    placed = METHODS["auto"](seen, Fixed(8, signed=False), False)
    assert placed.scale.item() == 2 / 255 and placed.zero_point == 0
    both = observe(seen, torch.tensor([-0.5]), "x")
    placed = METHODS["auto"](both, Fixed(8, signed=False), False)
    assert placed.scale.item() == 2.5 / 255 and placed.zero_point == 51
    placed = METHODS["auto"](both, Fixed(8), True)
    assert placed.scale.item() == 2.0**-5 and placed.zero_point == 0  # 127 steps of 1/64 fall short
    dead = observe(None, torch.zeros(4), "x")
    assert METHODS["auto"](dead, Fixed(4), False).scale.item() == 1


def test_steps_survive_weight_decay_and_stay_powers_of_two():
    step = LogScale(torch.tensor([2.0**-9, 2.0**5], dtype=torch.float64), power_of_two=True)
    optimizer = torch.optim.AdamW(step.parameters(), lr=0.1, weight_decay=0.5)
    for _ in range(20):
        optimizer.zero_grad()
        (step(1, 1) * 0).sum().backward()
        optimizer.step()
    assert step.exact().tolist() == [2.0**-9, 2.0**5]
    with torch.no_grad():
        step.delta += 0.7
    assert step.exact().tolist() == [2.0**-8, 2.0**6] == step(1, 1).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_folding_changes_nothing(seed):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(2, 5, 3, bias=bool(seed % 2)),
        nn.BatchNorm2d(5, eps=0.1, affine=seed != 2),
        nn.Flatten(),
        nn.Linear(5 * 9, 4),
        nn.Dropout(),
        nn.BatchNorm1d(4),
    )
    for norm in (model[1], model[5]):
        norm.running_mean.uniform_(-1, 1)
        norm.running_var.uniform_(0.1, 3)
        if norm.affine:
            nn.init.uniform_(norm.weight, -1, 2)
            nn.init.uniform_(norm.bias, -1, 1)
    x = torch.randn(4, 2, 5, 5)
    expected = model.eval()(x)
    folded = fold_batch_norm(float_graph_of(model, x))
    with torch.no_grad():
        y = folded.run(x)
    assert [layer.path for layer in folded.layers] == ["0", "2", "3"]
    assert torch.allclose(y, expected, rtol=1e-4, atol=1e-5)  # float32 either way
    assert torch.equal(model(x), expected)  # the model itself is left as it is
