"""From a float graph to a calibrated quantized model."""

__all__ = ["check_quantizing", "place_layers", "quantize_layers"]

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from hwgen.compression.quantize.bias import correct_bias
from hwgen.compression.quantize.equalize import equalize
from hwgen.compression.quantize.fold import fold_batch_norm
from hwgen.compression.quantize.grids import Grid, Seen, place_grids, see
from hwgen.compression.quantize.layers import (
    QuantAbove,
    QuantAdd,
    QuantAffine,
    QuantAvgPool,
    QuantConcat,
    QuantConv1d,
    QuantConv2d,
    QuantHostLayer,
    QuantLinear,
    QuantMaximum,
    QuantMinimum,
    QuantMultiply,
    QuantPositionScale,
    QuantRearrange,
    QuantTable,
    QuantZeroPad,
    Weighted,
)
from hwgen.compression.quantize.layers.integers import is_binary
from hwgen.compression.quantize.mixed import choose_formats
from hwgen.compression.quantize.model import QuantModel
from hwgen.compression.quantize.points import QuantizationPoint, place_points
from hwgen.compression.quantize.quantizers import QuantActivation, QuantInput, Quantizer, Source
from hwgen.compression.quantize.scale_limits import (
    ScaleLimits,
    after_requantizer,
    without_requantizer,
)
from hwgen.compression.quantize.sign import QuantSign
from hwgen.compression.quantize.transposed import expand_transposed
from hwgen.compression.quantize.weights import (
    WeightQuantizer,
    factor_format,
    largest_bias,
    make_weights,
)
from hwgen.compression.recipes.quantize_recipe import QuantizeRecipe
from hwgen.errors import HwgenError, NetworkError
from hwgen.formats import Binary, Codebook, Fixed, Format
from hwgen.torch_graph.batches import Batch, joined, tensors_of
from hwgen.torch_graph.float_graph import FloatGraph, FloatNode, input_name, is_input
from hwgen.torch_graph.modules import (
    Above,
    Add,
    Affine,
    AvgPool,
    Concat,
    HostLayer,
    Maximum,
    Minimum,
    Multiply,
    PositionScale,
    Rearrange,
    ZeroPad,
)
from hwgen.torch_graph.support import WEIGHTED as CONVERTED

FAR = 4.0  # times the largest bias that matters: scales move in training
UNLIMITED = 2.0**62  # of a bias
DISPROPORTION = 2.0**16  # of a bias and a channel's largest product, in a bounded accumulator


def quantize_layers(
    graph: FloatGraph,
    recipe: QuantizeRecipe,
    calibration: Iterable[Batch],
    measure: Callable[[nn.Module], float] | None = None,
) -> QuantModel:
    """Return the quantized model of a float graph: batch norm folded, scales calibrated.

    Parameters
    ----------
    graph : from `float_graph_of`, in evaluation mode
    calibration : batches of real inputs
    measure : cost of a quantized module, for `budget`; by default the bits of its weights

    Raises
    ------
    HwgenError : no calibration data, an unknown layer, a budget that nothing meets
    FormatError : NaN, infinity, or scales that no requantizer can join; names the layer
    NetworkError : `output=None`, and the network does not end with accumulators
    """
    batches = list(calibration)
    check_quantizing(graph, recipe, batches)
    placed = place_layers(graph, recipe)
    seen = see(placed, batches)
    if recipe.budget is not None:
        x = joined(batches)
        costed = recipe

        def cost_of(formats: Mapping[str, str]) -> float:
            assert measure is not None
            layers = {**formats, **costed.layers}
            tried = _Builder(placed, replace(costed, layers=layers, budget=None), seen).build()
            return float(measure(QuantModel(tried).eval()))

        chosen = choose_formats(placed, recipe, x, cost_of if measure else None)
        recipe = replace(recipe, layers={**chosen, **recipe.layers}, budget=None)
    built = _Builder(placed, recipe, seen).build()
    model = QuantModel(built)
    if recipe.correct_bias:
        model.eval()
        correct_bias(placed, built, batches)
    return model


def place_layers(graph: FloatGraph, recipe: QuantizeRecipe) -> FloatGraph:
    """Return the float graph that is quantized: batch norm folded, transposed convolutions as
    others, points in it.

    Raises
    ------
    NetworkError : `output=None`, and the network does not end with accumulators
    """
    folded = fold_batch_norm(graph, lambda path: isinstance(recipe.layer_weights(path), Fixed))
    if recipe.equalize:
        folded = equalize(folded)
    return place_points(expand_transposed(folded), raw=recipe.output is None)


def check_quantizing(graph: FloatGraph, recipe: QuantizeRecipe, batches: Sequence[Batch]) -> None:
    """Find what would fail later, now.

    Raises
    ------
    HwgenError : no calibration data, or an unknown layer
    NetworkError : calibration data that does not fit the graph
    """
    paths = [la.path for la in graph.layers if isinstance(la.module, CONVERTED)]
    for path in recipe.layers:
        if path not in paths:
            raise HwgenError(
                f"Layers must be a convolution or Linear of the model, not {path!r}; "
                f"there are {', '.join(paths) or 'none'}"
            )
    if not batches:
        raise HwgenError(
            "Calibration must hold at least one batch of inputs, not be empty; "
            "pass calibration=[batch, ...]"
        )
    for batch in batches:
        for (key, shape), x in zip(graph.entries.items(), tensors_of(batch), strict=True):
            if x.shape[:1] == (0,):
                raise NetworkError("Calibration batches must hold inputs, not empty ones")
            if tuple(x.shape[1:]) != shape:
                of = f" of {input_name(key)}" if len(graph.entries) > 1 else ""
                raise NetworkError(
                    f"Calibration batches{of} must have shape (batch, "
                    f"{', '.join(map(str, shape))}) like the example, not {tuple(x.shape)}"
                )


WEIGHTED: dict[type[nn.Module], Callable[..., Weighted]] = {
    nn.Conv1d: QuantConv1d,
    nn.Conv2d: QuantConv2d,
    nn.Linear: QuantLinear,
    Affine: QuantAffine,
}
WITHOUT_WEIGHTS: dict[type[nn.Module], Callable[[str, Any, list[Source]], nn.Module]] = {
    AvgPool: lambda path, module, sources: QuantAvgPool(path, module, sources[0]),
    PositionScale: lambda path, module, sources: QuantPositionScale(path, module, sources[0]),
    Add: lambda path, module, sources: QuantAdd(path, module.factors, sources),
    Concat: lambda path, module, sources: QuantConcat(path, *sources),
    Multiply: lambda path, module, sources: QuantMultiply(path, *sources),
    Maximum: lambda path, module, sources: QuantMaximum(path, *sources),
    Minimum: lambda path, module, sources: QuantMinimum(path, *sources),
    Rearrange: lambda path, module, sources: QuantRearrange(
        path, module, sources[0], is_binary(sources[0])
    ),
    Above: lambda path, module, sources: QuantAbove(module, sources[0]),
    HostLayer: lambda path, module, sources: QuantHostLayer(module.kind, module.axis),
}


class _Builder:
    def __init__(self, graph: FloatGraph, recipe: QuantizeRecipe, seen: Seen):
        self._graph = graph
        self._recipe = recipe
        self._reach = seen.reach
        self._grids = place_grids(graph, recipe, seen)
        self._sources: dict[str, Source] = {}  # what gives the integers of each value
        self._behind: dict[str, list[Grid]] = {}  # grids of what requantizes a layer's values
        for layer in graph.layers:
            if isinstance(layer.module, QuantizationPoint):
                of = self._behind.setdefault(layer.inputs[0], [])
                of.append(self._grids[layer.module.grid])

    def build(self) -> FloatGraph:
        """Return the graph of quantized layers."""
        layers = [replace(layer, module=self._made(layer)) for layer in self._graph.layers]
        for layer in layers:  # scales that cannot be joined are found now, not in evaluation
            if isinstance(layer.module, QuantActivation):
                layer.module.requantizer()
            elif isinstance(layer.module, QuantTable):
                layer.module.entries()
        return self._graph.with_layers(layers)

    def _made(self, layer: FloatNode) -> nn.Module:
        path, module = layer.path, layer.module
        sources = [self._sources[name] for name in layer.inputs if not is_input(name)]
        made: Any
        if isinstance(module, QuantizationPoint):
            made = self._quantizer(module, path, sources)
        elif type(module) in WEIGHTED:
            kind = WEIGHTED[type(module)]
            made = kind(path, module, *self._weights(module, path, sources[0]))
        elif type(module) in WITHOUT_WEIGHTS:
            made = WITHOUT_WEIGHTS[type(module)](path, module, sources)
        elif isinstance(module, ZeroPad):
            self._sources[path] = sources[0]
            return QuantZeroPad(module, sources[0])
        else:  # MaxPool, Flatten, ArgMax; one used twice becomes two
            self._sources[path] = sources[0]
            return copy.deepcopy(module)
        self._sources[path] = made
        quantized: nn.Module = made
        return quantized

    def _quantizer(self, point: QuantizationPoint, path: str, sources: list[Source]) -> Quantizer:
        grid = self._grids[point.grid]
        format, step, zero = grid.format, grid.step, grid.placement.zero_point
        if not sources:
            return QuantInput(path, format, zero, step, point.clamp)
        if point.curve is not None:
            curve = copy.deepcopy(point.curve)
            return QuantTable(path, format, zero, step, point.clamp, curve, sources[0])
        if isinstance(format, Binary):
            return QuantSign(path, step, sources[0])
        return QuantActivation(path, format, zero, step, point.clamp, sources[0])

    def _weights(
        self, module: nn.Module, path: str, source: Source
    ) -> tuple[WeightQuantizer, Source, Tensor]:
        recipe, weight = self._recipe, module.get_parameter("weight")
        reach, step = self._reach[path], float(source.output_scale())
        sums = weight[0].numel() * source.bound()
        behind = [grid for grid in self._behind.get(path, []) if isinstance(grid.format, Fixed)]
        steps = [float(grid.step.exact()) for grid in behind]
        spans = [grid.format.hi - grid.format.lo for grid in behind]
        if behind:
            limits = after_requantizer(reach, step, min(steps), max(spans), sums)
        else:
            limits = without_requantizer(reach, step, sums)
        bias, limit = module.get_parameter("bias").double(), torch.full_like(reach, UNLIMITED)
        if isinstance(module, Affine):  # whatever the recipe says of the weights of the others
            recipe = replace(recipe, accumulator=None, asymmetric_weights=False)
        if recipe.accumulator is not None:
            limit.fill_(largest_bias(recipe.accumulator))
            limits = _bounded(limits, weight, bias / step, limit, source.bound())
        format = recipe.layer_weights(path)
        if isinstance(module, Affine):
            format = factor_format(weight, recipe, limits)
        quantizer = make_weights(weight, format, recipe, source.bound(), path, limits)
        if behind:  # a bias that no sum can bring back to where the output ends is as good as less
            unit = step * quantizer.scale(weight)
            outputs = max(s * n for s, n in zip(steps, spans, strict=True)) / unit
            limit = torch.minimum(limit, torch.ceil(FAR * (sums * _most(format) + outputs)))
        return quantizer, source, limit


def _bounded(
    limits: ScaleLimits, weight: Tensor, bias: Tensor, largest: Tensor, bound: int
) -> ScaleLimits:
    """Return limits that leave biases room in a bounded accumulator.

    A bias out of all proportion to a channel's largest product is clamped instead, as one that
    training drives away is, so that weights are left; if float32 did not lose them already.
    """
    limits = limits.at_least(bias.abs() / largest)
    most = weight.detach().double().abs().flatten(1).amax(1)
    beside = bias.abs() / (most * bound)  # infinite, or NaN, where there are no weights
    absurd = (beside > DISPROPORTION) & (beside < 1 / torch.finfo(torch.float32).eps)
    return replace(limits, least=torch.where(absurd, limits.least.clamp(max=most), limits.least))


def _most(format: Format) -> int:
    """Return a bound of the magnitude of weights."""
    if isinstance(format, Codebook):
        return 1 << (format.entry_bits - 1)
    return max(-format.lo, format.hi)
