"""From a float flow to a calibrated quantized model."""

__all__ = ["quantize_layers"]

import copy
from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor, nn

from hwgen.compression.flow import INPUT, Add, Concat, Flow, Layer
from hwgen.compression.quantize.calibration import (
    Observed,
    Placement,
    activation_placement,
    observe,
)
from hwgen.compression.quantize.fake import Step
from hwgen.compression.quantize.fold import fold_batch_norm
from hwgen.compression.quantize.layers import (
    QuantAdd,
    QuantAvgPool2d,
    QuantConcat,
    QuantConv2d,
    QuantLinear,
)
from hwgen.compression.quantize.model import QuantModel
from hwgen.compression.quantize.quantizers import QuantActivation, QuantInput, Source
from hwgen.compression.quantize.spots import Spot, place_spots
from hwgen.compression.recipe import QuantizeRecipe
from hwgen.errors import HwgenError, NetworkError
from hwgen.formats import Fixed


def quantize_layers(
    flow: Flow, recipe: QuantizeRecipe, calibration: Iterable[Tensor]
) -> QuantModel:
    """Return the quantized model of a float flow: batch norm folded, scales calibrated.

    Parameters
    ----------
    flow : from `find_layers`, in evaluation mode
    calibration : batches of real inputs

    Raises
    ------
    HwgenError : no calibration data
    FormatError : NaN, infinity, or scales that no requantizer can join; names the layer
    NetworkError : `output=None`, and the network does not end with accumulators
    """
    placed = place_spots(fold_batch_norm(flow), raw=recipe.output is None)
    return _Builder(placed, recipe, _observe(placed, calibration)).build()


@torch.no_grad()
def _observe(flow: Flow, calibration: Iterable[Tensor]) -> dict[str, Observed]:
    """Return what the float layers give on every grid."""
    seen: dict[str, Observed] = {}
    for batch in calibration:
        if not isinstance(batch, Tensor) or batch.shape[:1] == (0,):
            raise NetworkError(
                "Calibration batches must be tensors of inputs, not "
                f"{type(batch).__name__ if not isinstance(batch, Tensor) else 'empty'}; "
                "leave labels out: calibration=[inputs for inputs, _ in loader]"
            )
        if tuple(batch.shape[1:]) != flow.input_shape:
            raise NetworkError(
                f"Calibration batches must have shape (batch, "
                f"{', '.join(map(str, flow.input_shape))}) like the example, "
                f"not {tuple(batch.shape)}"
            )

        def watch(layer: Layer, value: Tensor) -> None:
            if isinstance(layer.module, Spot):
                grid = layer.module.grid
                seen[grid] = observe(seen.get(grid), value, layer.path)

        flow.run(batch.float(), watch)
    if not seen:
        raise HwgenError(
            "Calibration must hold at least one batch of inputs, not be empty; "
            "pass calibration=[batch, ...]"
        )
    return seen


class _Builder:
    def __init__(self, flow: Flow, recipe: QuantizeRecipe, seen: dict[str, Observed]):
        self._flow = flow
        self._recipe = recipe
        self._seen = seen
        self._sources: dict[str, Source] = {}  # what gives the integers of each value
        self._grids: dict[str, tuple[Fixed, Placement, Step]] = {}
        self._relus: dict[str, bool] = {}  # whether all spots of a grid have one
        for layer in flow.layers:
            if isinstance(layer.module, Spot):
                grid = layer.module.grid
                self._relus[grid] = self._relus.get(grid, True) and layer.module.relu

    def build(self) -> QuantModel:
        """Return the model."""
        layers = [replace(layer, module=self._made(layer)) for layer in self._flow.layers]
        for layer in layers:  # scales that cannot be joined are found now, not in evaluation
            if isinstance(layer.module, QuantActivation):
                layer.module.requantizer()
        return QuantModel(layers)

    def _made(self, layer: Layer) -> nn.Module:
        path, module, recipe = layer.path, layer.module, self._recipe
        sources = [self._sources[name] for name in layer.inputs if name != INPUT]
        weights = recipe.weight_format, recipe.power_of_two
        made: (
            QuantInput
            | QuantActivation
            | QuantConv2d
            | QuantLinear
            | QuantAvgPool2d
            | QuantAdd
            | QuantConcat
        )
        match module:
            case Spot():
                format, placement, step = self._grid(module, layer.inputs == (INPUT,))
                grid = path, format, placement.zero_point, step, module.relu
                made = QuantActivation(*grid, sources[0]) if sources else QuantInput(*grid)
            case nn.Conv2d():
                made = QuantConv2d(path, module, *weights, sources[0])
            case nn.Linear():
                made = QuantLinear(path, module, *weights, sources[0])
            case nn.AvgPool2d():
                made = QuantAvgPool2d(path, module, sources[0])
            case Add():
                made = QuantAdd(path, sources[0], sources[1])
            case Concat():
                made = QuantConcat(path, *sources)
            case _:  # MaxPool2d, Flatten, ArgMax; one used twice becomes two
                self._sources[path] = sources[0]
                return copy.deepcopy(module)
        self._sources[path] = made
        return made

    def _grid(self, spot: Spot, first: bool) -> tuple[Fixed, Placement, Step]:
        if spot.grid not in self._grids:
            power = self._recipe.power_of_two
            format = self._format(spot, first)
            placement = activation_placement(self._seen[spot.grid], format, power)
            self._grids[spot.grid] = format, placement, Step(placement.scale, power)
        return self._grids[spot.grid]

    def _format(self, spot: Spot, first: bool) -> Fixed:
        recipe = self._recipe
        if first:
            return recipe.input_format
        if spot.last and recipe.output_format is not None:
            return recipe.output_format
        if self._relus[spot.grid] or recipe.asymmetric:
            return recipe.activation_format
        return Fixed(recipe.activation_format.bits, signed=True)
