"""The grids of all values: where they lie by the calibration data, and by what they are added to.

Zeros alone say nothing about a scale. Where a ReLU made them, the grid reaches as far as what
entered it; a branch of zeros that is added takes the grid of what it is added to. So does one too
small to count there: the multipliers of a sum can join scales that are less than 2**15 apart, and
those of three and more, whatever they are, if they are less than 2**5 apart.
"""

__all__ = ["Grid", "Seen", "place_grids", "see"]

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hwgen.compression.quantize.calibrate import METHODS
from hwgen.compression.quantize.learned_scales import LearnedScale, make_scale
from hwgen.compression.quantize.observed import Observed, Placement, observe
from hwgen.compression.quantize.points import ACCUMULATING, PASSING, QuantizationPoint
from hwgen.compression.quantize.sign import place_sign
from hwgen.compression.recipes.quantize_recipe import QuantizeRecipe
from hwgen.errors import FormatError
from hwgen.formats import Activation, Binary, Fixed
from hwgen.torch_graph.batches import Batch, mapped
from hwgen.torch_graph.float_graph import FloatGraph, FloatNode, is_input
from hwgen.torch_graph.modules import Add

APART = 2.0**10  # scales of two summands; beyond it the smaller one counts for nothing
APART_OF_SEVERAL = 2.0**3  # of three and more
NOTHING = 2.0**-8  # of a step of the other summand
Summand = tuple[str, float]  # its grid, and what it counts for
LEAST_TABLED, MOST_TABLED = 8, 10  # bits of what enters a table, where the recipe does not say


@dataclass(frozen=True)
class Seen:
    """What the float layers gave on the calibration data.

    grids : of the values on every grid
    reach : of accumulators, and of all that a point takes, by path, the largest magnitude of each
        channel, (channels,) float64
    """

    grids: dict[str, Observed] = field(default_factory=dict)
    reach: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Grid:
    """One grid, which several quantizers may share."""

    format: Activation
    placement: Placement
    step: LearnedScale


@torch.no_grad()
def see(graph: FloatGraph, calibration: Iterable[Batch]) -> Seen:
    """Run the float layers on the calibration data.

    Raises
    ------
    FormatError : a value on a grid is NaN or infinite; names the layer
    """
    seen = Seen()
    # Not all of them accumulate: a ReLU that cannot move takes what a concatenation or pool passes.
    taken = {
        layer.inputs[0] for layer in graph.layers if isinstance(layer.module, QuantizationPoint)
    }

    def watch(layer: FloatNode, value: Tensor) -> None:
        if isinstance(layer.module, QuantizationPoint):
            grid = layer.module.grid
            seen.grids[grid] = observe(seen.grids.get(grid), value, layer.path)
        if isinstance(layer.module, ACCUMULATING) or layer.path in taken:
            most = value.detach().double().abs().transpose(0, 1).flatten(1).amax(1)
            seen.reach[layer.path] = torch.maximum(seen.reach.get(layer.path, most), most)

    for batch in calibration:
        graph.run(mapped(batch, Tensor.float), watch)
    return seen


def place_grids(graph: FloatGraph, recipe: QuantizeRecipe, seen: Seen) -> dict[str, Grid]:
    """Return the grids by their names.

    Parameters
    ----------
    graph : with points

    Raises
    ------
    FormatError : layers that share a grid are to have different formats
    """
    placer = _Placer(graph, recipe, seen)
    placer.join_summands()
    return {
        name: Grid(
            format, placement, make_scale(recipe.steps, placement.scale, recipe.power_of_two)
        )
        for name, (format, placement) in placer.placed.items()
    }


class _Placer:
    def __init__(self, graph: FloatGraph, recipe: QuantizeRecipe, seen: Seen):
        self._graph = graph
        self._recipe = recipe
        self._reach: dict[str, float] = {}  # largest magnitude on each grid
        self.placed: dict[str, tuple[Activation, Placement]] = {}
        points = [layer for layer in graph.layers if isinstance(layer.module, QuantizationPoint)]
        self._sources: dict[str, list[str]] = {}  # what the points of a grid take
        self._makers: dict[str, list[str]] = {}  # the layers that `layers` speaks of
        self._positive: dict[str, bool] = {}  # whether no point of a grid lets less than 0 through
        self._before: set[str] = set()  # grids of what enters curves
        for layer in points:
            assert isinstance(layer.module, QuantizationPoint)
            point, grid = layer.module, layer.module.grid
            self._sources.setdefault(grid, []).append(layer.inputs[0])
            self._makers.setdefault(grid, []).append(self._maker(layer))
            curved = point.curve is not None and seen.grids[grid].lo >= 0
            positive = point.clamp[0] >= 0 or curved
            self._positive[grid] = self._positive.get(grid, True) and positive
            if point.before:
                self._before.add(grid)
        for layer in points:
            assert isinstance(layer.module, QuantizationPoint)
            if layer.module.grid not in self.placed:
                self._place(layer.module, seen, is_input(layer.inputs[0]))

    def _place(self, point: QuantizationPoint, seen: Seen, first: bool) -> None:
        recipe, grid = self._recipe, point.grid
        values = seen.grids[grid]
        if values.lo == values.hi == 0:
            behind = [
                float(seen.reach[name].max()) for name in self._sources[grid] if not is_input(name)
            ]
            values = observe(None, values.sample.new_tensor([max(behind, default=0.0)]), grid)
        format = self._format(point, first)
        if isinstance(format, Binary):
            placement = place_sign(values, recipe.power_of_two)
        else:
            placement = METHODS[recipe.calibration](values, format, recipe.power_of_two)
        self._reach[grid] = max(-values.lo, values.hi)
        self.placed[grid] = format, placement

    def join_summands(self) -> None:
        """Bring the scales of what is added close enough for a sum."""
        on: dict[str, str] = {}  # the grid of each value
        pairs: list[tuple[Summand, Summand, float]] = []
        for layer in self._graph.layers:
            if isinstance(layer.module, QuantizationPoint):
                on[layer.path] = layer.module.grid
            elif isinstance(layer.module, Add):
                grids = [on[name] for name in layer.inputs]
                factors = [abs(by) for by in layer.module.factors]
                each = list(zip(grids, factors, strict=True))
                apart = APART if len(each) == 2 else APART_OF_SEVERAL
                pairs += [(one, other, apart) for n, one in enumerate(each) for other in each[:n]]
            elif all(name in on for name in layer.inputs):  # values pass, or become accumulators
                on[layer.path] = on[layer.inputs[0]]
        for _ in range(len(pairs) + 1):  # each round may raise what another sum has
            for a, b, apart in pairs:
                if self._reach[a[0]] == 0 or self._reach[b[0]] == 0:
                    self._join_zeros(a, b)
                else:
                    small, large = sorted((b, a), key=self._worth)
                    self._join(small, large, apart)

    def _join_zeros(self, a: Summand, b: Summand) -> None:
        for (zeros, by), other in ((a, b), (b, a)):
            if self._reach[zeros] == 0 and self._reach[other[0]] > 0:
                self._rescale(zeros, self._worth(other) / by)

    def _join(self, small: Summand, large: Summand, apart: float) -> None:
        (grid, by), worth = small, self._worth(large)
        if isinstance(self.placed[grid][0], Binary):
            apart = APART  # its steps are all that it has
        if self._worth(small) * apart < worth:
            nothing = self._reach[grid] * by < NOTHING * worth
            self._rescale(grid, (worth if nothing else worth / apart) / by)

    def _worth(self, summand: Summand) -> float:
        """Return what a step of a summand is worth in the sum."""
        grid, by = summand
        return self._scale(grid) * by

    def _scale(self, grid: str) -> float:
        return float(self.placed[grid][1].scale)

    def _rescale(self, grid: str, scale: float) -> None:
        format, placement = self.placed[grid]
        zero = placement.zero_point
        if isinstance(format, Fixed) and zero != 0:
            zero = format.lo + round((zero - format.lo) * float(placement.scale) / scale)
        self.placed[grid] = format, Placement(torch.full_like(placement.scale, scale), zero)

    def _maker(self, layer: FloatNode) -> str:
        """Return the layer before a point; of a curve, that before the point it takes values of."""
        name = layer.inputs[0]
        if isinstance(layer.module, QuantizationPoint) and layer.module.curve is not None:
            before = {la.path: la for la in self._graph.layers}
            while name in before and isinstance(before[name].module, (QuantizationPoint, *PASSING)):
                name = before[name].inputs[0]
        return name

    def _format(self, point: QuantizationPoint, first: bool) -> Activation:
        recipe, grid = self._recipe, point.grid
        if first:
            return recipe.input_format
        if point.last and recipe.output_format is not None:
            return recipe.output_format
        format = self._own_format(grid) or recipe.activation_format
        if grid in self._before:
            usual = LEAST_TABLED if isinstance(format, Binary) else format.bits
            bits = recipe.tables or min(max(usual, LEAST_TABLED), MOST_TABLED)
            format = Fixed(bits, signed=False)
        if isinstance(format, Binary) or self._positive[grid] or recipe.asymmetric:
            return format
        return Fixed(format.bits, signed=True)

    def _own_format(self, grid: str) -> Activation | None:
        """Return what `layers` says about the layers before a grid."""
        found: dict[Activation, str] = {}
        for source in self._makers[grid]:
            format = self._recipe.layer_activations(source)
            if format is not None:
                found[format] = source
        if len(found) > 1:
            raise FormatError(
                f"Layers {' and '.join(found.values())} must have outputs of one format, because "
                f"they are concatenated or compared, not {' and '.join(map(str, found))}"
            )
        return next(iter(found), None)
