"""AffineThresholds: thresholds of a channel that lie evenly, but for being rounded to integers.

Thresholds of an affine function and a rounding do, such as a requantizer's. They then are a start
and a pitch, and counting those that are reached is a division.
"""

__all__ = ["AffineThresholds", "affine_by_sign", "affine_through"]

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hwgen.network.fields import IntArray

MOST_FRACTION = 16  # bits behind the point that are tried
MOST_PITCHES = 64  # that are tried with so many
MOST_BITS = 40  # of a threshold


AffineThresholds = tuple[tuple[tuple[int, int], ...], int]


@dataclass(frozen=True, eq=False)
class Row:
    """Thresholds t_k of a channel, k from 1, as bounds of a line.

    Thresholds are the least integers t with t * 2**f >= start + k * pitch if that lies above
    (t_k - 1) * 2**f where t_k is not reached by all integers, and not above t_k * 2**f where it is
    reached by any.

    t : clipped to what there is to compare
    above, upto : where the one bound and the other hold
    """

    t: IntArray
    above: npt.NDArray[np.bool_]
    upto: npt.NDArray[np.bool_]

    @cached_property
    def k(self) -> IntArray:
        """Numbers of the thresholds."""
        return np.arange(1, len(self.t) + 1)

    @cached_property
    def slopes(self) -> tuple[float, float]:
        """What a pitch lies between, over 2**f: each two bounds bound it."""
        apart = self.k[:, None] - self.k[None, :]
        behind = apart > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            flattest = ((self.t - 1)[:, None] - self.t[None, :]) / apart
            steepest = (self.t[:, None] - (self.t - 1)[None, :]) / apart
        least = flattest[behind & self.above[:, None] & self.upto[None, :]].max(initial=0.0)
        most = steepest[behind & self.upto[:, None] & self.above[None, :]].min(initial=np.inf)
        return float(least), float(most)

    def starts(self, pitches: IntArray, fraction: int) -> tuple[IntArray, IntArray]:
        """Return the least and the largest start that goes with each pitch; with none the least is
        the larger."""
        moved = pitches[:, None] * self.k[None, :]
        least = ((self.t - 1) << fraction) + 1 - moved
        most = (self.t << fraction) - moved
        if not self.above.any():  # all integers reach all
            return (most.min(axis=1),) * 2
        if not self.upto.any():
            return (least.max(axis=1),) * 2
        return least[:, self.above].max(axis=1), most[:, self.upto].min(axis=1)


def affine_through(rows: IntArray, lows: IntArray, highs: IntArray) -> AffineThresholds | None:
    """Return the (start, pitch) of each row and the bits of them that are behind the point, with
    one pitch for all where that does; None where the thresholds of a row do not lie evenly.

    Parameters
    ----------
    rows : (rows, thresholds), ascending
    lows, highs : (rows,), range of the integers that are compared with a row
    """
    if _too_wide(lows, highs):
        return None
    bounds = _rows(rows, lows, highs)
    return _lines(bounds) or _each_alone([[row] for row in bounds])


def affine_by_sign(rows: IntArray, lows: IntArray, highs: IntArray) -> AffineThresholds | None:
    """Return the lines of each row for integers below zero, and then those for the others: both
    have one pitch. None where the thresholds do not lie on such lines.

    Double rounding (`hwgen.network.ops.ROUNDINGS`) moves thresholds below zero by a constant.

    Parameters
    ----------
    rows : (rows, thresholds), ascending
    lows, highs : (rows,), range of the integers that are compared with a row, zero within
    """
    if _too_wide(lows, highs):
        return None
    below = _rows(rows, lows, np.minimum(highs, -1))
    above = _rows(rows, np.maximum(lows, 0), highs)
    each = _each_alone([list(pair) for pair in zip(below, above, strict=True)])
    found = _lines([*below, *above])
    if found is not None or each is None:
        return found
    lines, fraction = each
    return (*lines[::2], *lines[1::2]), fraction


def _too_wide(lows: IntArray, highs: IntArray) -> bool:
    return max(abs(int(lows.min())), abs(int(highs.max()))).bit_length() > MOST_BITS


def _rows(rows: IntArray, lows: IntArray, highs: IntArray) -> list[Row]:
    clipped = rows.clip(lows[:, None], highs[:, None] + 1)
    return [Row(t, t > lo, t <= hi) for t, lo, hi in zip(clipped, lows, highs, strict=True)]


def _each_alone(groups: Sequence[Sequence[Row]]) -> AffineThresholds | None:
    """Return lines of rows that have a pitch a group."""
    found = [_lines(rows) for rows in groups]
    if not all(found):
        return None
    alone = [lines for lines in found if lines]
    fraction = max(bits for _, bits in alone)
    finer = ((line, fraction - bits) for lines, bits in alone for line in lines)
    return tuple((start << more, pitch << more) for (start, pitch), more in finer), fraction


def _lines(rows: Sequence[Row]) -> AffineThresholds | None:
    """Return lines of one pitch, with the fewest bits behind the point."""
    least = max(row.slopes[0] for row in rows)
    most = min(row.slopes[1] for row in rows)
    if least >= most:
        return None
    for fraction in range(MOST_FRACTION + 1):
        first = int(np.floor(least * (1 << fraction)))
        last = min(most * (1 << fraction), first + MOST_PITCHES - 1)
        pitches = np.arange(first, int(np.ceil(last)) + 1)
        ends = [row.starts(pitches, fraction) for row in rows]
        fits = np.all([low <= high for low, high in ends], axis=0)
        if fits.any():
            n = int(fits.argmax())
            return tuple((int(high[n]), int(pitches[n])) for _, high in ends), fraction
    return None
