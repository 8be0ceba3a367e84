"""From float layers to a calibrated quantized model."""

__all__ = ["quantize_layers"]

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hwgen.compression.quantize.calibration import Observed, activation_placement, observe
from hwgen.compression.quantize.fold import fold_batch_norm
from hwgen.compression.quantize.layers import (
    QuantActivation,
    QuantConv2d,
    QuantInput,
    Quantizer,
    QuantLinear,
    QuantModel,
    Weighted,
)
from hwgen.compression.recipe import QuantizeRecipe
from hwgen.compression.trace import Layer
from hwgen.errors import HwgenError, NetworkError
from hwgen.formats import Fixed


@dataclass(frozen=True)
class _Spot:
    """A place for a quantizer: after the layer before it, with a ReLU or not."""

    path: str
    relu: bool


_Item = tuple[str, nn.Module | _Spot]


def quantize_layers(
    layers: Sequence[Layer], recipe: QuantizeRecipe, calibration: Iterable[Tensor]
) -> QuantModel:
    """Return the quantized model of float layers: batch norm folded, scales calibrated.

    A quantizer stands at the input and after every layer with weights, with the ReLU in its
    clamp. A ReLU after a pool or flatten moves before it, which changes nothing.

    Parameters
    ----------
    layers : from `find_layers`, in evaluation mode
    calibration : batches of real inputs

    Raises
    ------
    HwgenError : no calibration data
    FormatError : NaN, infinity, or scales that no requantizer can join; names the layer
    NetworkError : `output=None`, and the network does not end with a layer that has weights
    """
    items = _arrange(fold_batch_norm(layers))
    if recipe.output is None:
        items = _without_last_quantizer(items)
    seen = _run(items, calibration)
    return _build(items, recipe, seen)


def _arrange(layers: Sequence[Layer]) -> list[_Item]:
    """Put a spot at the input and after every layer with weights, and ReLUs into the spots."""
    names = {layer.path.split(".")[0] for layer in layers}
    start = "input"
    while start in names:
        start += "_"
    items: list[_Item] = [(start, _Spot(start, relu=False))]
    last = 0  # index of the latest spot
    for layer in layers:
        if isinstance(layer.module, nn.ReLU):
            _, spot = items[last]
            assert isinstance(spot, _Spot)
            if not spot.relu:
                if last == 0:  # the input itself has a ReLU: it needs a quantizer of its own
                    path = layer.path if layer.written else f"{start}.relu"
                    last = len(items)
                    items.append((path, _Spot(path, relu=True)))
                else:
                    path = layer.path if layer.written else spot.path
                    items[last] = (path, _Spot(path, relu=True))
            continue
        items.append((layer.path, layer.module))
        if isinstance(layer.module, (nn.Conv2d, nn.Linear)):
            last = len(items)
            path = f"{layer.path}.quant"
            items.append((path, _Spot(path, relu=False)))
    return items


def _without_last_quantizer(items: list[_Item]) -> list[_Item]:
    path, spot = items[-1]
    if not isinstance(spot, _Spot) or spot.relu or len(items) == 1:
        raise NetworkError(
            f"{path}: output=None needs a network that ends with a Conv2d or Linear, without "
            "ReLU, pool or flatten after it; give the output a format such as int8"
        )
    return items[:-1]


@torch.no_grad()
def _run(items: Sequence[_Item], calibration: Iterable[Tensor]) -> dict[str, Observed]:
    """Return what the float layers give at every spot."""
    seen: dict[str, Observed] = {}
    for batch in calibration:
        if not isinstance(batch, Tensor) or batch.shape[:1] == (0,):
            raise NetworkError(
                "Calibration batches must be tensors of inputs, not "
                f"{type(batch).__name__ if not isinstance(batch, Tensor) else 'empty'}; "
                "leave labels out: calibration=[inputs for inputs, _ in loader]"
            )
        x = batch.float()
        for path, item in items:
            try:
                if isinstance(item, nn.Module):
                    x = item(x)
                    continue
            except RuntimeError as error:
                raise NetworkError(
                    f"{path}: calibration batch of shape {tuple(batch.shape)} must fit the "
                    f"model; torch says: {str(error).splitlines()[0]}"
                ) from error
            x = torch.relu(x) if item.relu else x
            seen[path] = observe(seen.get(path), x, path)
    if not seen:
        raise HwgenError(
            "Calibration must hold at least one batch of inputs, not be empty; "
            "pass calibration=[batch, ...]"
        )
    return seen


def _build(items: Sequence[_Item], recipe: QuantizeRecipe, seen: dict[str, Observed]) -> QuantModel:
    spots = [path for path, item in items if isinstance(item, _Spot)]
    power = recipe.power_of_two
    built: list[tuple[str, nn.Module]] = []
    source: Weighted | Quantizer | None = None  # the latest that gave integers
    for path, item in items:
        made: nn.Module
        if isinstance(item, _Spot):
            format = _format(recipe, item.relu, first=source is None, last=path == spots[-1])
            placement = activation_placement(seen[path], format, power)
            if source is None:
                made = source = QuantInput(path, format, placement, power, relu=False)
            else:
                made = source = QuantActivation(path, format, placement, power, item.relu, source)
        elif isinstance(item, nn.Conv2d):
            assert isinstance(source, Quantizer)
            made = source = QuantConv2d(path, item, recipe.weight_format, power, source)
        elif isinstance(item, nn.Linear):
            assert isinstance(source, Quantizer)
            made = source = QuantLinear(path, item, recipe.weight_format, power, source)
        else:
            made = copy.deepcopy(item)  # a pool used twice becomes two
        built.append((path, made))
    model = QuantModel(built)
    for _, module in built:  # scales that cannot be joined are found now, not in evaluation
        if isinstance(module, QuantActivation):
            module.requantizer()
    return model


def _format(recipe: QuantizeRecipe, relu: bool, first: bool, last: bool) -> Fixed:
    if first:
        return recipe.input_format
    if last and recipe.output_format is not None:
        return recipe.output_format
    if relu or recipe.asymmetric:
        return recipe.activation_format
    return Fixed(recipe.activation_format.bits, signed=True)
