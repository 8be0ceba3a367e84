"""Requantizers and tables as thresholds: the same function of every value that can occur, said by
counting.

A requantizer never falls where its input rises, whatever its rounding and clamp, so the integers
at which its output steps say all about it (FINN, Umuroglu et al. 2017, section 4.2.2, absorbs
batch norm and activation so). A table behind it whose entries never fall leaves some of them.
"""

__all__ = ["as_threshold", "followed_by_table", "thresholds_of"]

import numpy as np

from hwgen.network.inference import infer
from hwgen.network.ops import IntArray, Requantize, Table, Threshold
from hwgen.network.ranges import DOUBLE_BITS
from hwgen.network.tensor import Tensor


def thresholds_of(op: Requantize, x: Tensor) -> IntArray:
    """Return the thresholds of a requantizer on the proven range of its input.

    With lo the smallest output of any channel and T the steps from there to the largest, the
    k-th threshold is the least q of the channel's range whose output is at least lo + k, and
    x.hi + 1 where no q reaches it.

    Parameters
    ----------
    op : the requantizer
    x : type of its input

    Returns
    -------
    (channels, T), or (1, T) where one multiplier and one shift serve all channels; int64

    Raises
    ------
    NetworkError : the input does not fit the requantizer
    """
    y = infer(op, [x])
    rows = max(op.multiplier.size, op.shift.size)
    multipliers = np.broadcast_to(op.multiplier, rows).tolist()
    shifts = np.broadcast_to(op.shift, rows).tolist()
    lows = x.lows.tolist() if rows > 1 else [x.lo]
    highs = x.highs.tolist() if rows > 1 else [x.hi]
    steps = range(y.lo + 1 - op.zero_point, y.hi + 1 - op.zero_point)
    needed = {
        shift: [_least_product(step, shift, op.rounding) for step in steps] for shift in set(shifts)
    }
    found = np.full((rows, len(steps)), x.hi + 1, dtype=np.int64)
    for row, (by, shift) in enumerate(zip(multipliers, shifts, strict=True)):
        for n, product in enumerate(needed[shift]):
            least = max(lows[row], x.zero_point - (-product // by))
            if least > highs[row]:
                break  # and none of the following is reached either
            found[row, n] = least
    return found


def _least_product(step: int, shift: int, rounding: str) -> int:
    """Return the least integer that, over 2**shift, is rounded to at least `step`."""
    if shift == 0:
        return step
    if rounding == "double":
        first = min(shift, DOUBLE_BITS)
        inner = _least_product(step, shift - first, "half_away")
        return _least_product(inner, first, "half_up")
    tie = (step << shift) - (1 << (shift - 1))
    goes_up = {"half_up": True, "half_even": step % 2 == 0, "half_away": tie >= 0}
    return tie + (not goes_up[rounding])


def as_threshold(op: Requantize, x: Tensor) -> Threshold | None:
    """Return the `Threshold` that equals a requantizer on the range of `x`.

    None where the output never changes: there is nothing to count.

    Raises
    ------
    NetworkError : the input does not fit the requantizer
    """
    thresholds = thresholds_of(op, x)
    if thresholds.shape[1] == 0:
        return None
    return Threshold(thresholds, op.format, op.scale, op.zero_point, infer(op, [x]).lo)


def followed_by_table(
    first: Requantize | Threshold | None, table: Table, x: Tensor
) -> Threshold | None:
    """Return the `Threshold` that equals a table, behind what comes first if anything does, on the
    range of `x`.

    None where entries that can be reached fall, or never change.

    Raises
    ------
    NetworkError : the input does not fit
    """
    counted = as_threshold(first, x) if isinstance(first, Requantize) else first
    middle = x if first is None else infer(first, [x])
    if first is not None and counted is None:
        return None
    y, rows = infer(table, [middle]), max(len(table.entries), 0 if counted is None else 1)
    if counted is not None:
        rows = max(rows, len(counted.thresholds))
    lows, highs = _ends(middle, rows)
    entries = np.broadcast_to(table.entries, (rows, table.entries.shape[1]))
    step, steps = table.format.step, (y.hi - y.lo) // table.format.step
    if steps == 0:
        return None
    found = np.full((rows, steps), x.hi + 1, dtype=np.int64)
    for row, (lo, hi) in enumerate(zip(lows, highs, strict=True)):
        reached = entries[row, lo - table.lo : hi - table.lo + 1]
        if (np.diff(reached) < 0).any():
            return None
        wanted = y.lo + step * np.arange(1, steps + 1)
        places = reached.searchsorted(wanted)  # the first value of the middle that is enough
        for n, place in enumerate(places.tolist()):
            if place < len(reached):
                found[row, n] = _least_input(counted, row, lo + place, x)
    return Threshold(found, table.format, table.scale, table.zero_point, y.lo)


def _ends(x: Tensor, rows: int) -> tuple[list[int], list[int]]:
    """Return the range of each channel, or of all where one row stands for them."""
    return (x.lows.tolist(), x.highs.tolist()) if rows > 1 else ([x.lo], [x.hi])


def _least_input(counted: Threshold | None, row: int, value: int, x: Tensor) -> int:
    """Return the least input for which thresholds, if there are any, give at least a value."""
    if counted is None:
        return value
    count = -(-(value - counted.base) // counted.format.step)
    own = counted.thresholds[row if len(counted.thresholds) > 1 else 0]
    return x.lo if count <= 0 else int(own[count - 1]) if count <= len(own) else x.hi + 1
