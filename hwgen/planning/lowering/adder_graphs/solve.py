"""From a matrix of integers to adders."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.errors import InternalError, PlanError
from hwgen.planning.lowering.adder_graphs.costs import registers, total_cost
from hwgen.planning.lowering.adder_graphs.differences import Columns, decomposed, plain
from hwgen.planning.lowering.adder_graphs.digits import shift_of, sign_of, term_of
from hwgen.planning.lowering.adder_graphs.finishing import finish
from hwgen.planning.lowering.adder_graphs.sharing import share
from hwgen.planning.lowering.adder_graphs.signs import Signs, turned
from hwgen.planning.lowering.adder_graphs.sums import FREE, Sums, levels, load, tidy
from hwgen_rtl_templates.adder_graph import Adder, AdderGraph, Tap

__all__ = ["coefficients", "solve"]

_NOISE = (0.1, 0.2, 0.02)  # how far the worth of a pair may be from the truth, run by run
_DEEPEST = 40  # adders one behind the other, whatever is allowed
_WORK = 1_000_000  # pairs to be looked at for what is left of a sum
_REGISTER = 0.1  # cost of a bit of a register, where a bit of an adder costs two
Array = npt.NDArray[np.int64]


def solve(
    matrix: npt.NDArray[np.int64],
    low: Sequence[int],
    high: Sequence[int],
    *,
    depth: int | None = None,
    starts: int = 1,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> AdderGraph:
    """Return a graph of few adder bits for y = x @ matrix: signed digits, shared pair by pair.

    Parameters
    ----------
    matrix : (inputs, outputs)
    low, high : least and greatest value of each input
    depth : most adders from an input to an output; two more than must be when not given
    starts : greedy runs, of which the cheapest counts: the first ones each begin another way, with
        columns as differences or without; the others begin like the best two, with some noise
    seed : of the noise
    progress : called with the runs done and all of them

    Raises
    ------
    PlanError : no graph is as flat as that, or no run is asked for
    """
    if starts < 1:
        raise PlanError(f"Number of starts must be at least 1, not {starts}")
    bounds = np.array(low, np.int64), np.array(high, np.int64)
    canonical = plain(matrix, canonical=True)
    least = max(0, max(map(len, canonical.digits), default=0) - 1).bit_length()
    most = min(_DEEPEST, max(1, least + 2) if depth is None else depth)
    if least > most:
        raise PlanError(f"Depth must be at least {least} for this matrix, not {most}")
    ways = _ways(matrix, canonical, most)
    table = _table(canonical)
    found: list[tuple[float, int, Columns]] = []
    best: tuple[float, AdderGraph] | None = None
    for start in range(starts):
        if start < len(ways):
            way, noise = ways[start], 0.0
        else:
            way = sorted(found[: len(ways)], key=lambda run: run[:2])[start % 2 % len(ways)][2]
            noise = _NOISE[start % len(_NOISE)]
        sums = load(way, *bounds, depth=most)
        levels(sums)
        share(sums, *table, seed + start, noise)
        tidy(sums)
        levels(sums)
        finish(sums, seed + start, _WORK)
        tidy(sums)
        order = _order(sums)
        signs = turned(sums, order, seed + start)
        cost = total_cost(sums) + signs.cost + _REGISTER * registers(sums)
        found.append((cost, start, way))
        if best is None or cost < best[0]:
            best = cost, _graph(sums, order, signs)
        progress(start + 1, starts)
    assert best is not None
    if best[1].depth > most or not np.array_equal(coefficients(best[1]), matrix):
        raise InternalError("Adder graph differs from its matrix, or is too deep")
    return best[1]


def coefficients(graph: AdderGraph) -> npt.NDArray[Any]:
    """Return the matrix that a graph computes, (inputs, outputs), from the unit vectors."""
    columns = graph.evaluate(list(np.eye(graph.inputs, dtype=object)))
    wide = [np.broadcast_to(np.asarray(c, dtype=object), (graph.inputs,)) for c in columns]
    return np.stack(wide, axis=1) if wide else np.zeros((graph.inputs, 0), dtype=object)


def _ways(matrix: Array, canonical: Columns, depth: int) -> list[Columns]:
    """Return the ways to write a matrix that runs begin with, each once, the likely best first."""
    ways: list[Columns] = []
    for way in (
        decomposed(matrix, depth, canonical=False),
        plain(matrix, canonical=False),
        decomposed(matrix, depth, canonical=True),
        canonical,
        decomposed(matrix, depth - 1, canonical=False),
    ):
        if not any(all(map(np.array_equal, way.digits, other.digits)) for other in ways):
            ways.append(way)
    return ways


def _table(columns: Columns) -> tuple[Array, Array, Array]:
    """Return an empty hash table with room for the pairs of digits of columns, and of what comes
    in their places."""
    pairs = sum(len(digits) ** 2 // 2 for digits in columns.digits)
    places = 1 << max(12, (3 * pairs).bit_length())
    return np.full(places, -1), np.zeros(places, np.int64), np.zeros(places + 1, np.int64)


def _order(sums: Sums) -> Array:
    """Return the rows of the sums, each after its operands."""
    inputs = int(sums.scalars[0])
    levels(sums)
    rows = [k for k in range(int(sums.scalars[1])) if sums.length[k] != FREE]
    return np.array(sorted(rows, key=lambda k: (int(sums.depth[inputs + k]), k)), dtype=np.int64)


def _graph(sums: Sums, order: Array, signs: Signs) -> AdderGraph:
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
