"""Sums of two quantized tensors whose scales are no small integers, with a quantizer behind them.

Of two inputs of few bits, the output of each pair is computed exactly; then small factors and
thresholds on the plain sum are looked for that give the same for all pairs.
"""

__all__ = ["sum_thresholds"]

from fractions import Fraction

import numpy as np

from hwgen.importers.growing import Refusal
from hwgen.importers.onnx.steps import Affine, Bounds, Fractions, Step
from hwgen.importers.sums import FoundSum, find_sum
from hwgen.network.ops import IntArray
from hwgen.network.tensor import Tensor

MOST_PAIRS = 1 << 20
QUANTIZE = "give both inputs of the sum one scale"


def sum_thresholds(
    types: tuple[Tensor, Tensor], steps: tuple[Step, Step], bounds: Bounds
) -> FoundSum:
    """Return factors of the inputs and thresholds on their sum.

    Parameters
    ----------
    types : of the inputs, of formats
    steps : affine ones, from their integers to real numbers
    bounds : which sums of real numbers reach each level

    Raises
    ------
    Refusal : there are none of a few bits
    """
    if bounds.rows > 1 or bounds.falls.any():
        raise Refusal("a sum that is quantized channel by channel", QUANTIZE)
    inputs = [np.arange(t.lo, t.hi + 1) - t.zero_point for t in types]
    if inputs[0].size * inputs[1].size > MOST_PAIRS:
        raise Refusal("a sum of unlike scales of more than 10 bits", QUANTIZE)
    scales, offset = [], Fraction(0)
    for step in steps:
        assert isinstance(step, Affine)
        scales.append(step.factor[0])
        offset += step.offset[0]
    common = np.lcm.reduce(np.array([s.denominator for s in (*scales, offset)], dtype=object))
    a, b, shift = (int(s * int(common)) for s in (*scales, offset))
    raw = _products(a, inputs[0])[:, None] + _products(b, inputs[1])[None, :] + shift
    reached = Affine.of(Fraction(1, int(common))).before(bounds)
    lowest, highest = int(raw.min()), int(raw.max())
    edges = _edges(reached, lowest, highest)
    outputs = np.searchsorted(edges, raw.ravel(), side="right").reshape(raw.shape)
    found = find_sum(outputs.astype(np.int64), float(scales[0] / scales[1]), (inputs[0], inputs[1]))
    if found is None:
        raise Refusal("a sum of scales that are too far apart", QUANTIZE)
    # of levels that every pair reaches there is no threshold: they stand below all sums
    least = found.a * int(inputs[0].min()) + found.b * int(inputs[1].min())
    most = found.a * int(inputs[0].max()) + found.b * int(inputs[1].max())
    below, above = int(outputs.min()), len(edges) - int(outputs.max())
    return FoundSum(
        found.a,
        found.b,
        np.concatenate([np.full(below, least), found.thresholds, np.full(above, most + 1)]),
    )


def _products(factor: int, x: IntArray) -> Fractions:
    products: Fractions = factor * x.astype(object)
    return products


def _edges(bounds: Bounds, lowest: int, highest: int) -> Fractions:
    """Return the least integer of each level, of any size."""
    floors = bounds.numerators // bounds.denominators
    whole = floors * bounds.denominators == bounds.numerators
    edges = floors + np.where(whole & ~bounds.strict, 0, 1)
    edges = np.where(bounds.always, lowest, np.where(bounds.never, highest + 1, edges))
    found: Fractions = np.minimum(np.maximum(edges, lowest), highest + 1)[0]
    return found
