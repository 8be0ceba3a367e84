"""Compression of small modules, exact to the bit: torch == golden."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from hwgen.compression import QuantizeRecipe, Recipe, compress
from hwgen.importers.from_torch import import_torch
from hwgen.network import Network
from support.meanings import DifferenceError, compare_torch


def train_on(*x: torch.Tensor) -> Callable[[nn.Module, int], None]:
    """Two steps of a made-up loss, with scales that move."""

    def train(model: nn.Module, epochs: int) -> None:
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(2):
            optimizer.zero_grad()
            model(*x).pow(2).sum().backward()
            optimizer.step()

    return train


def random_recipe(rng: np.random.Generator, scales: str) -> QuantizeRecipe:
    return QuantizeRecipe(
        weights=f"int{rng.integers(2, 9)}",
        activations=f"uint{rng.integers(2, 9)}",
        input=[None, "int8", "uint5"][rng.integers(3)],
        output=["int8", "uint6", "int4"][rng.integers(3)],
        asymmetric=bool(rng.integers(2)),
        scales=scales,
        epochs=1,
    )


def assert_equal(
    module: nn.Module, x: torch.Tensor, hint: str, network: Network | None = None
) -> Network:
    """Check every node's integers and the output's reals, and return the network, which is imported
    where none is given."""
    network = network or import_torch(module, x[:1])
    try:
        compare_torch(module, network, x)
    except DifferenceError as error:
        raise AssertionError(f"{hint}: {error}") from error
    return network


def made(model, x, train=None, **settings):
    recipe = Recipe(quantize=QuantizeRecipe(**settings))
    return compress(model, recipe, example=x[:1], calibration=x.split(8), train=train).module


def small_cnn(seed=0):
    torch.manual_seed(seed)
    layers = {"conv1": nn.Conv2d(2, 6, 3), "norm": nn.BatchNorm2d(6), "relu": nn.ReLU()}
    more = {"conv2": nn.Conv2d(6, 4, 2, padding=1), "relu2": nn.ReLU(), "pool": nn.MaxPool2d(2)}
    model = nn.Sequential()
    for name, layer in {**layers, **more, "flat": nn.Flatten(), "fc": nn.Linear(16, 5)}.items():
        model.add_module(name, layer)
    return model.eval(), torch.randn(32, 2, 6, 6)
