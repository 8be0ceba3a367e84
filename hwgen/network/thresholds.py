"""Requantizers as thresholds: the same function of every value that can occur, said by counting.

A requantizer never falls where its input rises, whatever its rounding and clamp, so the integers
at which its output steps say all about it (FINN, Umuroglu et al. 2017, section 4.2.2, absorbs
batch norm and activation so).
"""

__all__ = ["as_threshold", "thresholds_of"]

import numpy as np

from hwgen.network.inference import infer
from hwgen.network.ops import IntArray, Requantize, Threshold
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
