"""What is left of each sum when no pair is worth sharing, added up two digits at a time."""

from typing import Any

import numpy as np
from numba import njit

from hwgen.planning.lowering.adder_graphs.costs import range_cost
from hwgen.planning.lowering.adder_graphs.digits import digit, shift_of, sign_of, term_of
from hwgen.planning.lowering.adder_graphs.sums import measure_depth, new_sum

__all__ = ["finish"]

VARIATIONS = 300  # of the order in which what is left of a sum is added up


@njit(cache=True)
def finish(sums: Any, seed: int, work: int) -> None:
    """Add up what is left of each sum, two digits at a time: the cheapest first, and the best of
    as many variations of that as `work` allows, pairs to be looked at for each sum.

    sums : with their depths and limits; operands are done before the sums that they are of
    """
    inputs = sums.scalars[0]
    np.random.seed(seed)
    for k in np.argsort(sums.depth[inputs : inputs + sums.scalars[1]]):
        length = sums.length[k]
        if length < 3:
            if length == 2:
                measure_depth(sums, k)
            continue
        best = np.zeros((length, 2), np.int64)
        picks = np.zeros((length, 2), np.int64)
        least = _tree(sums, k, 0.0, best)
        for _ in range(min(work // length**3, VARIATIONS) if length > 3 else 3):
            cost = _tree(sums, k, 1.0, picks)
            if cost < least:
                least = cost
                best[:] = picks
        row = sums.rows[k]
        for step in range(length - 2):
            i, j = best[step]
            shift = min(shift_of(row[i]), shift_of(row[j]))
            flipped = sign_of(row[i])
            made = new_sum(
                sums,
                digit(term_of(row[i]), shift_of(row[i]) - shift, 0),
                digit(term_of(row[j]), shift_of(row[j]) - shift, sign_of(row[j]) ^ flipped),
            )
            row[i] = digit(inputs + made, shift, flipped)
            row[j] = row[length - 1 - step]
            sums.length[k] = length - 1 - step
        measure_depth(sums, k)


@njit(cache=True)
def _tree(sums: Any, k: int, noise: float, picks: Any) -> float:
    """Choose which digits of a sum are added up, pair by pair; return the cost of the adders.

    noise : how far the cost of a pair may seem to be from the truth, in bits
    picks : receives the places of each pair; the sum takes the first, the last digit the second
    """
    length = sums.length[k]
    low, high = np.zeros(length, np.int64), np.zeros(length, np.int64)
    shift, sign = np.zeros(length, np.int64), np.zeros(length, np.int64)
    flat = np.zeros(length, np.int64)  # inputs of the flattest tree as deep as the term
    room = 1 << sums.limit[k]
    used = 0
    for i in range(length):
        word = sums.rows[k, i]
        term = term_of(word)
        low[i], high[i] = sums.low[term], sums.high[term]
        shift[i], sign[i] = shift_of(word), sign_of(word)
        flat[i] = 1 << sums.depth[term]
        used += flat[i]
    total = 0.0
    for step in range(length - 1):
        left = length - step
        least, worst = 1e30, 1e30
        at, deep = (0, 1), (0, 1)
        for j in range(left):
            for i in range(j):
                a, b = (i, j) if shift[i] <= shift[j] else (j, i)
                differ = sign[i] ^ sign[j]
                apart = shift[b] - shift[a]
                true = range_cost(low[a], high[a], low[b], high[b], apart, differ)
                seems = true + 2 * noise * np.random.random() if noise > 0 else float(true)
                grown = 2 * max(flat[i], flat[j])
                if used - flat[i] - flat[j] + grown <= room:
                    if seems < least:
                        least, at = seems, (i, j)
                elif seems + 1e6 * grown < worst:
                    worst, deep = seems + 1e6 * grown, (i, j)
        i, j = at if least < 1e30 else deep
        if least == 1e30:
            total += 1e9  # too deep
        a, b = (i, j) if shift[i] <= shift[j] else (j, i)
        apart, differ = shift[b] - shift[a], sign[i] ^ sign[j]
        total += range_cost(low[a], high[a], low[b], high[b], apart, differ)
        up_i, up_j = max(0, shift[i] - shift[j]), max(0, shift[j] - shift[i])
        if differ:
            bottom, top = (low[i] << up_i) - (high[j] << up_j), (high[i] << up_i) - (low[j] << up_j)
        else:
            bottom, top = (low[i] << up_i) + (low[j] << up_j), (high[i] << up_i) + (high[j] << up_j)
        used += 2 * max(flat[i], flat[j]) - flat[i] - flat[j]
        low[i], high[i], shift[i] = bottom, top, min(shift[i], shift[j])
        flat[i] = 2 * max(flat[i], flat[j])
        last = left - 1
        low[j], high[j], shift[j] = low[last], high[last], shift[last]
        sign[j], flat[j] = sign[last], flat[last]
        picks[step] = i, j
    return total
