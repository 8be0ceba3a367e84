"""Trying an idiom: compressed and imported as written, and what torch and golden say of it."""

__all__ = ["Tried", "compressed", "outputs_of", "tried"]

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import hwgen
from hwgen.compression.recipes.quantize_recipe import QuantizeRecipe
from hwgen.compression.recipes.recipe import Recipe
from support.idioms.idiom import Idiom


@dataclass(frozen=True)
class Tried:
    """A network, its inputs as integers, and the outputs of torch and of golden by name."""

    network: Any
    x: Any
    torch: dict[str, Any]
    golden: dict[str, Any]

    def check(self, name: str) -> None:
        """Compare them in every bit."""
        assert self.torch.keys() == self.golden.keys(), name
        for output, y in self.torch.items():
            assert np.array_equal(y, self.golden[output].reshape(y.shape)), f"{name}: {output}"


def compressed(idiom: Idiom, **settings: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the compressed model, its quantization calibrated on a batch, and that batch."""
    model, inputs = idiom.made()
    batch = inputs[0] if len(inputs) == 1 else inputs
    example = inputs[0][:1] if len(inputs) == 1 else tuple(x[:1] for x in inputs)
    recipe = Recipe(quantize=QuantizeRecipe(**settings))
    done = hwgen.compress(model, recipe, example=example, calibration=[batch])
    return done.module, inputs


def tried(idiom: Idiom, **settings: Any) -> Tried:
    """Compress and import an idiom, and run it on 64 inputs."""
    module, inputs = compressed(idiom, **settings)
    example = inputs[0][:1] if len(inputs) == 1 else tuple(x[:1] for x in inputs)
    network = hwgen.import_torch(module, example)
    with torch.no_grad():
        theirs = outputs_of(module.eval()(*inputs))
    arrays = tuple(x.numpy() for x in inputs)
    x = network.quantize(arrays[0] if len(arrays) == 1 else arrays)
    ours = outputs_of(network.dequantize(network.run(x)))
    return Tried(network, x, theirs, dict(zip(theirs, ours.values(), strict=True)))


def outputs_of(value: Any) -> dict[str, Any]:
    """Return a forward's outputs by name, whatever holds them, as float64."""
    if isinstance(value, dict):
        return {name: np.asarray(y, np.float64) for name, y in value.items()}
    if isinstance(value, (tuple, list)):
        return {f"output_{n}": np.asarray(y, np.float64) for n, y in enumerate(value)}
    return {"output": np.asarray(value, np.float64)}
