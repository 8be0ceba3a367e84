"""Epilogue: what becomes of sums on their way out of a layer: bias, then requantizer or thresholds,
in tables or, where they lie evenly, by division; then the table of a function, if there is one. A
requantizer and a table that never fall together are thresholds as well.

A bias is a unit of its own behind the drain, or part of the thresholds that follow: a sum reaches
t - bias where the accumulator reaches t.
"""

__all__ = [
    "Epilogue",
    "before_table",
    "epilogue_for",
    "epilogues_for",
    "quicker_epilogue",
    "thresholds_for",
]

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from hwgen.formats import bits_for
from hwgen.network.fields import IntArray
from hwgen.network.inference import infer
from hwgen.network.ops import Requantize, Table, Threshold
from hwgen.network.ranges import DOUBLE_BITS
from hwgen.network.thresholds import as_threshold, followed_by_table
from hwgen.planning.estimate.resources import Resources, estimate, weigh
from hwgen.planning.layers.dot_output import DotOutput
from hwgen.planning.layers.elements import ElementEncoding
from hwgen.planning.layers.layer import Layer
from hwgen.planning.lowering.affine_thresholds import (
    AffineThresholds,
    affine_by_sign,
    affine_through,
)
from hwgen.targets import Target
from hwgen_rtl_templates.affine_thresholds import AffineThresholdParameters
from hwgen_rtl_templates.bias import BiasParameters
from hwgen_rtl_templates.epilogue import CounterParameters, EpilogueParameters
from hwgen_rtl_templates.function_table import FunctionTableParameters
from hwgen_rtl_templates.requantize import RequantizerParameters
from hwgen_rtl_templates.threshold import ThresholdParameters

MOST_STEPS = 255  # of an output whose thresholds are weighed against a multiplier
MOST_TABLED = 63  # thresholds of a channel that are tables, where a multiplier would do


@dataclass(frozen=True)
class Epilogue:
    """The units behind a datapath, in their order; None where there is nothing to do."""

    bias: BiasParameters | None = None
    unit: EpilogueParameters | None = None
    table: FunctionTableParameters | None = None

    @property
    def latency(self) -> int:
        """Clocks from a sum to its output."""
        return sum(unit.latency for unit in (self.bias, self.unit, self.table) if unit)

    def needs(self, target: Target) -> Resources:
        """Return what the units are estimated to take."""
        units = (self.bias, self.unit, self.table)
        return sum((estimate(unit, target) for unit in units if unit), Resources())

    def cost(self, target: Target) -> float:
        """Return the same in LUTs."""
        return weigh(self.needs(target), target)


def epilogue_for(layer: Layer, sums: DotOutput, lanes: int, target: Target) -> Epilogue:
    """Return what follows the datapath: where several would do, the cheapest on this target."""
    return epilogues_for(layer, sums, lanes, target)[0]


def quicker_epilogue(
    layer: Layer, sums: DotOutput, lanes: int, target: Target, than: Epilogue
) -> Epilogue | None:
    """Return what takes the fewest clocks, the cheapest of it; None where nothing takes fewer than
    what there is."""
    found = epilogues_for(layer, sums, lanes, target)
    quickest = min(found, key=lambda epilogue: epilogue.latency)
    return quickest if quickest.latency < than.latency else None


@lru_cache(maxsize=1024)  # of a layer, foldings differ in lanes and little else
def epilogues_for(
    layer: Layer, sums: DotOutput, lanes: int, target: Target
) -> tuple[Epilogue, ...]:
    """Return all that may follow the datapath, the cheapest on this target first."""
    bias = None if sums.plain else _bias(layer, sums, lanes)
    if not layer.epilogue:
        return (Epilogue(bias),)
    found, op = [], layer.epilogue[-1]
    if isinstance(op, Requantize):
        found.append(Epilogue(bias, _requantizer(layer, op, lanes)))
    elif isinstance(op, Table):
        before = epilogues_for(before_table(layer), sums, lanes, target)
        tables = _tables(layer, op, lanes, target)
        found += [replace(first, table=table) for first in before for table in tables]
    found += [Epilogue(bias, unit) for unit in _counters(layer, lanes)]
    if bias and sums.exact:
        found += [Epilogue(None, unit) for unit in _counters(layer, lanes, sums)]
    return tuple(sorted(found, key=lambda epilogue: epilogue.cost(target)))


@dataclass(frozen=True, eq=False)
class ThresholdTable:
    """Thresholds that integers are compared with.

    rows : (1 or outputs, thresholds), ascending
    lo, hi : range of the integers
    lows, highs : of each row
    below : steps that all integers reach, left out
    """

    rows: IntArray
    lo: int
    hi: int
    lows: IntArray
    highs: IntArray
    below: int

    @property
    def count(self) -> int:
        """Thresholds of a row."""
        return int(self.rows.shape[1])

    @cached_property
    def lines(self) -> AffineThresholds | None:
        """Start and pitch of each row, and their bits behind the point; None if there are none."""
        return affine_through(self.rows, self.lows, self.highs)

    @cached_property
    def lines_by_sign(self) -> AffineThresholds | None:
        """Start and pitch of each row below zero, then from zero on; None if there are none, or if
        one line does for both."""
        if self.lines or (self.lows >= 0).any() or (self.highs < 0).any():
            return None
        return affine_by_sign(self.rows, self.lows, self.highs)


@lru_cache(maxsize=64)  # of a layer, all foldings are looked at one after the other
def thresholds_for(layer: Layer) -> Threshold | None:
    """Return what follows as thresholds, None where these are too many."""
    *before, op = layer.epilogue
    if isinstance(op, Threshold):
        return op
    if not 0 < layer.y.hi - layer.y.lo <= MOST_STEPS:
        return None
    if isinstance(op, Requantize):
        return as_threshold(op, layer.acc)
    first = before[0] if before else None
    return None if isinstance(first, Table) else followed_by_table(first, op, layer.acc)


@lru_cache(maxsize=64)
def before_table(layer: Layer) -> Layer:
    """Return a layer without its table, whose input is what leaves."""
    before, y = layer.epilogue[:-1], layer.acc
    for op in before:
        y = infer(op, [y])
    return replace(layer, epilogue=before, y=y, y_encoding=ElementEncoding())


def _tables(
    layer: Layer, op: Table, lanes: int, target: Target
) -> tuple[FunctionTableParameters, ...]:
    """Return the table in LUTs, and in block RAM where there is any."""
    x, y, encoding = before_table(layer).y, layer.y, layer.y_encoding
    entries = op.entries[:, x.lo - op.lo : x.hi - op.lo + 1]
    # what a channel never reaches may be anything, within the width
    elements = ((entries - encoding.base) // encoding.step).clip(y.lo, y.hi)
    (x_bits, x_signed), (bits, is_signed) = bits_for(x.lo, x.hi), bits_for(y.lo, y.hi)
    in_luts = FunctionTableParameters(
        channels=layer.outputs,
        lanes=lanes,
        x_bits=x_bits,
        x_signed=x_signed,
        x_lo=x.lo,
        entries=tuple(map(tuple, elements.tolist())),
        bits=bits,
        signed=is_signed,
    )
    if not target.block_rams or target.library or y.lo == y.hi:
        return (in_luts,)
    return in_luts, replace(in_luts, style="block")


def _bias(layer: Layer, sums: DotOutput, lanes: int) -> BiasParameters:
    x_bits, x_signed = sums.shape
    bits, is_signed = bits_for(layer.acc.lo, layer.acc.hi)
    return BiasParameters(
        channels=layer.outputs,
        lanes=lanes,
        x_bits=x_bits,
        x_signed=x_signed,
        biases=tuple(sums.offsets.tolist()),
        bits=bits,
        signed=is_signed,
        step=sums.step,
    )


def _counters(layer: Layer, lanes: int, sums: DotOutput | None = None) -> list[CounterParameters]:
    """Return the units that count thresholds of accumulators, or of `sums` that lack their
    constants."""
    op = thresholds_for(layer)
    if op is None:
        return []
    steps = _steps(layer, sums.step, tuple(sums.offsets.tolist())) if sums else _steps(layer)
    units: list[CounterParameters] = []
    if steps.count <= MOST_TABLED or isinstance(layer.epilogue[-1], Threshold):
        units.append(_thresholds(layer, op, steps, lanes))
    if 1 < steps.count <= MOST_STEPS and (steps.lines or steps.lines_by_sign):
        units.append(_affine_thresholds(layer, op, steps, lanes))
    return units


@lru_cache(maxsize=64)
def _steps(layer: Layer, step: int = 1, offsets: tuple[int, ...] = (0,)) -> ThresholdTable:
    """Return the steps of sums, where accumulators are `step` times as much, and offsets more."""
    op = thresholds_for(layer)
    assert op is not None
    acc, off = layer.acc, np.array(offsets)
    lows, highs = (acc.lows - off) // step, (acc.highs - off) // step
    lo, hi = int(lows.min()), int(highs.max())
    # as Python integers: what is far beyond a channel's own range may be beyond 64 bits here
    short = op.thresholds.clip(acc.lo, acc.hi + 1).astype(object) - off.astype(object)[:, None]
    rows = np.clip(-(-short // step), lo, hi + 1).astype(np.int64)
    # what no value reaches, and what all reach, need no comparison
    below = int((rows == lo).all(axis=0).sum())
    beyond = int((rows == hi + 1).all(axis=0).sum())
    rows = rows[:, below : rows.shape[1] - beyond]
    if (rows == rows[:1]).all():
        return ThresholdTable(rows[:1], lo, hi, np.array([lo]), np.array([hi]), below)
    lows, highs = (np.broadcast_to(ends, len(rows)) for ends in (lows, highs))
    return ThresholdTable(rows, lo, hi, lows, highs, below)


def _counted(layer: Layer, op: Threshold, steps: ThresholdTable, lanes: int) -> dict[str, Any]:
    """Return what both units that count have in common."""
    bits, is_signed = bits_for(layer.y.lo, layer.y.hi)
    step = op.format.step // layer.y_encoding.step
    return {
        "channels": layer.outputs,
        "lanes": lanes,
        "x_lo": steps.lo,
        "x_hi": steps.hi,
        "base": (op.base - layer.y_encoding.base) // layer.y_encoding.step + step * steps.below,
        "bits": bits,
        "signed": is_signed,
        "step": step,
    }


def _thresholds(
    layer: Layer, op: Threshold, steps: ThresholdTable, lanes: int
) -> ThresholdParameters:
    rows = tuple(map(tuple, steps.rows.tolist()))
    return ThresholdParameters(thresholds=rows, **_counted(layer, op, steps, lanes))


def _affine_thresholds(
    layer: Layer, op: Threshold, steps: ThresholdTable, lanes: int
) -> AffineThresholdParameters:
    found = steps.lines or steps.lines_by_sign
    assert found
    lines, fraction = found
    below: tuple[int, ...] = ()
    if not steps.lines:
        half = len(lines) // 2
        below, lines = tuple(start for start, _ in lines[:half]), lines[half:]
    if len(set(lines)) == 1 and len(set(below)) <= 1:
        lines, below = lines[:1], below[:1]
    return AffineThresholdParameters(
        lines=lines,
        below_zero=below,
        fraction=fraction,
        steps=steps.count,
        **_counted(layer, op, steps, lanes),
    )


def _requantizer(layer: Layer, op: Requantize, lanes: int) -> RequantizerParameters:
    assert op.lo is not None and op.hi is not None
    # One shift for all channels: floor((a m + 2^(s-1)) / 2^s) is unchanged when m and 2^s double.
    shift, rests = int(op.shift.max()), tuple[int, ...]()
    pairs = [(int(m), int(s)) for m, s in np.broadcast(op.multiplier, op.shift)]
    if op.rounding == "double":  # which is half up as long as the first rounding takes all
        rests = tuple(max(0, s - DOUBLE_BITS) for _, s in pairs)
        pairs = [(m, min(s, DOUBLE_BITS)) for m, s in pairs]
        shift = max(s for _, s in pairs)
        rests = () if not any(rests) else rests[:1] if len(set(rests)) == 1 else rests
    multipliers = [m << (shift - s) for m, s in pairs]
    common = min(shift, (math.gcd(*multipliers) & -math.gcd(*multipliers)).bit_length() - 1)
    multipliers = [m >> common for m in multipliers]
    bits, is_signed = bits_for(layer.y.lo, layer.y.hi)
    uniform = len(set(multipliers)) == 1
    return RequantizerParameters(
        channels=layer.outputs,
        lanes=lanes,
        x_lo=layer.acc.lo,
        x_hi=layer.acc.hi,
        multipliers=tuple(multipliers[:1] if uniform else multipliers),
        shift=shift - common,
        zero_point=op.zero_point,
        lo=op.lo,
        hi=op.hi,
        bits=bits,
        signed=is_signed,
        x_zero_point=layer.acc.zero_point,
        rounding="half_up" if op.rounding == "double" else op.rounding,
        rests=rests,
    )
