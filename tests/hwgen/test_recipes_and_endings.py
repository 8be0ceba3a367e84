"""Every option of a recipe with every ending of a network: bit-exact, or one line that says why."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import hwgen
from hwgen.compression import QuantizeRecipe, Recipe, compress
from hwgen.errors import HwgenError
from hwgen.importers.from_torch import import_torch

pytestmark = pytest.mark.usefixtures("one_thread")
X = torch.randn(8, 2, 4, 4, generator=torch.Generator().manual_seed(0))


class Ending(nn.Module):
    """Two convolutions, and what a network ends with."""

    def __init__(self, end):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.norm, self.b = (
            nn.Conv2d(2, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.Conv2d(4, 4, 1),
        )
        self.fc, self.fc_norm = nn.Linear(64, 3), nn.BatchNorm1d(3)
        self.end = end

    def forward(self, x):
        return self.end(self, torch.relu(self.norm(self.a(x))))


ENDINGS = {
    "linear": lambda m, x: m.fc(x.flatten(1)),
    "norm": lambda m, x: m.fc_norm(m.fc(x.flatten(1))),
    "relu": lambda m, x: torch.relu(m.fc(x.flatten(1))),
    "argmax": lambda m, x: m.fc(x.flatten(1)).argmax(1),
    "argmax, keepdim": lambda m, x: m.fc(x.flatten(1)).argmax(1, keepdim=True),
    "convolution": lambda m, x: m.b(x),
    "pool": lambda m, x: nn.functional.max_pool2d(m.b(x), 2),
    "mean": lambda m, x: m.b(x).mean((2, 3)),
    "sum": lambda m, x: m.b(x) + x,
    "concatenation": lambda m, x: torch.cat([m.b(x), x], 1),
    "argmax of a mean": lambda m, x: m.b(x).mean((2, 3)).argmax(1),
}
INT4 = QuantizeRecipe("int4", "uint4", epochs=0, correct_bias=True)
INT8 = QuantizeRecipe.int8()
OPTIONS = {
    "int8": INT8,
    "raw": replace(INT8, output=None),
    "equalize": replace(INT4, equalize=True, per_channel=False, calibration="mse"),
    "powers": replace(INT8, scales="power_of_two"),
    "asymmetric": replace(INT8, asymmetric=True, asymmetric_weights=True),
    "accumulator": replace(INT4, accumulator=16),
    "budget": replace(INT8, budget=1000),
    "binary": replace(INT4, weights="binary", activations="binary", input="int4"),
    "book": replace(INT4, weights="cb2:8"),
    "training": replace(INT4, frozen_norms=1, tune=1, epochs=1, drop=0.0, steps="lsq"),
    "incremental": replace(INT4, weights="pot4", incremental=(0.5, 1.0), epochs=1),
}
RAW = "output=None needs a network that ends with a convolution or Linear"


def train(model: nn.Module, epochs: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(epochs):
        optimizer.zero_grad()
        y = model(X)
        if y.requires_grad:  # not behind an argmax
            y.square().mean().backward()
            optimizer.step()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.filterwarnings("ignore::hwgen.errors.HwgenWarning")
def test_every_option_with_every_ending(option, ending):
    recipe = OPTIONS[option]
    model = Ending(ENDINGS[ending])
    options = {"calibration": [X], "train": train, "evaluate": lambda module: 0.5}
    try:
        done = compress(model, Recipe(quantize=recipe), **options)
    except HwgenError as error:
        assert option == "raw" and RAW in str(error) and ending not in ("linear", "norm"), error
        # the way out that it names
        done = compress(model, Recipe(quantize=QuantizeRecipe("int8", "uint8")), **options)
    network = import_torch(done, X)
    with torch.no_grad():
        real = done.module(X).numpy()
    tensor = network.output
    shape = (len(X), *tensor.shape)
    scale = tensor.scale.reshape(-1, *[1] * (len(tensor.shape) - 1))
    expected = np.rint(real.reshape(shape) / scale) + tensor.zero_point
    assert np.array_equal(network.run(network.quantize(X.numpy())), expected)


def test_the_cost_of_a_network_that_ends_with_argmax():
    cost = hwgen.hardware_cost("cycles", calibration=[X], goal="min area")
    assert cost(Ending(ENDINGS["argmax"])) > 64
