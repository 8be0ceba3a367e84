"""Sums of two tensors of few bits as a sum with two integer factors and thresholds.

TFLite's reference rounds each summand to a 2**-20 of the larger scale, adds, and rounds twice more;
ONNX's sums are of real numbers. Of two inputs of 8 bits there are 65,536 pairs: for factors of few
bits, the output of each pair is looked up, and thresholds on the plain sum are found that give the
same for all of them. So the hardware is an adder and what follows any accumulator, and it is the
file's function by enumeration.
"""

__all__ = ["FoundSum", "find_sum"]

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hwgen.network.ops import IntArray

MOST_FACTOR = (1 << 15) - 1  # of a sum of a network
NEAR = 5e-4  # a ratio of factors and that of the scales: a network takes them for the same


@dataclass(frozen=True, eq=False)
class FoundSum:
    """y = lo + the number of thresholds that a * (xa - za) + b * (xb - zb) reaches.

    thresholds : ascending
    """

    a: int
    b: int
    thresholds: IntArray


def find_sum(
    outputs: IntArray,
    ratio: float,
    inputs: tuple[IntArray, IntArray],
    signs: tuple[int, int] = (1, 1),
) -> FoundSum | None:
    """Return a sum with thresholds that gives the same output for every pair of inputs.

    Parameters
    ----------
    outputs : of each pair of inputs
    ratio : scale of the first input over that of the second
    inputs : the integers that may come, ascending, less their zero points
    signs : 1 of what is added, -1 of what is taken off

    Returns
    -------
    that with the smallest factors; None where there is none up to `MOST_FACTOR`
    """
    order = outputs.ravel()
    for one, other in _factors(ratio):
        a, b = signs[0] * one, signs[1] * other
        sums = (a * inputs[0][:, None] + b * inputs[1][None, :]).ravel()
        by_sum = np.argsort(sums, kind="stable")
        sorted_sums, ascending = sums[by_sum], order[by_sum]
        # equal sums must have equal outputs, and larger ones no smaller outputs
        if (np.diff(ascending) < 0).any() or (
            (np.diff(ascending) > 0) & (np.diff(sorted_sums) == 0)
        ).any():
            continue
        steps = np.diff(ascending)
        places = np.flatnonzero(steps)
        thresholds = np.repeat(sorted_sums[places + 1], steps[places])
        return FoundSum(a, b, thresholds)
    return None


def _factors(ratio: float) -> Iterator[tuple[int, int]]:
    """Yield pairs of factors whose ratio comes nearer and nearer."""
    limit, seen = 1, set()
    while True:
        near = Fraction(min(ratio, 1 / ratio)).limit_denominator(limit)
        pair = (near.numerator, near.denominator)
        if ratio > 1:
            pair = pair[::-1]
        apart = abs(pair[0] / max(pair[1], 1) / ratio - 1)
        if min(pair) > 0 and apart < NEAR and pair not in seen:
            seen.add(pair)
            yield pair
        if limit == MOST_FACTOR:
            return
        limit = min(2 * limit, MOST_FACTOR)
