"""Sums of signed digits, as the solver holds them: rows of an array, and what is known of each."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from hwgen.planning.lowering.adder_graphs.differences import Columns
from hwgen.planning.lowering.adder_graphs.digits import (
    digit,
    reduce_row,
    shift_of,
    sign_of,
    term_of,
)

__all__ = [
    "FREE",
    "Sums",
    "levels",
    "load",
    "measure",
    "measure_depth",
    "new_sum",
    "reserve",
    "tidy",
]

FREE = -1  # length of a row that holds no sum
Array = npt.NDArray[np.int64]


class Sums(NamedTuple):
    """What the solver works on. Terms are the inputs, then the sums.

    Attributes
    ----------
    rows, length : digits of each sum, (sums, digits) and (sums)
    coefficients : of each term, in the inputs, (terms, inputs)
    low, high : range of each term
    depth : adders on the longest way from an input to each term
    limit : most that the depth of each sum may be, so that no output is too deep
    uses : of each term, by digits of sums and by outputs
    outputs : term, shift and sign (1: negative) of each output, (outputs, 3); term -1 for zero
    scalars : inputs, rows ever used, most depth
    """

    rows: Array
    length: Array
    coefficients: Array
    low: Array
    high: Array
    depth: Array
    limit: Array
    uses: Array
    outputs: Array
    scalars: Array


def load(columns: Columns, low: Array, high: Array, *, depth: int) -> Sums:
    """Return a sum for each output, of its digits.

    Parameters
    ----------
    columns : the outputs
    low, high : range of each input
    depth : most adders from an input to an output
    """
    inputs, outputs = len(low), len(columns.digits)
    room = sum(map(len, columns.digits)) + outputs + 1
    longest = max(map(len, columns.digits), default=0)
    sums = Sums(
        rows=np.zeros((room, longest), np.int64),
        length=np.full(room, FREE, np.int64),
        coefficients=np.zeros((inputs + room, inputs), np.int64),
        low=np.zeros(inputs + room, np.int64),
        high=np.zeros(inputs + room, np.int64),
        depth=np.zeros(inputs + room, np.int64),
        limit=np.zeros(room, np.int64),
        uses=np.zeros(inputs + room, np.int64),
        outputs=np.zeros((outputs, 3), np.int64),
        scalars=np.array([inputs, 0, depth], np.int64),
    )
    sums.coefficients[:inputs] = np.eye(inputs, dtype=np.int64)
    sums.low[:inputs], sums.high[:inputs] = low, high
    for index in columns.order:
        column = columns.digits[index].copy()
        if len(column) == 0:
            sums.outputs[index] = -1, 0, 0
            continue
        for i, word in enumerate(column.tolist()):
            if term_of(word) >= inputs:
                column[i] += sums.outputs[term_of(word) - inputs, 1] << 1
        shift = int(min(shift_of(word) for word in column))
        sums.rows[index, : len(column)] = np.sort(column - (shift << 1))
        sums.length[index] = len(column)
        sums.outputs[index] = inputs + index, shift, 0
        sums.scalars[1] = max(int(sums.scalars[1]), index + 1)
        measure(sums, index)
    tidy(sums)
    return sums


@njit(cache=True)
def measure(sums: Any, k: int) -> None:
    """Compute the coefficients and the range of a sum from its digits."""
    inputs = sums.scalars[0]
    row = sums.coefficients[inputs + k]
    row[:] = 0
    for i in range(sums.length[k]):
        word = sums.rows[k, i]
        child = sums.coefficients[term_of(word)]
        factor = 1 << shift_of(word)
        if sign_of(word):
            factor = -factor
        for j in range(inputs):
            row[j] += factor * child[j]
    low = high = 0
    for j in range(inputs):
        if row[j] > 0:
            low += row[j] * sums.low[j]
            high += row[j] * sums.high[j]
        elif row[j] < 0:
            low += row[j] * sums.high[j]
            high += row[j] * sums.low[j]
    sums.low[inputs + k], sums.high[inputs + k] = low, high


@njit(cache=True)
def new_sum(sums: Any, a: int, b: int) -> int:
    """Make a sum of two digits and return its row."""
    k = 0
    while sums.length[k] != FREE:
        k += 1
    sums.scalars[1] = max(sums.scalars[1], k + 1)
    sums.rows[k, 0], sums.rows[k, 1] = min(a, b), max(a, b)
    sums.length[k] = 2
    sums.limit[k] = sums.scalars[2]
    measure_depth(sums, k)
    measure(sums, k)
    return k


@njit(cache=True)
def measure_depth(sums: Any, k: int) -> None:
    """Compute the depth of a sum of two digits from theirs."""
    a, b = term_of(sums.rows[k, 0]), term_of(sums.rows[k, 1])
    sums.depth[sums.scalars[0] + k] = max(sums.depth[a], sums.depth[b]) + 1


@njit(cache=True)
def tidy(sums: Any) -> None:
    """Put what a sum of one digit is in its place wherever it is used, and drop what is unused."""
    inputs, top = sums.scalars[0], sums.scalars[1]
    again = True
    while again:
        again = False
        alias = False
        for k in range(top):
            if sums.length[k] == 0 or sums.length[k] == 1:
                alias = True
        if alias:
            for k in range(top):
                changed = False
                length = sums.length[k]
                i = 0
                while i < length:
                    word = sums.rows[k, i]
                    child = term_of(word) - inputs
                    if child >= 0 and sums.length[child] == 1:
                        inner = sums.rows[child, 0]
                        sums.rows[k, i] = digit(
                            term_of(inner),
                            shift_of(inner) + shift_of(word),
                            sign_of(inner) ^ sign_of(word),
                        )
                        changed = again = True
                    elif child >= 0 and sums.length[child] == 0:
                        length -= 1
                        sums.rows[k, i] = sums.rows[k, length]
                        changed = again = True
                        continue
                    i += 1
                if changed:
                    sums.length[k] = reduce_row(sums.rows[k], length)
            for o in range(len(sums.outputs)):
                child = sums.outputs[o, 0] - inputs
                if child >= 0 and sums.length[child] == 1:
                    inner = sums.rows[child, 0]
                    sums.outputs[o, 0] = term_of(inner)
                    sums.outputs[o, 1] += shift_of(inner)
                    sums.outputs[o, 2] ^= sign_of(inner)
                    again = True
                elif child >= 0 and sums.length[child] == 0:
                    sums.outputs[o] = -1
                    again = True
    _drop_unused(sums)


@njit(cache=True)
def _drop_unused(sums: Any) -> None:
    inputs, top = sums.scalars[0], sums.scalars[1]
    uses = sums.uses
    uses[: inputs + top] = 0
    for k in range(top):
        for i in range(sums.length[k]):
            uses[term_of(sums.rows[k, i])] += 1
    for o in range(len(sums.outputs)):
        if sums.outputs[o, 0] >= 0:
            uses[sums.outputs[o, 0]] += 1
    stack = [k for k in range(top) if sums.length[k] >= 0 and uses[inputs + k] == 0]
    while stack:
        k = stack.pop()
        for i in range(sums.length[k]):
            child = term_of(sums.rows[k, i])
            uses[child] -= 1
            if child >= inputs and uses[child] == 0:
                stack.append(child - inputs)
        sums.length[k] = FREE
    while top > 0 and sums.length[top - 1] == FREE:
        top -= 1
    sums.scalars[1] = top


@njit(cache=True)
def levels(sums: Any) -> int:
    """Compute depths and limits; return the greatest depth of an output.

    A sum of many digits is taken for the flattest tree of adders that makes it. What room it has
    to be deeper, it gives one half of to the sums that it is made of.
    """
    inputs, top = sums.scalars[0], sums.scalars[1]
    depth, limits = sums.depth, sums.limit
    turns, changed = 0, True
    while changed:
        changed = False
        turns += 1
        if turns > 200:
            raise ValueError("Sums form a circle")
        for k in range(top):
            if sums.length[k] > 0:
                level = 0
                while (1 << level) < _flat(sums, k):
                    level += 1
                if depth[inputs + k] != level:
                    depth[inputs + k] = level
                    changed = True
    limits[:top] = sums.scalars[2]
    changed = True
    while changed:
        changed = False
        for k in range(top):
            length, limit = sums.length[k], limits[k]
            operands = 0
            for i in range(length):
                operands += term_of(sums.rows[k, i]) >= inputs
            room = (1 << limit) - _flat(sums, k) if length > 2 else 0
            for i in range(length):
                term = term_of(sums.rows[k, i])
                if term < inputs:
                    continue
                most = limit - 1
                if length > 2:
                    while most > depth[term] and 1 << most > room // (2 * operands) + (
                        1 << depth[term]
                    ):
                        most -= 1
                if limits[term - inputs] > most:
                    limits[term - inputs] = most
                    changed = True
    deepest = 0
    for o in range(len(sums.outputs)):
        if sums.outputs[o, 0] >= 0:
            deepest = max(deepest, depth[sums.outputs[o, 0]])
    return deepest


@njit(cache=True)
def _flat(sums: Any, k: int) -> int:
    """Return the inputs of the flattest tree that has room for the digits of a sum."""
    total = 0
    for i in range(sums.length[k]):
        total += 1 << min(sums.depth[term_of(sums.rows[k, i])], 40)
    return total


@njit(cache=True)
def reserve(sums: Any) -> None:
    """Let each sum of more than two digits count as deep as it may become, so that whatever is
    done to it makes no other too deep."""
    inputs, top = sums.scalars[0], sums.scalars[1]
    changed = True
    while changed:
        changed = False
        for k in range(top):
            term = inputs + k
            before = sums.depth[term]
            if sums.length[k] > 2:
                sums.depth[term] = sums.limit[k]
            elif sums.length[k] == 2:
                measure_depth(sums, k)
            changed = changed or sums.depth[term] != before
