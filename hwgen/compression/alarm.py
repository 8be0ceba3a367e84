"""The alarm: what stands out in signal to noise, and what would help.

A channel is named where it falls far below the rest: under 12 dB, where the upper quarter of its
layer is above 25; and a layer where it falls under 12 dB, while what it takes is above 25. What few
bits of weights do to a layer as a whole is for training to mend: after it only channels count.
"""

__all__ = ["find_alarms"]

import math

import torch

from hwgen.compression.noise import LayerNoise, Measured, Reference
from hwgen.compression.quantize import QuantizationPoint, QuantModel, equalizable
from hwgen.compression.recipes.quantize_recipe import QuantizeRecipe
from hwgen.formats import MAX_BITS, Binary, Fixed
from hwgen.torch_graph.batches import tensors_of
from hwgen.torch_graph.float_graph import FloatNode, end_values, is_input
from hwgen.torch_graph.modules import Add
from hwgen.torch_graph.support import WEIGHTED

LOW = 12.0  # dB
FINE = 25.0  # dB, of the rest
NOISE = 6.0  # dB, of a network's output that says nothing any more
ROUNDED = 1 / 4  # of a step squared: noise below it is that of rounding to the step, 1/12
FLAT = 100.0  # times its variance, the squared mean of a channel that varies little
DB_A_BIT = 6.02
SHOWN = 6  # channels that a message names


def find_alarms(
    reference: Reference,
    measured: tuple[Measured, ...],
    model: QuantModel,
    recipe: QuantizeRecipe,
) -> tuple[str, ...]:
    """Return a line for each thing that stands out; nothing where all is well."""
    return tuple(_Alarm(reference, measured, model, recipe).lines())


class _Alarm:
    def __init__(
        self,
        reference: Reference,
        measured: tuple[Measured, ...],
        model: QuantModel,
        recipe: QuantizeRecipe,
    ):
        self._reference = reference
        self._graph = reference.graph
        self._measured = measured
        self._model = model
        self._recipe = recipe
        self._named: set[str] = set()
        self._at = {of.path: of for of in measured}
        self._layers = {layer.path: layer for layer in self._graph.layers}

    def lines(self) -> list[str]:
        """Return all there is to say."""
        lines = []
        every = tensors_of(self._reference.inputs)
        steady = all(torch.equal(x, x[:1].expand_as(x)) for x in every)
        nothing = not any(x.any() for x in every)
        if steady and (len(every[0]) > 1 or nothing):
            what = "zeros" if nothing else "the same input over and over"
            lines.append(
                f"The calibration data is {what}, from which no scale can be told; pass "
                "calibration=[batch, ...] with real inputs"
            )
        else:
            lines += [line for of in self._measured for line in self._of_layer(of)]
        ends = end_values(self._graph)
        # the worst output; where an argmax is the last, the last that was measured
        lasts = [of.figures for of in self._measured if of.path in ends]
        last = min(lasts, key=_db, default=self._measured[-1].figures)
        if not self._reference.trained and last.db is not None and last.db < NOISE:
            worst = max(self._measured, key=self._lost).figures.layer
            lines.append(
                f"The network's outputs are noise: {last.layer} has {round(last.db)} dB against "
                f"the float model on the calibration data; {worst} loses most: use more bits "
                "there, or train (train=, and epochs in the recipe)"
            )
        return lines

    def _lost(self, of: Measured) -> float:
        """Return what a layer adds to the share of noise in its signal."""
        entered = self._entered(self._layers[of.path], stop=False)
        now = math.inf if of.figures.db is None else of.figures.db
        return float(10 ** (-now / 10) - 10 ** (-entered / 10))

    def _of_layer(self, of: Measured) -> list[str]:
        figures = of.figures
        known = sorted(db for db in figures.channels if db is not None)
        low = [n for n, db in enumerate(figures.channels) if db is not None and db < LOW]
        if not low:
            return []
        rest = known[(3 * len(known)) // 4]
        if self._is_lost_in_a_sum(of.path):
            return []
        if rest <= FINE:  # as bad as all the rest: is it here that it became so?
            here = figures.db is not None and figures.db < LOW
            if not here or self._reference.trained or self._entered(self._layers[of.path]) <= FINE:
                return []
        self._named.add(of.path)
        if len(low) == len(known):
            worst = f"all channels have {_range([known[0], known[-1]])} dB"
        else:
            shown = ", ".join(map(str, low[:SHOWN])) + (", ..." if len(low) > SHOWN else "")
            dbs = [db for db in known if db < LOW]
            worst = (
                f"channel{'s' if len(low) > 1 else ''} {shown} of {len(figures.channels)} "
                f"{'have' if len(low) > 1 else 'has'} {_range(dbs)} dB, where the rest has "
                f"{rest:.0f}"
            )
        return [f"{figures.layer}: {worst} against the float model; {self._way(of, low)}"]

    def _is_lost_in_a_sum(self, path: str) -> bool:
        """Say whether a value is only added to others, and the sums are fine."""
        takers = [layer for layer in self._graph.layers if path in layer.inputs]
        sums = {la.path for la in takers if isinstance(la.module, Add)}
        found = [of.figures.db for of in self._measured if self._layers[of.path].inputs[0] in sums]
        fine = all(db is not None and db > FINE for db in found)
        return bool(sums) and len(sums) == len(takers) and len(found) >= len(sums) and fine

    def _entered(self, layer: FloatNode, stop: bool = True) -> float:
        """Return the least signal to noise of what a value is made of, infinite of the input.

        stop : whether one that was named makes it minus infinity: it was said where it began
        """
        found = math.inf
        for name in layer.inputs:
            if is_input(name):
                continue
            if name in self._at:
                db = self._at[name].figures.db
                found = min(found, math.inf if db is None else db)
                if stop and name in self._named:
                    return -math.inf
            else:
                found = min(found, self._entered(self._layers[name], stop))
        return found

    def _way(self, of: Measured, low: list[int]) -> str:
        """Return what would help the channels that are low."""
        layer, recipe = self._layers[of.path], self._recipe
        path, point = of.figures.layer, layer.module
        format = getattr(self._model.get_submodule(of.path), "format", None)
        if isinstance(format, Binary):
            what = (
                'use input="uint8"' if is_input(layer.inputs[0]) else "train (train=, and epochs)"
            )
            return f"it keeps their signs alone: {what}"
        coarse = float(of.noise[low].mean()) < ROUNDED * of.step**2  # for what the channels are
        if not isinstance(point, QuantizationPoint) or not isinstance(format, Fixed) or not coarse:
            return self._way_of_weights(path)
        if bool((of.offset[low] > FLAT * of.signal[low]).all()):
            spread = float(of.signal[low].mean().sqrt())
            return (
                f"they vary by {spread:.2g} about {float(of.offset[low].mean().sqrt()):.4g}, and a "
                f"step is {of.step:.2g}: take the mean out of the data that enters the network"
            )
        missing = min(db for n in low if (db := of.figures.channels[n]) is not None)
        bits = min(format.bits + math.ceil((2 * LOW - missing) / DB_A_BIT), MAX_BITS)
        if is_input(layer.inputs[0]):
            return (
                f"a step of its {format} is {of.step:.2g}: bring the data's channels to one size, "
                f'or use input="uint{bits}"'
            )
        small = f"a step of its {format} is too coarse for them"
        if not recipe.equalize and path in equalizable(self._graph):
            return f"{small}: use equalize=True"
        if point.last:
            ends = end_values(self._graph)
            quantized = all(isinstance(self._layers[e].module, QuantizationPoint) for e in ends)
            raw = "output=None or " if quantized else ""
            return f'{small}: use {raw}output="int{bits}"'
        names = [
            other.inputs[0]
            for other in self._graph.layers
            if isinstance(other.module, QuantizationPoint) and other.module.grid == point.grid
        ]
        if any(not self._has_weights(name) for name in names):
            return f'{small}: use activations="uint{bits}"'
        ways = {name: f"{recipe.layer_names(name)[0]}/uint{bits}" for name in names}
        return f"{small}: use layers={ways}"

    def _way_of_weights(self, path: str) -> str:
        recipe = self._recipe
        if not self._has_weights(path):
            bits = min(recipe.activation_format.storage_bits + 4, MAX_BITS)
            return f'it is what little is left of large values: use activations="uint{bits}"'
        if not recipe.per_channel:
            return "its weights share one scale: use per_channel=True"
        if recipe.accumulator is not None:
            return "its weights are coarse: use a wider accumulator, or train"
        format = recipe.layer_weights(path)
        bits = 8 if not isinstance(format, Fixed) or format.bits < 8 else MAX_BITS
        ways = {path: f"int{bits}"}
        return f"its {format} weights are coarse: use layers={ways}, or train"

    def _has_weights(self, path: str) -> bool:
        return isinstance(self._layers[path].module, WEIGHTED)


def _db(figures: LayerNoise) -> float:
    return math.inf if figures.db is None else figures.db


def _range(dbs: list[float]) -> str:
    low, high = round(min(dbs)), round(max(dbs))
    return str(low) if low == high else f"{low} to {high}"
