"""From a float flow to a calibrated quantized model."""

__all__ = ["check_quantizing", "quantize_layers"]

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from hwgen.compression.flow import INPUT, Add, Concat, Flow, Layer
from hwgen.compression.quantize.bias import correct_bias
from hwgen.compression.quantize.calibrate import METHODS
from hwgen.compression.quantize.equalize import equalize
from hwgen.compression.quantize.fold import fold_batch_norm
from hwgen.compression.quantize.layers import (
    QuantAdd,
    QuantAvgPool2d,
    QuantConcat,
    QuantConv2d,
    QuantLinear,
)
from hwgen.compression.quantize.mixed import choose_formats
from hwgen.compression.quantize.model import QuantModel
from hwgen.compression.quantize.observed import Observed, Placement, observe
from hwgen.compression.quantize.quantizers import QuantActivation, QuantInput, Source
from hwgen.compression.quantize.sign import QuantSign, place_sign
from hwgen.compression.quantize.spots import Spot, place_spots
from hwgen.compression.quantize.steps import Step, make_step
from hwgen.compression.quantize.weights import WeightQuantizer, largest_bias, make_weights
from hwgen.compression.quantize_recipe import QuantizeRecipe
from hwgen.errors import FormatError, HwgenError, NetworkError
from hwgen.formats import Activation, Binary, Fixed


def quantize_layers(
    flow: Flow,
    recipe: QuantizeRecipe,
    calibration: Iterable[Tensor],
    measure: Callable[[nn.Module], float] | None = None,
) -> QuantModel:
    """Return the quantized model of a float flow: batch norm folded, scales calibrated.

    Parameters
    ----------
    flow : from `find_layers`, in evaluation mode
    calibration : batches of real inputs
    measure : cost of a quantized module, for `budget`; by default the bits of its weights

    Raises
    ------
    HwgenError : no calibration data, an unknown layer, a budget that nothing meets
    FormatError : NaN, infinity, or scales that no requantizer can join; names the layer
    NetworkError : `output=None`, and the network does not end with accumulators
    """
    batches = list(calibration)
    check_quantizing(flow, recipe, batches)
    folded = fold_batch_norm(flow)
    if recipe.equalize:
        folded = equalize(folded)
    placed = place_spots(folded, raw=recipe.output is None)
    seen = _observe(placed, batches)
    if recipe.budget is not None:
        x = torch.cat([batch.float() for batch in batches])
        costed = recipe

        def cost_of(formats: Mapping[str, str]) -> float:
            assert measure is not None
            layers = {**formats, **costed.layers}
            built = _Builder(placed, replace(costed, layers=layers, budget=None), seen).build()
            return float(measure(QuantModel(built).eval()))

        chosen = choose_formats(folded, recipe, x, cost_of if measure else None)
        recipe = replace(recipe, layers={**chosen, **recipe.layers}, budget=None)
    layers = _Builder(placed, recipe, seen).build()
    if recipe.correct_bias:
        model = QuantModel(layers).eval()
        correct_bias(placed, layers, batches)
        return model
    return QuantModel(layers)


def check_quantizing(flow: Flow, recipe: QuantizeRecipe, batches: Sequence[Tensor]) -> None:
    """Find what would fail later, now.

    Raises
    ------
    HwgenError : no calibration data, or an unknown layer
    NetworkError : calibration data that does not fit the flow
    """
    paths = [la.path for la in flow.layers if isinstance(la.module, (nn.Conv2d, nn.Linear))]
    for path in recipe.layers:
        if path not in paths:
            raise HwgenError(
                f"Layers must be a Conv2d or Linear of the model, not {path!r}; "
                f"there are {', '.join(paths) or 'none'}"
            )
    if not batches:
        raise HwgenError(
            "Calibration must hold at least one batch of inputs, not be empty; "
            "pass calibration=[batch, ...]"
        )
    for batch in batches:
        if batch.shape[:1] == (0,):
            raise NetworkError("Calibration batches must hold inputs, not empty ones")
        if tuple(batch.shape[1:]) != flow.input_shape:
            raise NetworkError(
                f"Calibration batches must have shape (batch, "
                f"{', '.join(map(str, flow.input_shape))}) like the example, "
                f"not {tuple(batch.shape)}"
            )


@torch.no_grad()
def _observe(flow: Flow, calibration: Iterable[Tensor]) -> dict[str, Observed]:
    """Return what the float layers give on every grid."""
    seen: dict[str, Observed] = {}

    def watch(layer: Layer, value: Tensor) -> None:
        if isinstance(layer.module, Spot):
            grid = layer.module.grid
            seen[grid] = observe(seen.get(grid), value, layer.path)

    for batch in calibration:
        flow.run(batch.float(), watch)
    return seen


class _Builder:
    def __init__(self, flow: Flow, recipe: QuantizeRecipe, seen: dict[str, Observed]):
        self._flow = flow
        self._recipe = recipe
        self._seen = seen
        self._sources: dict[str, Source] = {}  # what gives the integers of each value
        self._grids: dict[str, tuple[Activation, Placement, Step]] = {}
        self._relus: dict[str, bool] = {}  # whether all spots of a grid have one
        for layer in flow.layers:
            if isinstance(layer.module, Spot):
                grid = layer.module.grid
                self._relus[grid] = self._relus.get(grid, True) and layer.module.relu

    def build(self) -> list[Layer]:
        """Return the quantized layers."""
        layers = [replace(layer, module=self._made(layer)) for layer in self._flow.layers]
        for layer in layers:  # scales that cannot be joined are found now, not in evaluation
            if isinstance(layer.module, QuantActivation):
                layer.module.requantizer()
        return layers

    def _made(self, layer: Layer) -> nn.Module:
        path, module = layer.path, layer.module
        sources = [self._sources[name] for name in layer.inputs if name != INPUT]
        made: (
            QuantInput
            | QuantActivation
            | QuantSign
            | QuantConv2d
            | QuantLinear
            | QuantAvgPool2d
            | QuantAdd
            | QuantConcat
        )
        match module:
            case Spot():
                format, placement, step = self._grid(module, layer.inputs == (INPUT,))
                zero = placement.zero_point
                if not sources:
                    made = QuantInput(path, format, zero, step, module.relu)
                elif isinstance(format, Binary):
                    made = QuantSign(path, step, sources[0])
                else:
                    made = QuantActivation(path, format, zero, step, module.relu, sources[0])
            case nn.Conv2d():
                made = QuantConv2d(path, module, *self._weights(module, path, sources[0]))
            case nn.Linear():
                made = QuantLinear(path, module, *self._weights(module, path, sources[0]))
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

    def _weights(
        self, module: nn.Conv2d | nn.Linear, path: str, source: Source
    ) -> tuple[WeightQuantizer, Source, int | None]:
        recipe = self._recipe
        bits = recipe.accumulator
        format = recipe.layer_weights(path)
        quantizer = make_weights(module.weight, format, recipe, source.bound(), path)
        return quantizer, source, None if bits is None else largest_bias(bits)

    def _grid(self, spot: Spot, first: bool) -> tuple[Activation, Placement, Step]:
        if spot.grid not in self._grids:
            recipe = self._recipe
            format = self._format(spot, first)
            seen, power = self._seen[spot.grid], recipe.power_of_two
            if isinstance(format, Binary):
                placement = place_sign(seen, power)
            else:
                placement = METHODS[recipe.calibration](seen, format, power)
            step = make_step(recipe.steps, placement.scale, recipe.power_of_two)
            self._grids[spot.grid] = format, placement, step
        return self._grids[spot.grid]

    def _format(self, spot: Spot, first: bool) -> Activation:
        recipe = self._recipe
        if first:
            return recipe.input_format
        if spot.last and recipe.output_format is not None:
            return recipe.output_format
        format = self._own_format(spot.grid) or recipe.activation_format
        if isinstance(format, Binary) or self._relus[spot.grid] or recipe.asymmetric:
            return format
        return Fixed(format.bits, signed=True)

    def _own_format(self, grid: str) -> Activation | None:
        """Return what `layers` says about the layers before a grid."""
        found: dict[Activation, str] = {}
        for layer in self._flow.layers:
            if isinstance(layer.module, Spot) and layer.module.grid == grid:
                source = layer.inputs[0]
                format = self._recipe.layer_activations(source)
                if format is not None:
                    found[format] = source
        if len(found) > 1:
            raise FormatError(
                f"Layers {' and '.join(found.values())} must have outputs of one format, because "
                f"they are concatenated, not {' and '.join(map(str, found))}"
            )
        return next(iter(found), None)
