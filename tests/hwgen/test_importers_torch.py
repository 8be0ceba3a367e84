"""torch == golden, in every bit, and the importer's errors."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwgen.compression import QuantizeRecipe, Recipe, compress
from hwgen.errors import FormatError, NetworkError, UnsupportedError
from hwgen.importers.from_torch import import_torch
from hwgen.network import Conv2d, Linear
from support.exactness import assert_equal, train_on
from support.selection import some
from support.torch_models import random_module

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("scales", ["free", "power_of_two"])
@pytest.mark.parametrize("seed", some(range(28), range(12)))
def test_torch_equals_golden(seed, scales):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    model, x = random_module(rng)
    weights, activations = 2 + seed % 7, 2 + int(rng.integers(7))
    recipe = QuantizeRecipe(
        weights=f"int{weights}",
        activations=f"uint{activations}",
        input=[None, "int8", "uint5"][rng.integers(3)],
        output=["int8", "uint6", "int4"][rng.integers(3)],
        asymmetric=bool(rng.integers(2)),
        scales=scales,
        epochs=1,
    )
    hint = f"seed {seed}, {recipe}, {model}"
    others = torch.cat([x, 3 * torch.randn(8, *x.shape[1:])])  # beyond the calibration data
    ptq = compress(model, Recipe(quantize=recipe), example=x[:1], calibration=[x]).module
    assert_equal(ptq, others, hint)
    qat = compress(
        model, Recipe(quantize=recipe), example=x[:1], calibration=[x], train=train_on(x)
    ).module
    assert_equal(qat, others, f"after a step of QAT, {hint}")
    assert any(
        not torch.equal(a, b) for a, b in zip(ptq.parameters(), qat.parameters(), strict=True)
    )


@pytest.mark.parametrize("seed", range(4))
def test_raw_accumulators(seed):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 4, 2))
    x = torch.randn(10, 2, 6, 7)
    recipe = Recipe(quantize=QuantizeRecipe(output=None))
    module = compress(model, recipe, example=x[:1], calibration=[x]).module
    network = import_torch(module, x[:1])
    assert network.output.format is None and network.output.scale.size == 4
    assert_equal(module, x, f"seed {seed}", network)


@pytest.mark.parametrize("activations", ["uint16", "int16"])
def test_sixteen_bits_stay_exact(activations):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(300, 40), nn.ReLU(), nn.Linear(40, 10))
    x = torch.randn(50, 300)
    recipe = QuantizeRecipe(weights="int16", activations=activations, output="int16")
    module = compress(model, Recipe(quantize=recipe), example=x[:1], calibration=[x]).module
    assert_equal(module, x, "seed 0")
    with torch.no_grad():
        assert float((module(x) - model(x)).abs().max()) < 1e-3  # the meaning is the model's


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.pool = nn.MaxPool2d(2, 1)
        self.block = nn.Sequential(nn.Conv2d(4, 3, 2), nn.BatchNorm2d(3))
        self.relu = nn.ReLU()
        self.drop = nn.Dropout()
        self.fc1 = nn.Linear(3 * 9, 6)
        self.fc2 = nn.Linear(6, 2)

    def forward(self, x):
        x = self.pool(self.relu(self.pool(self.conv(x))))
        x = F.max_pool2d(F.relu(self.block(x)), 2, stride=1)
        x = x.view(x.size(0), -1)
        x = F.dropout(self.relu(self.drop(self.fc1(x))), training=self.training)
        return self.fc2(x)


def test_functions_and_shared_modules():
    torch.manual_seed(1)
    model, x = Functional(), torch.randn(20, 1, 9, 9)
    module = compress(
        model, Recipe(quantize=QuantizeRecipe()), example=x[:1], calibration=[x]
    ).module
    network = import_torch(module, x[:1])
    names = [node.name for node in network.nodes]
    assert names[:5] == ["input", "conv", "conv.quant", "pool", "pool_1"]
    assert names[5:9] == ["block.0", "block.0.quant", "max_pool2d", "view"]
    assert names[9:] == ["fc1", "fc1.quant", "fc2", "fc2.quant"]
    assert_equal(module, x, "seed 1", network)
    held = nn.Sequential(module)
    assert [node.name for node in import_torch(held, x[:1]).nodes][1] == "0.conv"


@pytest.mark.parametrize("name", ["always", "a b;", "input", 'q"; x', "graph", "step\n", "é", "__"])
def test_strange_names(name):
    torch.manual_seed(2)
    model = nn.Sequential()
    model.add_module(name, nn.Conv2d(1, 2, 3))
    model.add_module("last", nn.Conv2d(2, 2, 1))
    x = torch.randn(5, 1, 5, 5)
    module = compress(
        model, Recipe(quantize=QuantizeRecipe()), example=x[:1], calibration=[x]
    ).module
    network = import_torch(module, x[:1])
    assert isinstance(network[name].op, Conv2d)
    assert_equal(module, x, name, network)


def test_a_relu_and_a_pool_on_the_input():
    torch.manual_seed(3)
    model = nn.Sequential(nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(1, 2, 2))
    x = torch.randn(9, 1, 6, 6)
    recipe = QuantizeRecipe(input="uint6")  # with a zero point
    module = compress(model, Recipe(quantize=recipe), example=x[:1], calibration=[x]).module
    network = import_torch(module, x[:1])
    assert network.input.zero_point > 0
    assert_equal(module, x, "seed 3", network)


def test_no_layer_with_weights():
    model, x = nn.Sequential(nn.MaxPool2d(2), nn.Flatten()), torch.rand(4, 1, 4, 4)
    module = compress(
        model, Recipe(quantize=QuantizeRecipe()), example=x[:1], calibration=[x]
    ).module
    assert_equal(module, x, "pool")


@pytest.mark.parametrize(("output", "shift"), [("int4", 4), ("int8", 0)])
def test_ties_round_up(output, shift):
    """Inputs, accumulators and multipliers that meet one half, where roundings differ."""
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten())
    with torch.no_grad():
        model[0].weight.fill_(1)
        model[0].bias.fill_(0)
    calibration = torch.full((1, 1, 4, 8), -128 / 64)
    recipe = QuantizeRecipe("int8", input="int8", output=output, scales="power_of_two")
    x = torch.arange(-16, 16).reshape(1, 1, 4, 8) / 128  # every second is halfway
    module = compress(model, Recipe(quantize=recipe), example=x, calibration=[calibration]).module
    network = import_torch(module, x)
    assert network.input.scale == 1 / 64
    q = network.quantize(x.numpy())
    assert np.array_equal(q.reshape(-1), np.arange(-16, 16) + 1 >> 1)
    requantize = network["0.quant"].op
    assert network["0"].op.weight == 64 and requantize.multiplier == 1
    assert requantize.shift == 6 + shift
    assert np.array_equal(network.run(q), (q + (1 << shift >> 1) >> shift).reshape(1, -1))
    assert_equal(module, x, "ties", network)


def test_dead_channels_and_layers():
    torch.manual_seed(4)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 1), nn.Flatten())
    x = torch.randn(6, 1, 5, 5)
    with torch.no_grad():
        model[0].weight[1] = 0
        model[0].bias[1] = 1
        model[0].weight[2] *= 1e-9
        model[2].weight.zero_()
    for scales in ("free", "power_of_two"):
        recipe = Recipe(quantize=QuantizeRecipe(scales=scales))
        module = compress(model, recipe, example=x[:1], calibration=[x]).module
        assert_equal(module, x, scales)


@pytest.fixture
def compressed():
    torch.manual_seed(5)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(27, 4))
    x = torch.randn(6, 1, 5, 5)
    recipe = Recipe(quantize=QuantizeRecipe())
    return compress(model, recipe, example=x[:1], calibration=[x]).module, x


def test_it_leaves_the_module_as_it_is(compressed):
    module, x = compressed
    module.train()
    module.get_submodule("0").eval()
    import_torch(module, x[:1])
    assert module.training and not module.get_submodule("0").training
    assert isinstance(import_torch(module, x[:1])["3"].op, Linear)


def test_a_float_module_is_sent_to_compress():
    with pytest.raises(NetworkError, match="call hwgen.compress"):
        import_torch(nn.Sequential(nn.Conv2d(1, 1, 1)), torch.zeros(1, 1, 3, 3))


def test_unsupported_around_a_compressed_module(compressed):
    module, x = compressed
    with pytest.raises(UnsupportedError) as error:
        import_torch(nn.Sequential(module, nn.Linear(4, 2), nn.Softmax(1)), x[:1])
    assert [(found.path, found.type) for found in error.value.found] == [
        ("1", "Linear"),
        ("2", "Softmax"),
    ]


def test_nan_names_the_layer(compressed):
    module, x = compressed
    with torch.no_grad():
        module.get_parameter("3.weight")[0, 0] = float("nan")
    with pytest.raises(FormatError, match="^3: weight must be finite"):
        import_torch(module, x[:1])
    with pytest.raises(FormatError, match="^3: weight must be finite"):
        module(x)


def test_wrong_example(compressed):
    module, _ = compressed
    with pytest.raises(NetworkError, match=r"^3: example of shape \(1, 1, 6, 6\) must fit"):
        import_torch(module, torch.zeros(1, 1, 6, 6))
    with pytest.raises(NetworkError, match="Example must be a tensor of shape"):
        import_torch(module, torch.zeros(5))
    with pytest.raises(NetworkError, match="must fit the model"):
        import_torch(module, torch.zeros(1, 5, 5))
    with pytest.raises(FormatError, match="input: input must not contain NaN"):
        module(torch.full((1, 1, 5, 5), float("nan")))
