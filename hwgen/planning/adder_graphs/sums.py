"""Sums of signed digits, as the solver holds them: rows of an array, and what is known of each."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from hwgen.planning.adder_graphs.digits import digit, reduce_row, shift_of, sign_of, term_of

__all__ = ["FREE", "Sums", "expand", "levels", "load", "measure", "new_sum", "tidy"]

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
    made : number of each sum among all that were ever made, for rows are used again
    uses : of each term, by digits of sums and by outputs
    outputs : term, shift and sign (1: negative) of each output, (outputs, 3); term -1 for zero
    scalars : inputs, rows ever used, most depth, sums ever made
    """

    rows: Array
    length: Array
    coefficients: Array
    low: Array
    high: Array
    depth: Array
    limit: Array
    made: Array
    uses: Array
    outputs: Array
    scalars: Array


def load(
    columns: list[Array], order: list[int], low: Array, high: Array, *, depth: int, room: int
) -> Sums:
    """Return a sum for each output, of its digits.

    Parameters
    ----------
    columns : digits of each output; term inputs + n is output n
    order : the outputs, each after those that it is made of
    low, high : range of each input
    depth : most adders from an input to an output
    room : sums there shall be room for, at most
    """
    inputs, outputs = len(low), len(columns)
    longest = max((len(column) for column in columns), default=0) + 16
    sums = Sums(
        rows=np.zeros((room, longest), np.int64),
        length=np.full(room, FREE, np.int64),
        coefficients=np.zeros((inputs + room, inputs), np.int64),
        low=np.zeros(inputs + room, np.int64),
        high=np.zeros(inputs + room, np.int64),
        depth=np.zeros(inputs + room, np.int64),
        limit=np.zeros(room, np.int64),
        made=np.zeros(room, np.int64),
        uses=np.zeros(inputs + room, np.int64),
        outputs=np.zeros((outputs, 3), np.int64),
        scalars=np.array([inputs, 0, depth, 0], np.int64),
    )
    sums.coefficients[:inputs] = np.eye(inputs, dtype=np.int64)
    sums.low[:inputs], sums.high[:inputs] = low, high
    for index in order:
        column = columns[index].copy()
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
    sums.scalars[3] += 1
    sums.made[k] = sums.scalars[3]
    inputs = sums.scalars[0]
    sums.depth[inputs + k] = max(sums.depth[term_of(a)], sums.depth[term_of(b)]) + 1
    sums.limit[k] = sums.scalars[2]
    measure(sums, k)
    return k


@njit(cache=True)
def expand(sums: Any, k: int, place: int) -> bool:
    """Put in place of a digit of a sum the digits that its term is made of.

    Returns
    -------
    whether the term was a sum, and there was room
    """
    inputs = sums.scalars[0]
    word = sums.rows[k, place]
    child = term_of(word) - inputs
    length = sums.length[k]
    if child < 0 or length + sums.length[child] > sums.rows.shape[1]:
        return False
    sums.rows[k, place] = sums.rows[k, length - 1]
    length -= 1
    for i in range(sums.length[child]):
        inner = sums.rows[child, i]
        sums.rows[k, length] = digit(
            term_of(inner), shift_of(inner) + shift_of(word), sign_of(inner) ^ sign_of(word)
        )
        length += 1
    sums.length[k] = reduce_row(sums.rows[k], length)
    return True


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

    A sum of many digits is taken for the flattest tree of adders that makes it.
    """
    inputs, top, most = sums.scalars[0], sums.scalars[1], sums.scalars[2]
    depth = sums.depth
    changed = True
    turns = 0
    while changed:
        changed = False
        turns += 1
        if turns > 200:
            raise ValueError("Sums form a circle")
        for k in range(top):
            if sums.length[k] > 0:
                total = 0
                for i in range(sums.length[k]):
                    total += 1 << min(depth[term_of(sums.rows[k, i])], 40)
                level = 0
                while (1 << level) < total:
                    level += 1
                if depth[inputs + k] != level:
                    depth[inputs + k] = level
                    changed = True
    sums.limit[:top] = most
    changed = True
    while changed:
        changed = False
        for k in range(top):
            length, limit = sums.length[k], sums.limit[k]
            if length < 1:
                continue
            total = growing = 0
            for i in range(length):
                term = term_of(sums.rows[k, i])
                total += 1 << depth[term]
                growing += term >= inputs
            for i in range(length):
                child = term_of(sums.rows[k, i]) - inputs
                if child >= 0:
                    most = limit - 1
                    if length > 2:  # each may take its part of the room that there is
                        room = ((1 << limit) - total) // (2 * growing) + (1 << depth[inputs + child])
                        most = depth[inputs + child]
                        while most < limit - 1 and (2 << most) <= room:
                            most += 1
                    if sums.limit[child] > most:
                        sums.limit[child] = most
                        changed = True
    deepest = 0
    for o in range(len(sums.outputs)):
        if sums.outputs[o, 0] >= 0:
            deepest = max(deepest, depth[sums.outputs[o, 0]])
    return deepest
