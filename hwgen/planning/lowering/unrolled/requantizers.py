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
WIDEST = 1 << 14  # of a multiplier
MORE = 2  # places that are looked at beyond those of a line that is there


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
    t = np.array(thresholds, dtype=np.int64)[:, None]
    steps = np.arange(1, len(t) + 1, dtype=np.int64)[:, None]
    best: tuple[int, Line] | None = None
    last = MOST_PLACES
    for places in range(MOST_PLACES + 1):
        near = slope * (1 << places)
        spread = 1 + near * 2 / max(1, len(t) - 1)  # a step too early or too late at both ends
        if places > last or near - spread > WIDEST:
            break
        low, high = max(1, int(near - spread)), min(WIDEST, int(near + spread) + 1)
        by = np.arange(low | 1, high + 1, 2, dtype=np.int64) if places else np.arange(low, high + 1)
        least = ((steps << places) - t * by).max(axis=0)
        most = ((steps << places) - 1 - (t - 1) * by).min(axis=0)
        digits = np.where(least <= most, np.bitwise_count(by ^ 3 * by), MOST_PLACES)
        at = int(np.argmin(digits)) if by.size else 0
        if by.size and digits[at] < (best[0] if best else MOST_PLACES):
            line = Line(int(by[at]), _roundest(int(least[at]), int(most[at])), places)
            best, last = (int(digits[at]), line), places + MORE
    return best[1] if best else None


def _roundest(lo: int, hi: int) -> int:
    """Return the number of a range with the most zeros below."""
    for places in reversed(range(63)):
        n = -(-lo >> places) << places
        if n <= hi:
            return n
    return lo
