"""Greedy sharing of sums of two terms (Hartley, 1996), weighed by what an adder really costs."""

from heapq import heappop, heappush
from typing import Any

import numpy as np
from numba import njit

from hwgen.planning.lowering.adder_graphs.costs import pair_cost
from hwgen.planning.lowering.adder_graphs.digits import digit, shift_of, sign_of, term_of
from hwgen.planning.lowering.adder_graphs.sums import measure_depth, new_sum, reserve

__all__ = ["share"]

_MIX = np.uint64(0x9E3779B97F4A7C15)
_FORTY = np.uint64(40)
# what a pair is worth less by each bit that one of its digits is shifted up, and as a difference:
# such sums have less in common with the others, measured over many matrices
APART, DIFFERENCE = 2.0, 0.5


@njit(cache=True)
def _key(a: int, b: int) -> int:
    """Return what two digits have in common with all pairs that are the same sum."""
    if a > b:
        a, b = b, a
    apart = shift_of(b) - shift_of(a) + 64
    return (((term_of(a) << 21) | term_of(b)) << 9) | (apart << 1) | ((a ^ b) & 1)


@njit(cache=True)
def _slot(keys: Any, key: int) -> Any:
    """Return where a key is in the hash table, or could be."""
    mask = len(keys) - 1
    place = np.int64((np.uint64(key) * _MIX) >> _FORTY) & mask
    while keys[place] != -1 and keys[place] != key:
        place = (place + 1) & mask
    return place


@njit(cache=True)
def _noise(key: int, seed: int) -> Any:
    mixed = (np.uint64(key) ^ (np.uint64(seed) * _MIX)) * _MIX
    mixed = (mixed ^ (mixed >> np.uint64(29))) * _MIX
    return np.float64(mixed >> _FORTY) / 16777216.0


@njit(cache=True)
def _score(sums: Any, key: int, count: int, seed: int, noise: float) -> float:
    apart = ((key >> 1) & 255) - 64
    a = digit((key >> 30), max(0, -apart), 0)
    b = digit((key >> 9) & 0x1FFFFF, max(0, apart), key & 1)
    worth = pair_cost(sums, a, b) - APART * abs(apart) - DIFFERENCE * (key & 1)
    return (count - 1) * worth * (1.0 + noise * _noise(key, seed))


@njit(cache=True)
def _add(keys: Any, counts: Any, used: Any, key: int, by: int) -> int:
    place = _slot(keys, key)
    if keys[place] == -1:
        keys[place] = key
        counts[place] = 0
        used[used[0] + 1] = place
        used[0] += 1
    counts[place] += by
    return place


@njit(cache=True)
def _fits(sums: Any, k: int, i: int, j: int) -> bool:
    """Say whether a sum stays flat enough when two of its digits become one."""
    total = 0
    for n in range(sums.length[k]):
        if n not in (i, j):
            total += 1 << sums.depth[term_of(sums.rows[k, n])]
    a, b = term_of(sums.rows[k, i]), term_of(sums.rows[k, j])
    total += 2 << max(sums.depth[a], sums.depth[b])
    return total <= (1 << sums.limit[k])


@njit(cache=True)
def _find(sums: Any, k: int, key: int, start: int) -> tuple[int, int]:
    """Return the first pair of digits with a key, from a place on, or (-1, -1)."""
    first, second = key >> 30, (key >> 9) & 0x1FFFFF
    apart = ((key >> 1) & 255) - 64
    row = sums.rows[k]
    length = sums.length[k]
    for i in range(start, length):
        if term_of(row[i]) == first:
            other = digit(second, shift_of(row[i]) + apart, sign_of(row[i]) ^ (key & 1))
            for j in range(length):
                if row[j] == other and j != i:
                    return i, j
    return -1, -1


@njit(cache=True)
def share(sums: Any, keys: Any, counts: Any, used: Any, seed: int, noise: float) -> None:
    """Make sums of the pairs of digits that occur more than once, the most worth first.

    Parameters
    ----------
    sums : with their depths and limits
    keys, counts, used : a hash table, empty, and the places of it that are taken
    seed, noise : how far the worth of a pair may be from the truth, and which way
    """
    reserve(sums)
    for k in range(sums.scalars[1]):
        for i in range(sums.length[k]):
            for j in range(i):
                _add(keys, counts, used, _key(sums.rows[k, i], sums.rows[k, j]), 1)
    heap = [(0.0, np.int64(0))]
    heap.pop()
    for n in range(used[0]):
        place = used[n + 1]
        if counts[place] > 1:
            heappush(heap, (-_score(sums, keys[place], counts[place], seed, noise), place))
    while heap:
        worth, place = heappop(heap)
        if counts[place] < 2:
            continue
        now = -_score(sums, keys[place], counts[place], seed, noise)
        if now > worth + 1e-9:
            heappush(heap, (now, place))
        else:
            _extract(sums, keys, counts, used, heap, place, seed, noise)
    for n in range(used[0]):
        keys[used[n + 1]] = -1
    used[0] = 0


@njit(cache=True)
def _extract(
    sums: Any,
    keys: Any,
    counts: Any,
    used: Any,
    heap: Any,
    place: int,
    seed: int,
    noise: float,
) -> None:
    """Make one sum of a pair of digits, and put it wherever the pair is."""
    key = keys[place]
    inputs, top = sums.scalars[0], sums.scalars[1]
    found, owner = 0, -1
    for k in range(top):
        if sums.length[k] == 2:
            if _key(sums.rows[k, 0], sums.rows[k, 1]) == key:
                found += 1
                owner = k
        elif sums.length[k] > 2:
            i, j = _find(sums, k, key, 0)
            if i >= 0 and _fits(sums, k, i, j):
                found += 1
                i, j = _find(sums, k, key, i + 1)
                if i >= 0:
                    found += 1
    counts[place] = 0
    if found < 2:
        return
    first, second = key >> 30, (key >> 9) & 0x1FFFFF
    apart = ((key >> 1) & 255) - 64
    if owner < 0:
        a = digit(first, max(0, -apart), 0)
        b = digit(second, max(0, apart), key & 1)
        owner = new_sum(sums, a, b)
    i, j = _find(sums, owner, key, 0)
    flipped = sign_of(sums.rows[owner, i])
    base = min(shift_of(sums.rows[owner, i]), shift_of(sums.rows[owner, j]))
    fresh = [np.int64(0)]
    fresh.pop()
    for k in range(top):
        if k == owner or sums.length[k] < 2:
            continue
        i, j = _find(sums, k, key, 0)
        while i >= 0:
            if sums.length[k] > 2 and not _fits(sums, k, i, j):
                i, j = _find(sums, k, key, i + 1)
                continue
            row = sums.rows[k]
            length = sums.length[k]
            if length > 2:
                for n in range(length):
                    if n not in (i, j):
                        _add(keys, counts, used, _key(row[n], row[i]), -1)
                        _add(keys, counts, used, _key(row[n], row[j]), -1)
            shift = min(shift_of(row[i]), shift_of(row[j])) - base
            word = digit(inputs + owner, shift, sign_of(row[i]) ^ flipped)
            row[min(i, j)] = word
            row[max(i, j)] = row[length - 1]
            length -= 1
            sums.length[k] = length
            if length == 2:
                measure_depth(sums, k)
            for n in range(length):
                if row[n] != word:
                    fresh.append(_add(keys, counts, used, _key(row[n], word), 1))
            i, j = _find(sums, k, key, 0)
    counts[place] = 0
    for other in fresh:
        if counts[other] > 1:
            heappush(heap, (-_score(sums, keys[other], counts[other], seed, noise), other))
