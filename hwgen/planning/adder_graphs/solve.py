"""From a matrix of integers to adders."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.errors import InternalError, PlanError
from hwgen.planning.adder_graphs.digits import shift_of, sign_of, signed_digits, term_of
from hwgen.planning.adder_graphs.sharing import finish, share, total_cost
from hwgen.planning.adder_graphs.sums import FREE, Sums, levels, load, tidy
from rtl_templates.adder_graph import Adder, AdderGraph, Tap

__all__ = ["coefficients", "solve"]

_ODD = 1  # half bits on top of an odd width: half of the families' carry cells hold two bits
_NOISE = 0.4


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
    starts : greedy runs, the first plain, the others with some noise; the cheapest counts
    seed : of the noise
    progress : called with the runs done and all of them

    Raises
    ------
    PlanError : no graph is as flat as that, or no run is asked for
    """
    columns = signed_digits(matrix)
    longest = max((len(column) for column in columns), default=0)
    most = max(1, longest - 1).bit_length() + 2 if depth is None else depth
    room = sum(map(len, columns)) + len(columns) + 1
    places = 1 << max(12, (3 * sum(len(c) * len(c) // 2 for c in columns)).bit_length())
    table = np.full(places, -1), np.zeros(places, np.int64), np.zeros(places + 1, np.int64)
    best: tuple[int, AdderGraph] | None = None
    for start in range(starts):
        bounds = np.array(low, np.int64), np.array(high, np.int64)
        sums = load(columns, *bounds, depth=most, odd=_ODD, seed=seed, room=room)
        levels(sums)
        share(sums, *table, seed + start, _NOISE if start else 0.0, True)
        tidy(sums)
        levels(sums)
        finish(sums, seed + start, 0.0)
        tidy(sums)
        cost = total_cost(sums)
        if best is None or cost < best[0]:
            best = cost, _graph(sums)
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


def _graph(sums: Sums) -> AdderGraph:
    """Return the sums of two digits as adders, each after its operands; signs go to the taps."""
    inputs = int(sums.scalars[0])
    levels(sums)
    rows = [k for k in range(int(sums.scalars[1])) if sums.length[k] != FREE]
    rows.sort(key=lambda k: (int(sums.depth[inputs + k]), k))
    place = {term: (term, 0) for term in range(inputs)}  # index, and whether the sign is turned
    adders: list[Adder] = []
    for k in rows:
        a, b = (int(word) for word in sums.rows[k, :2])
        (ta, na), (tb, nb) = place[term_of(a)], place[term_of(b)]
        na, nb = na ^ sign_of(a), nb ^ sign_of(b)
        shift = shift_of(b) - shift_of(a)
        if shift < 0:
            ta, tb, na, nb, shift = tb, ta, nb, na, -shift
        adders.append(Adder(ta, tb, shift, bool(na ^ nb)))  # the lower one counts as positive
        place[inputs + k] = (inputs + len(adders) - 1, na)
    taps = []
    for term, shift, negative in sums.outputs.tolist():
        if term < 0:
            taps.append(Tap(None))
        else:
            index, turned = place[term]
            taps.append(Tap(index, shift, bool(turned ^ negative)))
    return AdderGraph(inputs, tuple(adders), tuple(taps))
