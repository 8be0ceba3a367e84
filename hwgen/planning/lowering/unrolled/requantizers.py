"""Requantizers of constants: a cut of a multiple that is cheap to make, and a clamp.

A requantizer of few steps is its thresholds (`hwgen.network.thresholds`). Every multiplier, shift
and offset with the same thresholds on the range of its input computes the same; one whose
multiplier has the fewest signed digits takes the fewest adders, none where it is a power of two.
"""

__all__ = ["Line", "line_through"]

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

MOST_PLACES = 24  # of a shift


@dataclass(frozen=True)
class Line:
    """floor((x * multiplier + offset) / 2**places), with an odd multiplier."""

    multiplier: int
    offset: int
    places: int


@lru_cache(maxsize=4096)
def line_through(thresholds: tuple[int, ...], slope: float) -> Line | None:
    """Return the cheapest line whose n-th step, from 1, is at the n-th threshold; None where there
    is none.

    Parameters
    ----------
    thresholds : integers that ascend, none twice
    slope : about what an input is multiplied by
    """
    t = np.array(thresholds, dtype=np.int64)
    steps = np.arange(1, len(t) + 1, dtype=np.int64)
    best: tuple[int, Line] | None = None
    for places in range(MOST_PLACES + 1):
        near = slope * (1 << places)
        # what the first and the last threshold let a slope be, and no more than that is looked at
        spread = 1 + near * 2 / max(1, len(t) - 1)
        low, high = max(1, int(near - spread)), int(near + spread) + 1
        for first in range(low, high + 1, 4096):
            by = np.arange(first, min(first + 4096, high + 1), dtype=np.int64)
            if places:
                by = by[by % 2 == 1] if places else by
            if not by.size:
                continue
            least = ((steps << places)[:, None] - t[:, None] * by).max(axis=0)
            most = ((steps << places)[:, None] - 1 - (t[:, None] - 1) * by).min(axis=0)
            by, least, most = by[least <= most], least[least <= most], most[least <= most]
            if not by.size:
                continue
            digits = np.bitwise_count(by ^ 3 * by)
            at = int(np.argmin(digits))
            found = (
                int(digits[at]),
                Line(int(by[at]), _roundest(int(least[at]), int(most[at])), places),
            )
            if best is None or found[0] < best[0]:
                best = found
            if best[0] == 1:
                return best[1]
        if best and len(t) * 2**places > 1 << 16:
            break
        if near > 1 << 14:
            break
    return best[1] if best else None


def _roundest(lo: int, hi: int) -> int:
    """Return the number of a range with the most zeros below."""
    for places in reversed(range(63)):
        n = -(-lo >> places) << places
        if n <= hi:
            return n
    return lo
