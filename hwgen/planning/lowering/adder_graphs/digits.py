"""Signed digits: integers as few signed powers of two, and sums of terms made of such digits.

A digit is one integer: a term, a shift and a sign. A sum is a row of digits. Term `t` below the
number of inputs is an input, term `inputs + k` is sum `k`.
"""

__all__ = ["count_digits", "digit", "reduce_row", "shift_of", "sign_of", "signed_digits", "term_of"]

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit


@njit(cache=True)
def digit(term: int, shift: int, negative: int) -> int:
    """Return a digit."""
    return (term << 7) | (shift << 1) | negative


@njit(cache=True)
def term_of(word: int) -> int:
    """Return the term of a digit."""
    return word >> 7


@njit(cache=True)
def shift_of(word: int) -> int:
    """Return the shift of a digit."""
    return (word >> 1) & 63


@njit(cache=True)
def sign_of(word: int) -> int:
    """Return 1 where a digit is negative, 0 where it is positive."""
    return word & 1


@njit(cache=True)
def reduce_row(row: Any, length: int) -> int:
    """Sort the digits of a row, in place, and add up those of one term and shift.

    Returns
    -------
    the new length
    """
    changed = True
    while changed:
        changed = False
        for i in range(1, length):  # rows are short, and nearly sorted
            word, j = row[i], i
            while j > 0 and row[j - 1] > word:
                row[j] = row[j - 1]
                j -= 1
            row[j] = word
        kept = 0
        i = 0
        while i < length:
            if i + 1 < length and row[i] >> 1 == row[i + 1] >> 1:
                if row[i] == row[i + 1]:
                    row[kept] = row[i] + 2
                    kept += 1
                i += 2
                changed = True
            else:
                row[kept] = row[i]
                kept += 1
                i += 1
        length = kept
    return length


def count_digits(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return how many signed digits each integer takes at the least."""
    whole = np.abs(values)
    return np.bitwise_count(whole ^ 3 * whole).astype(np.int64)


def signed_digits(
    matrix: npt.NDArray[np.int64], *, canonical: bool = True
) -> list[npt.NDArray[np.int64]]:
    """Return as few signed digits as there can be for each column.

    Parameters
    ----------
    matrix : (inputs, outputs)
    canonical : no two digits of a weight are neighbours (Reitwiesner, 1960); otherwise they are
        where that takes no more of them: 3 is 2 + 1, not 4 - 1

    Returns
    -------
    for each column, its digits; the terms are the rows
    """
    rows: list[list[int]] = [[] for _ in range(matrix.shape[1])]
    left = matrix.astype(np.int64).copy()
    shift = 0
    while left.any():
        value = 2 - (left & 3)
        if not canonical:
            fewer = count_digits((left + value) >> 1) <= count_digits((left - value) >> 1)
            value = np.where(fewer, -value, value)
        value[left & 1 == 0] = 0
        for term, column in zip(*np.nonzero(value), strict=True):
            negative = int(value[term, column] < 0)
            rows[column].append(digit(int(term), shift, negative))
        left = (left - value) >> 1
        shift += 1
    return [np.array(sorted(row), dtype=np.int64) for row in rows]
