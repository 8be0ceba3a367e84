"""What adders cost, of sums that the solver works on.

Costs are look-up tables of two families of carry chains, added: of ECP5, whose cells add two bits,
and of Ultrascale+, where a table adds one and the highest bit may have the one below it.
"""

from typing import Any

import numpy as np
from numba import njit

from hwgen.planning.lowering.adder_graphs.digits import shift_of, sign_of, term_of

__all__ = ["adder_cost", "pair_cost", "range_cost", "registers", "total_cost", "width_of"]


@njit(cache=True)
def width_of(low: int, high: int) -> int:
    """Return the bits that hold all of a range: two's complement only where it goes below 0."""
    most = max(high, -low - 1)
    bits = 1 if low < 0 else 0
    while most > 0:
        most >>= 1
        bits += 1
    return bits


@njit(cache=True)
def _price(bits: int, top: int) -> int:
    """Return what an adder costs: the halves of cells of two bits, and tables of a bit each.

    bits, top : of the sum, and of the longer operand, without those that pass by
    """
    return bits + (bits & 1) + min(bits, top) if bits > 0 else 0


@njit(cache=True)
def pair_cost(sums: Any, a: int, b: int) -> int:
    """Return the cost of the adder of two digits; bits below the higher one pass by it.

    The lower digit counts as positive: the sum may be had with either sign.
    """
    if shift_of(a) > shift_of(b):
        a, b = b, a
    shift = shift_of(b) - shift_of(a)
    ta, tb = term_of(a), term_of(b)
    differ = sign_of(a) ^ sign_of(b)
    low, high = sums.low, sums.high
    return range_cost(low[ta], high[ta], low[tb], high[tb], shift, differ)


@njit(cache=True)
def range_cost(low_a: int, high_a: int, low_b: int, high_b: int, shift: int, differ: int) -> int:
    """Return the cost of an adder of two ranges, b shifted up; its sign does not matter."""
    if differ:
        low, high = low_a - (high_b << shift), high_a - (low_b << shift)
        bits = width_of(low, high)
        if shift == 0:
            bits = min(bits, width_of(-high, -low))
    else:
        if low_a >= 0 and high_a < (1 << shift):
            return 0
        bits = width_of(low_a + (low_b << shift), high_a + (high_b << shift))
    top = max(width_of(low_a, high_a), width_of(low_b, high_b) + shift)
    return _price(bits - shift, top - shift)


@njit(cache=True)
def adder_cost(sums: Any, k: int) -> int:
    """Return the cost of the adder that makes a sum of two digits, with its exact range."""
    a, b = sums.rows[k, 0], sums.rows[k, 1]
    if shift_of(a) > shift_of(b):
        a, b = b, a
    shift = shift_of(b) - shift_of(a)
    term = sums.scalars[0] + k
    low, high = sums.low[term], sums.high[term]
    if sign_of(a) and not (shift == 0 and not sign_of(b)):
        low, high = -high, -low
    bits = width_of(low, high)
    if sign_of(a) ^ sign_of(b):
        if shift == 0:
            bits = min(bits, width_of(-high, -low))
    elif sums.low[term_of(a)] >= 0 and sums.high[term_of(a)] < (1 << shift):
        return 0
    ta, tb = term_of(a), term_of(b)
    top = max(width_of(sums.low[ta], sums.high[ta]), width_of(sums.low[tb], sums.high[tb]) + shift)
    return _price(bits - shift, top - shift)


@njit(cache=True)
def total_cost(sums: Any) -> int:
    """Return the cost of all adders, whatever signs cost on top."""
    total = 0
    for k in range(sums.scalars[1]):
        if sums.length[k] > 0:
            total += adder_cost(sums, k)
    return total


@njit(cache=True)
def registers(sums: Any) -> int:
    """Return the bits of registers, with one behind each adder, the outputs' own left out.

    sums : of two digits each, with their depths
    """
    inputs, top = sums.scalars[0], sums.scalars[1]
    last = np.zeros(inputs + top, np.int64)  # stage on which each term is used last
    for k in range(top):
        for i in range(sums.length[k]):
            term = term_of(sums.rows[k, i])
            last[term] = max(last[term], sums.depth[inputs + k] - 1)
    deepest = 0
    for o in range(len(sums.outputs)):
        if sums.outputs[o, 0] >= 0:
            deepest = max(deepest, sums.depth[sums.outputs[o, 0]] - 1)
    for o in range(len(sums.outputs)):
        if sums.outputs[o, 0] >= 0:
            last[sums.outputs[o, 0]] = deepest
    total = 0
    for term in range(inputs + top):
        held = last[term] - max(0, sums.depth[term] - 1)
        if held > 0:
            total += held * width_of(sums.low[term], sums.high[term])
    return total
