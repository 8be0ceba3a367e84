"""Extremes: the inputs at which a width, a clamp or a rounding can be one off.

Random inputs hardly ever reach the ends of a range, and a register that is one bit short is right
everywhere else. So inputs are made that reach the ends of every range that a unit computes, zero,
every power of two in it, and what is beside each of them.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence


def landmarks(lo: int, hi: int, *more: int) -> list[int]:
    """Return what is worth a look in a range: its ends, 0, each power of two and its negative, and
    more; and what is beside each of these, as far as it lies in the range."""
    bits = max(abs(lo), abs(hi)).bit_length()
    points = {lo, hi, 0, *more, *(sign << n for n in range(bits + 1) for sign in (1, -1))}
    return sorted({p + by for p in points for by in (-1, 0, 1) if lo <= p + by <= hi})


def reaching(lo: int, hi: int, stages: Iterable[Callable[[int], int]], *more: int) -> list[int]:
    """Return the inputs in a range at which what is computed of them gets to a landmark.

    Parameters
    ----------
    stages : functions of the input that never fall, such as an accumulator, the same rounded, and
        the same clamped
    more : further landmarks of the stages, such as the ends of a clamp
    """
    found = {lo, hi, *landmarks(lo, hi)}
    for stage in stages:
        for point in landmarks(stage(lo), stage(hi), *more):
            first = lo + bisect_left(range(lo, hi + 1), point, key=stage)
            found |= {x for x in (first - 1, first, first + 1) if lo <= x <= hi}
    return sorted(found)


def ends(rows: Iterable[Sequence[int]], lo: int, hi: int) -> list[list[int]]:
    """Return the vectors of integers of [lo, hi] whose dot products with each row get to the ends
    of their range, and to the ends of the sums of the first elements alone."""
    found: dict[tuple[int, ...], None] = {}
    for row in rows:
        least, most = _least(row, lo, hi), _least([-w for w in row], lo, hi)
        for n in sorted({0, 1 % len(row), len(row) // 2, len(row) - 1}):
            found |= dict.fromkeys((tuple(most[:n] + least[n:]), tuple(least[:n] + most[n:])))
    return [list(vector) for vector in found]


def vectors(rows: Iterable[Sequence[int]], lo: int, hi: int) -> list[list[int]]:
    """Return the vectors of `ends`, and those whose dot products with each row get as close as
    elements go to each power of two and what is beside it."""
    rows = list(rows)
    found = dict.fromkeys(map(tuple, ends(rows, lo, hi)))
    for row in rows:
        least = _least(row, lo, hi)
        first, last = (
            sum(w * x for w, x in zip(row, v, strict=True))
            for v in (least, _least([-w for w in row], lo, hi))
        )
        for point in landmarks(first, last):
            found[tuple(_towards(row, least, point - first, lo, hi))] = None
    return [list(vector) for vector in found]


def _least(row: Sequence[int], lo: int, hi: int) -> list[int]:
    return [lo if w > 0 else hi for w in row]


def _towards(row: Sequence[int], start: list[int], way: int, lo: int, hi: int) -> list[int]:
    """Return a vector whose dot product is as much above that of `start`, or somewhat less."""
    found = list(start)
    for n in sorted(range(len(row)), key=lambda n: -abs(row[n])):
        steps = min(hi - lo, way // abs(row[n])) if row[n] else 0
        found[n] += steps if row[n] > 0 else -steps
        way -= steps * abs(row[n])
    return found


def patterns(some: Sequence[int], count: int) -> list[list[int]]:
    """Return rows of so many weights out of some: all the least or the largest, these two in turns,
    and one of either among the smallest."""
    least, most, small = min(some), max(some), min(some, key=abs)
    rows = [[least] * count, [most] * count]
    rows += [[(least, most)[n % 2] for n in range(count)]]
    rows += [[least, *[small] * (count - 1)], [*[small] * (count - 1), most]]
    return [list(row) for row in dict.fromkeys(map(tuple, rows))]
