"""Columns as differences: each column's digits, or another column and the digits of the rest.

Which column is made of which is the minimum spanning tree, from zero, of the digits that columns
differ by (Prim, 1957), within a depth of adders.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwgen.planning.lowering.adder_graphs.digits import count_digits, digit, signed_digits

__all__ = ["Columns", "decomposed", "plain"]


SHIFTS = (0, 1, 2)  # of the column that another one is made of
Array = npt.NDArray[np.int64]


class Columns(NamedTuple):
    """A matrix as digits.

    digits : of each column; term inputs + n is column n
    order : the columns, each after the one that it is made of
    """

    digits: list[Array]
    order: list[int]


def plain(matrix: Array, *, canonical: bool) -> Columns:
    """Return the columns, each made of inputs alone."""
    return Columns(signed_digits(matrix, canonical=canonical), list(range(matrix.shape[1])))


def decomposed(matrix: Array, depth: int, *, canonical: bool) -> Columns:
    """Return the columns, each made of inputs and of another column where that takes fewer digits.

    Parameters
    ----------
    matrix : (inputs, outputs)
    depth : most adders from an input to a column that is made of another one, at the flattest
    canonical : which digits, see `signed_digits`
    """
    inputs, outputs = matrix.shape
    least = count_digits(matrix).sum(axis=0)  # digits of each column, as found so far
    flat = _level(least)
    rest = matrix.copy()
    other = np.full(outputs, -1)  # digit of the column that each is made of
    left = np.ones(outputs, bool)
    order: list[int] = []
    for _ in range(outputs):
        new = int(np.argmin(np.where(left, least, np.iinfo(np.int64).max)))
        left[new] = False
        order.append(new)
        if not least[new]:
            continue
        for shift in SHIFTS:
            for sign in (1, -1):
                less = matrix - sign * (matrix[:, [new]] << shift)
                count = count_digits(less).sum(axis=0)
                level = _level(count + (1 << flat[new]))
                better = left & (count + 1 < least) & (level <= depth)
                least[better], flat[better] = count[better] + 1, level[better]
                rest[:, better] = less[:, better]
                other[better] = digit(inputs + new, shift, int(sign < 0))
    digits = signed_digits(rest, canonical=canonical)
    for column in np.flatnonzero(other >= 0).tolist():
        digits[column] = np.append(digits[column], other[column])
    return Columns(digits, order)


def _level(terms: Array) -> Array:
    """Return the depth of the flattest trees of adders of so many terms."""
    return np.frexp(np.maximum(0, terms - 1).astype(np.float64))[1].astype(np.int64)
