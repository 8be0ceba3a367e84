"""Search around a graph: some of its sums are taken apart and shared anew, and better ones kept.

Large neighbourhood search (Shaw, 1998): what was taken apart is put together by the same greedy
passes that made it, with noise.
"""

from typing import Any

import numpy as np
from numba import njit

from hwgen.planning.adder_graphs.digits import shift_of, term_of
from hwgen.planning.adder_graphs.sharing import finish, share, total_cost
from hwgen.planning.adder_graphs.sums import FREE, Sums, expand, levels, tidy

__all__ = ["improve"]


@njit(cache=True)
def copy_changes(source: Any, target: Any) -> None:
    """Make sums of two digits the same as others, which most of them are already."""
    inputs = source.scalars[0]
    top = max(source.scalars[1], target.scalars[1])
    for k in range(top):
        a, b = source.rows[k], target.rows[k]
        if source.made[k] != target.made[k]:
            target.coefficients[inputs + k] = source.coefficients[inputs + k]
        for i in range(max(0, source.length[k])):
            b[i] = a[i]
    end = inputs + top
    target.length[:top] = source.length[:top]
    target.limit[:top] = source.limit[:top]
    target.made[:top] = source.made[:top]
    target.low[:end] = source.low[:end]
    target.high[:end] = source.high[:end]
    target.depth[:end] = source.depth[:end]
    target.uses[:end] = source.uses[:end]
    target.outputs[:] = source.outputs
    made = max(source.scalars[3], target.scalars[3])
    target.scalars[:] = source.scalars
    target.scalars[3] = source.scalars[3] = made


@njit(cache=True)
def _dissolve(sums: Any, child: int) -> None:
    """Put the digits of a sum wherever it is used by others."""
    inputs = sums.scalars[0]
    for k in range(sums.scalars[1]):
        i = 0
        while i < sums.length[k]:
            if term_of(sums.rows[k, i]) == inputs + child and expand(sums, k, i):
                i = 0
            else:
                i += 1


@njit(cache=True)
def _open(sums: Any, k: int, depth: int) -> None:
    """Put in place of the digits of a sum those that they are made of, so many times."""
    for _ in range(depth):
        for i in range(sums.length[k] - 1, -1, -1):
            if i < sums.length[k] and np.random.random() < 0.7:
                expand(sums, k, i)


@njit(cache=True)
def registers(sums: Any) -> int:
    """Return the bits of registers with one behind each adder."""
    inputs, top = sums.scalars[0], sums.scalars[1]
    end = np.zeros(inputs + top, np.int64)
    deepest = 0
    for k in range(top):
        if sums.length[k] > 0:
            stage = sums.depth[inputs + k] - 1
            deepest = max(deepest, stage)
            for i in range(sums.length[k]):
                term = term_of(sums.rows[k, i])
                end[term] = max(end[term], stage)
    for o in range(len(sums.outputs)):
        if sums.outputs[o, 0] >= 0:
            end[sums.outputs[o, 0]] = deepest
    total = 0
    for t in range(inputs + top):
        if end[t] > 0:
            stage = max(0, sums.depth[t] - 1)
            most = max(sums.high[t], -sums.low[t] - 1)
            bits = 1
            while most > 0:
                most >>= 1
                bits += 1
            total += bits * max(0, end[t] - stage)
    return total


@njit(cache=True)
def improve(
    sums: Any,
    best: Any,
    keys: Any,
    counts: Any,
    used: Any,
    seed: int,
    rounds: int,
    weight: float,
    heat: float,
    reach: float,
    noise: float,
) -> float:
    """Take sums apart and share them anew.

    Parameters
    ----------
    sums : of two digits each
    best : as many rows, of the same digits
    """
    np.random.seed(seed)
    inputs = sums.scalars[0]
    now = total_cost(sums) + weight * registers(sums)
    for step in range(rounds):
        top = sums.scalars[1]
        kind = np.random.randint(2)
        if kind == 0:
            share_of = np.random.random() * reach
            for k in range(top):
                if sums.length[k] > 0 and np.random.random() < share_of:
                    _dissolve(sums, k)
        else:
            for _ in range(np.random.randint(1, 2 + int(reach * 12))):
                k = np.random.randint(top)
                if sums.length[k] > 0:
                    _open(sums, k, np.random.randint(1, 6))
        tidy(sums)
        levels(sums)
        share(sums, keys, counts, used, seed + step, noise, False)
        tidy(sums)
        levels(sums)
        finish(sums, np.random.randint(1 << 30), 3000)
        tidy(sums)
        deepest = levels(sums)
        cost = total_cost(sums) + weight * registers(sums)
        if step % 1000 == 0:
            print(step, kind, deepest, sums.scalars[2], cost, now, top, sums.scalars[1])
        allowed = now - heat * (1 - step / rounds) * np.log(1 - np.random.random())
        if deepest <= sums.scalars[2] and cost <= allowed:
            now = cost
            copy_changes(sums, best)
        else:
            copy_changes(best, sums)
    return now
