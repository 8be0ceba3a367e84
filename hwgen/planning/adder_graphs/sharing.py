"""Greedy sharing of sums of two terms (Hartley, 1996), weighed by what an adder really costs."""

from heapq import heappop, heappush
from typing import Any

import numpy as np
from numba import njit

from hwgen.planning.adder_graphs.digits import digit, shift_of, sign_of, term_of
from hwgen.planning.adder_graphs.sums import new_sum

__all__ = ["adder_cost", "finish", "pair_cost", "share", "total_cost"]

_MIX = np.uint64(0x9E3779B97F4A7C15)
_FORTY = np.uint64(40)
VARIATIONS = 300  # of the order in which what is left of a sum is added up


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
    """Return what an adder costs: cells of two bits, as ECP5 has, and tables of one, as Xilinx
    has, where both operands' sign takes one table with the bit below.

    bits, top : of the sum, and of the longer operand, without those that pass by
    """
    return bits + (bits & 1) + min(bits, top) if bits > 0 else 0


@njit(cache=True)
def pair_cost(sums: Any, a: int, b: int) -> int:
    """Return the half bits of the adder of two digits; bits below the higher one pass by it.

    The lower digit counts as positive: the sum may be had with either sign.
    """
    if shift_of(a) > shift_of(b):
        a, b = b, a
    shift = shift_of(b) - shift_of(a)
    ta, tb = term_of(a), term_of(b)
    differ = sign_of(a) ^ sign_of(b)
    low, high = sums.low, sums.high
    return _cost(low[ta], high[ta], low[tb], high[tb], shift, differ)


@njit(cache=True)
def _cost(low_a: int, high_a: int, low_b: int, high_b: int, shift: int, differ: int) -> int:
    """Return the half bits of an adder of two ranges, b shifted up; its sign does not matter."""
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
    """Return the half bits of the adder that makes a sum of two digits, with its exact range."""
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
    """Return the half bits of all adders, whatever signs cost on top."""
    total = 0
    for k in range(sums.scalars[1]):
        if sums.length[k] > 0:
            total += adder_cost(sums, k)
    return total


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
    return (count - 1) * pair_cost(sums, a, b) * (1.0 + noise * _noise(key, seed))


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
def share(
    sums: Any, keys: Any, counts: Any, used: Any, seed: int, noise: float, every: bool
) -> None:
    """Make sums of the pairs of digits that occur more than once, the most worth first.

    Parameters
    ----------
    keys, counts, used : a hash table, empty, and the places of it that are taken
    seed, noise : how far the worth of a pair may be from the truth, and which way
    every : whether pairs that only sums of two digits have matter
    """
    inputs, top = sums.scalars[0], sums.scalars[1]
    for k in range(top):
        if sums.length[k] > 2:  # until it is finished it counts as deep as it may become
            sums.depth[inputs + k] = sums.limit[k]
    for k in range(top):
        if every or sums.length[k] > 2:
            for i in range(sums.length[k]):
                for j in range(i):
                    _add(keys, counts, used, _key(sums.rows[k, i], sums.rows[k, j]), 1)
    if not every:
        for k in range(top):
            if sums.length[k] == 2:
                place = _slot(keys, _key(sums.rows[k, 0], sums.rows[k, 1]))
                if keys[place] != -1:
                    counts[place] += 1
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
            _extract(sums, keys, counts, used, heap, place, seed, noise, every)
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
    every: bool,
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
            for n in range(length):
                if row[n] != word:
                    fresh.append(_add(keys, counts, used, _key(row[n], word), 1))
            i, j = _find(sums, k, key, 0)
    counts[place] = 0
    for other in fresh:
        if counts[other] > 1:
            heappush(heap, (-_score(sums, keys[other], counts[other], seed, noise), other))


@njit(cache=True)
def finish(sums: Any, seed: int, work: int) -> None:
    """Add up what is left of each sum, two digits at a time: the cheapest first, and the best of
    as many variations of that as `work` allows, pairs to be looked at for each sum."""
    inputs = sums.scalars[0]
    np.random.seed(seed)
    for k in np.argsort(sums.depth[inputs : inputs + sums.scalars[1]]):
        length = sums.length[k]
        if length < 3:
            if length == 2:
                a, b = term_of(sums.rows[k, 0]), term_of(sums.rows[k, 1])
                sums.depth[inputs + k] = max(sums.depth[a], sums.depth[b]) + 1
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
        a, b = term_of(row[0]), term_of(row[1])
        sums.depth[inputs + k] = max(sums.depth[a], sums.depth[b]) + 1


@njit(cache=True)
def _tree(sums: Any, k: int, noise: float, picks: Any) -> float:
    """Choose which digits of a sum are added up, pair by pair; return the half bits of the adders.

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
                true = _cost(low[a], high[a], low[b], high[b], apart, differ)
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
        total += _cost(low[a], high[a], low[b], high[b], apart, differ)
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
