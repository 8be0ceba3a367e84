"""Finish: what becomes of sums on their way out of a layer: bias, then requantizer or thresholds.

A bias is a unit of its own behind the drain, or part of the thresholds that follow: a sum reaches
t - bias where the accumulator reaches t.
"""

__all__ = ["Finish", "finish_for"]

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hwgen.formats import bits_for
from hwgen.network.ops import Requantize, Threshold
from hwgen.network.thresholds import as_threshold
from hwgen.planning.estimate import Resources, estimate, weigh
from hwgen.planning.layers import Layer
from hwgen.planning.sums import Sums
from hwgen.targets import Target
from rtl_templates.bias import BiasParameters
from rtl_templates.requantize import RequantizerParameters
from rtl_templates.threshold import ThresholdParameters

MOST_STEPS = 63  # of an output whose thresholds are weighed against a multiplier


@dataclass(frozen=True)
class Finish:
    """The units behind a datapath, in their order; None where there is nothing to do."""

    bias: BiasParameters | None = None
    post: RequantizerParameters | ThresholdParameters | None = None

    def cost(self, target: Target) -> float:
        """Return what the units are estimated to cost, in LUTs."""
        units = (estimate(unit, target) for unit in (self.bias, self.post) if unit)
        return weigh(sum(units, Resources()), target)


def finish_for(layer: Layer, sums: Sums, lanes: int, target: Target) -> Finish:
    """Return what follows the datapath: where several would do, the cheapest on this target."""
    bias = None if sums.plain else _bias(layer, sums, lanes)
    op = layer.post
    if op is None:
        return Finish(bias)
    found = []
    if isinstance(op, Requantize):
        found.append(Finish(bias, _requantizer(layer, op, lanes)))
    same = _as_threshold(layer)
    if same is not None:
        found.append(Finish(bias, _thresholds(layer, same, lanes)))
        if bias and sums.exact:
            found.append(Finish(None, _thresholds(layer, same, lanes, sums)))
    return min(found, key=lambda finish: finish.cost(target))


@lru_cache(maxsize=64)  # of a layer, all foldings are looked at one after the other
def _as_threshold(layer: Layer) -> Threshold | None:
    """Return what follows as thresholds, None where these are too many."""
    op = layer.post
    if isinstance(op, Requantize):
        return as_threshold(op, layer.acc) if 0 < layer.y.hi - layer.y.lo <= MOST_STEPS else None
    return op


def _bias(layer: Layer, sums: Sums, lanes: int) -> BiasParameters:
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


def _thresholds(
    layer: Layer, op: Threshold, lanes: int, sums: Sums | None = None
) -> ThresholdParameters:
    """Return the threshold unit for accumulators, or for `sums` that lack their constants."""
    bits, is_signed = bits_for(layer.y.lo, layer.y.hi)
    lo, hi = layer.acc.lo, layer.acc.hi
    rows = op.thresholds.clip(lo, hi + 1)
    if sums:
        # as Python integers: what is far beyond a channel's own range may be beyond 64 bits here
        short = rows.astype(object) - sums.offsets.astype(object)[:, None]
        lo, hi = sums.lo, sums.hi
        rows = np.clip(-(-short // sums.step), lo, hi + 1)
    # what no value reaches, and what all reach, need no comparison
    below = int((rows == lo).all(axis=0).sum())
    beyond = int((rows == hi + 1).all(axis=0).sum())
    rows = rows[:, below : rows.shape[1] - beyond]
    same = bool((rows == rows[:1]).all())
    step = op.format.step // layer.y_wire.step
    return ThresholdParameters(
        channels=layer.outputs,
        lanes=lanes,
        x_lo=lo,
        x_hi=hi,
        thresholds=tuple(map(tuple, (rows[:1] if same else rows).tolist())),
        base=(op.base - layer.y_wire.base) // layer.y_wire.step + step * below,
        bits=bits,
        signed=is_signed,
        step=step,
    )


def _requantizer(layer: Layer, op: Requantize, lanes: int) -> RequantizerParameters:
    assert op.lo is not None and op.hi is not None
    # One shift for all channels: floor((a m + 2^(s-1)) / 2^s) is unchanged when m and 2^s double.
    shift = int(op.shift.max())
    multipliers = [int(m) << (shift - int(s)) for m, s in np.broadcast(op.multiplier, op.shift)]
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
        rounding=op.rounding,
    )
