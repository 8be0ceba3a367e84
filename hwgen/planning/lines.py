"""Lines: thresholds of a channel that lie evenly, but for being rounded to integers.

Thresholds of an affine function and a rounding do, such as a requantizer's. They then are a start
and a pitch, and counting those that are reached is a division.
"""

__all__ = ["Line", "lines_through"]

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hwgen.network.fields import IntArray

MOST_FRACTION = 16  # bits behind the point that are tried
MOST_PITCHES = 64  # that are tried with so many
MOST_BITS = 40  # of a threshold


@dataclass(frozen=True)
class Line:
    """The k-th threshold, k from 1, is the least integer t with t * 2**fraction >= start + k *
    pitch."""

    start: int
    pitch: int
    fraction: int

    def finer(self, fraction: int) -> tuple[int, int]:
        """Return start and pitch with more bits behind the point."""
        more = fraction - self.fraction
        return self.start << more, self.pitch << more


def lines_through(
    rows: IntArray, lows: IntArray, highs: IntArray
) -> tuple[tuple[tuple[int, int], ...], int] | None:
    """Return the (start, pitch) of each row and the bits of them that are behind the point, None
    where the thresholds of a row do not lie evenly.

    Parameters
    ----------
    rows : (rows, thresholds), ascending
    lows, highs : (rows,), range of the integers that are compared with a row
    """
    found = []
    for row, lo, hi in zip(rows.tolist(), lows.tolist(), highs.tolist(), strict=True):
        line = _line_through(tuple(row), lo, hi)
        if line is None:
            return None
        found.append(line)
    fraction = max(line.fraction for line in found)
    return tuple(line.finer(fraction) for line in found), fraction


@lru_cache(maxsize=4096)  # foldings of a layer ask for the same ones
def _line_through(row: tuple[int, ...], lo: int, hi: int) -> Line | None:
    """Return the line with the fewest bits behind the point.

    start + k * pitch lies above (t_k - 1) * 2**f where t_k is not reached by all integers, and not
    above t_k * 2**f where it is reached by any. Each two of these bounds bound the pitch.
    """
    if max(abs(lo), abs(hi)).bit_length() > MOST_BITS:
        return None
    t = np.array(row).clip(lo, hi + 1)
    k = np.arange(1, len(row) + 1)
    above, upto = t > lo, t <= hi
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = k[:, None] - k[None, :]
        # rise from an upper bound to a lower bound behind it, and the other way round
        steepest = (t[:, None] - (t - 1)[None, :]) / apart
        flattest = ((t - 1)[:, None] - t[None, :]) / apart
    behind = apart > 0
    least = flattest[behind & above[:, None] & upto[None, :]].max(initial=0.0)
    most = steepest[behind & upto[:, None] & above[None, :]].min(initial=np.inf)
    if least > most:
        return None
    for fraction in range(MOST_FRACTION + 1):
        first = int(np.floor(least * (1 << fraction)))
        last = min(most * (1 << fraction), first + MOST_PITCHES - 1)
        pitches = np.arange(first, int(np.ceil(last)) + 1)
        moved = pitches[:, None] * k[None, :]
        starts = ((t - 1) << fraction) + 1 - moved
        ends = (t << fraction) - moved
        if above.any() and upto.any():
            lowest, highest = starts[:, above].max(axis=1), ends[:, upto].min(axis=1)
        elif upto.any():  # all integers reach all
            lowest = highest = ends.min(axis=1)
        else:
            lowest = highest = starts.max(axis=1)
        fits = lowest <= highest
        if fits.any():
            n = int(fits.argmax())
            return Line(int(highest[n]), int(pitches[n]), fraction)
    return None
