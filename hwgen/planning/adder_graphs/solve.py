"""From a matrix of integers to adders."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.errors import InternalError, PlanError
from hwgen.planning.adder_graphs.differences import decomposed
from hwgen.planning.adder_graphs.digits import shift_of, sign_of, signed_digits, term_of
from hwgen.planning.adder_graphs.search import copy_changes, improve
from hwgen.planning.adder_graphs.sharing import finish, share, total_cost
from hwgen.planning.adder_graphs.signs import Signs, turned
from hwgen.planning.adder_graphs.sums import FREE, Sums, levels, load, tidy
from rtl_templates.adder_graph import Adder, AdderGraph, Tap

__all__ = ["coefficients", "solve"]

_NOISE = 0.4
_WORK = 1_000_000  # pairs to be looked at for what is left of a sum


def solve(
    matrix: npt.NDArray[np.int64],
    low: Sequence[int],
    high: Sequence[int],
    *,
    depth: int | None = None,
    starts: int = 1,
    seed: int = 0, tree: int = 0, rounds: int = 0, weight: float = 0.0, heat: float = 0.0, reach: float = 0.3, noise: float = 0.5,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> AdderGraph:
    """Return a graph of few adder bits for y = x @ matrix: signed digits, shared pair by pair.

    Parameters
    ----------
    matrix : (inputs, outputs)
    low, high : least and greatest value of each input
    depth : most adders from an input to an output; two more than must be when not given
    starts : greedy runs, the first plain, the others with some noise; the cheapest counts
    seed : of the noise
    progress : called with the runs done and all of them

    Raises
    ------
    PlanError : no graph is as flat as that, or no run is asked for
    """
    columns, order = decomposed(matrix, tree)
    longest = max((len(column) for column in signed_digits(matrix)), default=0)
    most = max(1, longest - 1).bit_length() + 2 if depth is None else depth
    room = sum(map(len, columns)) + len(columns) + 1
    places = 1 << max(12, (3 * sum(len(c) * len(c) // 2 for c in columns)).bit_length())
    table = np.full(places, -1), np.zeros(places, np.int64), np.zeros(places + 1, np.int64)
    best: tuple[int, AdderGraph] | None = None
    for start in range(starts):
        bounds = np.array(low, np.int64), np.array(high, np.int64)
        sums = load(columns, order, *bounds, depth=most, room=room)
        levels(sums)
        share(sums, *table, seed + start, _NOISE if start else 0.0, True)
        tidy(sums)
        levels(sums)
        finish(sums, seed + start, _WORK)
        tidy(sums)
        if rounds:
            other = load(columns, order, *bounds, depth=most, room=room)
            copy_changes(sums, other)
            improve(sums, other, *table, seed + start, rounds, weight, heat, reach, noise)
        rows = _order(sums)
        signs = turned(sums, rows, seed + start)
        cost = total_cost(sums) + signs.bits
        if best is None or cost < best[0]:
            best = cost, _graph(sums, rows, signs)
        progress(start + 1, starts)
    if best is None:
        raise PlanError(f"Number of starts must be at least 1, not {starts}")
    if best[1].depth > most:
        raise PlanError(f"Depth must be at least {best[1].depth} for this matrix, not {most}")
    if not np.array_equal(coefficients(best[1]), matrix):
        raise InternalError("Adder graph differs from its matrix")
    return best[1]


def coefficients(graph: AdderGraph) -> npt.NDArray[Any]:
    """Return the matrix that a graph computes, (inputs, outputs), from the unit vectors."""
    columns = graph.evaluate(list(np.eye(graph.inputs, dtype=object)))
    wide = [np.broadcast_to(np.asarray(c, dtype=object), (graph.inputs,)) for c in columns]
    return np.stack(wide, axis=1) if wide else np.zeros((graph.inputs, 0), dtype=object)


def _order(sums: Sums) -> npt.NDArray[np.int64]:
    """Return the rows of the sums, each after its operands."""
    inputs = int(sums.scalars[0])
    levels(sums)
    rows = [k for k in range(int(sums.scalars[1])) if sums.length[k] != FREE]
    return np.array(sorted(rows, key=lambda k: (int(sums.depth[inputs + k]), k)), dtype=np.int64)


def _graph(sums: Sums, order: npt.NDArray[np.int64], signs: Signs) -> AdderGraph:
    """Return the sums of two digits as adders, with the signs that they are made with."""
    inputs = int(sums.scalars[0])
    flipped = signs.flipped.tolist()
    place = {term: term for term in range(inputs)}
    adders: list[Adder] = []
    for k in order.tolist():
        low, high = sorted((int(w) for w in sums.rows[k, :2]), key=shift_of)
        shift = shift_of(high) - shift_of(low)
        turn = flipped[inputs + k]
        minus_low = sign_of(low) ^ flipped[term_of(low)] ^ turn
        minus_high = sign_of(high) ^ flipped[term_of(high)] ^ turn
        a, b = place[term_of(low)], place[term_of(high)]
        if minus_low:  # the higher one less the lower
            a, b, shift = b, a, -shift
        adders.append(Adder(a, b, shift, bool(minus_low or minus_high)))
        place[inputs + k] = inputs + len(adders) - 1
    taps = []
    for term, shift, negative in sums.outputs.tolist():
        if term < 0:
            taps.append(Tap(None))
        else:
            taps.append(Tap(place[term], shift, bool(flipped[term] ^ negative)))
    return AdderGraph(inputs, tuple(adders), tuple(taps))
