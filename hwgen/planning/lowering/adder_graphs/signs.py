"""Signs: whether each sum is made as it is or with its sign turned, so that few are negated.

An adder makes a + b or a - b, never -a - b; and a difference that lacks its lower operand's sign is
wider, since no bits of that pass by. Outputs have to have the right sign. Which sums to turn is an
Ising model on the graph; it is cooled down (Kirkpatrick et al., 1983).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from hwgen.planning.lowering.adder_graphs.costs import width_of
from hwgen.planning.lowering.adder_graphs.digits import shift_of, sign_of, term_of
from hwgen.planning.lowering.adder_graphs.sums import Sums

__all__ = ["Signs", "turned"]

HOT, COLD, SWEEPS = 8.0, 0.2, 80  # costs, costs, and how often each sum is looked at
SUBTRACTION = 0.8  # cost of one: on Xilinx yosys puts its lowest bit beside the carry chain as well


class Signs(NamedTuple):
    """Which sums are turned.

    flipped : of each term, 1 where it is made with the other sign, else 0
    cost : of outputs to be negated, of wider differences, and of differences at all
    """

    flipped: npt.NDArray[np.int64]
    cost: float


def turned(sums: Sums, order: npt.NDArray[np.int64], seed: int) -> Signs:
    """Return which sums to turn.

    Parameters
    ----------
    sums : of two digits each
    order : rows of the sums, each after its operands
    """
    inputs = int(sums.scalars[0])
    terms = inputs + int(sums.scalars[1])
    users: list[list[int]] = [[] for _ in range(terms)]
    for k in order.tolist():
        for word in sums.rows[k, :2].tolist():
            users[term_of(word)].append(k)
    start = np.cumsum([0, *map(len, users)])
    flat = np.array([k for found in users for k in found], dtype=np.int64)
    flipped = np.zeros(terms, dtype=np.int64)
    cost = _cool(sums, order, start, flat, flipped, seed)
    return Signs(flipped, float(cost))


@njit(cache=True)
def _width(sums: Any, term: int) -> int:
    return max(1, width_of(sums.low[term], sums.high[term]))


@njit(cache=True)
def _negated(sums: Any, term: int, outputs: Any, flipped: Any) -> int:
    """Return the bits of the outputs of a term that have to be negated."""
    return 2 * outputs[term, 1 - flipped[term]] * _width(sums, term)


@njit(cache=True)
def _extra(sums: Any, k: int, flipped: Any) -> float:
    """Return the bits that the signs of a sum cost on top."""
    a, b = sums.rows[k, 0], sums.rows[k, 1]
    if shift_of(a) > shift_of(b):
        a, b = b, a
    turn = flipped[sums.scalars[0] + k]
    lower = sign_of(a) ^ flipped[term_of(a)] ^ turn
    upper = sign_of(b) ^ flipped[term_of(b)] ^ turn
    if lower and upper:
        return 6.0 * _width(sums, sums.scalars[0] + k)  # there is no such adder
    if lower and shift_of(b) > shift_of(a):
        return float(shift_of(b) - shift_of(a))
    return SUBTRACTION if lower or upper else 0.0


@njit(cache=True)
def _around(sums: Any, k: int, start: Any, users: Any, outputs: Any, flipped: Any) -> float:
    """Return what depends on the sign of a sum."""
    term = sums.scalars[0] + k
    total = _extra(sums, k, flipped)
    for n in range(start[term], start[term + 1]):
        if n == start[term] or users[n] != users[n - 1]:
            total += _extra(sums, users[n], flipped)
    return total + _negated(sums, term, outputs, flipped)


@njit(cache=True)
def _cool(sums: Any, order: Any, start: Any, users: Any, flipped: Any, seed: int) -> float:
    """Turn sums, in place; return the bits that signs cost."""
    inputs = sums.scalars[0]
    outputs = np.zeros((len(flipped), 2), np.int64)  # of each term, that want it as it is, turned
    for o in range(len(sums.outputs)):
        if sums.outputs[o, 0] >= 0:
            outputs[sums.outputs[o, 0], sums.outputs[o, 2]] += 1
    np.random.seed(seed)
    for sweep in range(SWEEPS + 2):
        heat = HOT * (COLD / HOT) ** (sweep / SWEEPS)
        for k in order:
            before = _around(sums, k, start, users, outputs, flipped)
            flipped[inputs + k] ^= 1
            gain = _around(sums, k, start, users, outputs, flipped) - before
            if gain > 0 and (sweep >= SWEEPS or np.random.random() > np.exp(-gain / heat)):
                flipped[inputs + k] ^= 1
    total = 0.0
    for k in order:  # what is left of sums that no adder makes
        lower = sign_of(sums.rows[k, 0]) ^ flipped[term_of(sums.rows[k, 0])]
        upper = sign_of(sums.rows[k, 1]) ^ flipped[term_of(sums.rows[k, 1])]
        if lower == upper:
            flipped[inputs + k] = lower
        total += _extra(sums, k, flipped)
    for term in range(len(flipped)):
        total += _negated(sums, term, outputs, flipped)
    return total
