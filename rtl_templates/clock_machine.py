"""Recurrences followed by compiled code: the same clocks as `Recurrence.follow`, and much sooner.

All sequences lie in one array of clocks, all patterns in another; what is a sequence, a recurrence
and a term is a row of numbers. A recurrence is followed until it needs a clock that is not known
yet, and again once it is.
"""

__all__ = ["follow_all"]

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

from hwgen_rtl_templates.recurrence import Clocks, Recurrence

Integers = npt.NDArray[np.int64]
# columns of a recurrence: its own sequence, its events, the least clock, its terms (from, to) and
# its delays (from, how many)
OWN, EVENTS, LEAST, FIRST, END, DELAYS, DELAY_COUNT = range(7)
# columns of a term: the sequence, the delay, the places (from, how many), the stride; and what
# changes: which place comes next, and what the strides have come to
OF, DELAY, PLACES, PLACE_COUNT, STRIDE, NEXT, BASE = range(7)


@njit(cache=True)
def _run(
    clocks: Integers,
    starts: Integers,
    known: Integers,
    recurrences: Integers,
    terms: Integers,
    patterns: Integers,
) -> int:
    """Fill clocks in; return how many recurrences have not come to their ends.

    Parameters
    ----------
    clocks, starts : of all sequences, and where each one's begin
    known : how many of each are there
    """
    count = len(recurrences)
    stack = np.arange(count)[::-1].copy()  # those that may go on
    top = count
    phases = np.zeros(count, np.int64)
    waiting = np.full(len(known), -1)  # for each sequence, one that waits for it,
    others = np.full(count, -1)  # and for that one, the next that does
    wanted = np.zeros(count, np.int64)  # the place in it
    unfinished = count
    while top:
        top -= 1
        number = stack[top]
        own, events = recurrences[number, OWN], recurrences[number, EVENTS]
        least = recurrences[number, LEAST]
        first, end = recurrences[number, FIRST], recurrences[number, END]
        delays, delay_count = recurrences[number, DELAYS], recurrences[number, DELAY_COUNT]
        at, start = known[own], starts[own]
        before, phase, missing = at, phases[number], -1
        while at < events:
            clock = least
            for t in range(first, end):
                place = terms[t, BASE] + patterns[terms[t, PLACES] + terms[t, NEXT]]
                if place >= 0:
                    of = terms[t, OF]
                    if place >= known[of]:
                        missing, wanted[number] = of, place
                        break
                    clock = max(clock, clocks[starts[of] + place] + terms[t, DELAY])
            if missing >= 0:
                break
            clocks[start + at] = clock + patterns[delays + phase]
            at += 1
            known[own] = at
            phase = phase + 1 if phase + 1 < delay_count else 0
            for t in range(first, end):
                following = terms[t, NEXT] + 1
                if following == terms[t, PLACE_COUNT]:
                    following = 0
                    terms[t, BASE] += terms[t, STRIDE]
                terms[t, NEXT] = following
        phases[number] = phase
        if missing >= 0:
            others[number], waiting[missing] = waiting[missing], number
        else:
            unfinished -= 1
        if at > before:
            other = waiting[own]
            waiting[own] = -1
            while other >= 0:
                after = others[other]
                if wanted[other] < at:
                    stack[top] = other
                    top += 1
                else:
                    others[other], waiting[own] = waiting[own], other
                other = after
    return unfinished


def _end_to_end(parts: Sequence[Integers]) -> tuple[Integers, Integers]:
    """Return all in one, and where each begins."""
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return np.concatenate(parts), ends - [len(part) for part in parts]


def follow_all(recurrences: Sequence[Recurrence], wanted: Iterable[Clocks]) -> int:
    """Find the clocks of recurrences as far as they go, and add those that are wanted to their
    sequences, which are empty so far; return how many recurrences could not be finished."""
    sequences: dict[int, tuple[Clocks, int]] = {}  # what is there, and how many it will be
    for recurrence in recurrences:
        for term in recurrence.after:
            sequences.setdefault(id(term.clocks), (term.clocks, len(term.clocks)))
    for recurrence in recurrences:
        sequences[id(recurrence.clocks)] = recurrence.clocks, recurrence.events
    numbers = {key: number for number, key in enumerate(sequences)}
    sizes = np.array([size for _, size in sequences.values()], np.int64)
    known = np.array([len(clocks) for clocks, _ in sequences.values()], np.int64)
    starts = np.cumsum(sizes) - sizes
    clocks = np.zeros(int(sizes.sum()), np.int64)
    for (given, _), start in zip(sequences.values(), starts, strict=True):
        clocks[start : start + len(given)] = given

    patterns: list[Integers] = []
    rows: list[list[int]] = []
    terms: list[list[int]] = []
    for recurrence in recurrences:
        first = len(terms)
        for term in recurrence.after:
            of, places = numbers[id(term.clocks)], len(term.places)
            terms.append([of, term.delay, len(patterns), places, term.stride, 0, 0])
            patterns.append(np.asarray(term.places, np.int64))
        own = [numbers[id(recurrence.clocks)], recurrence.events, recurrence.least]
        rows.append([*own, first, len(terms), len(patterns), len(recurrence.delays)])
        patterns.append(np.asarray(recurrence.delays, np.int64))
    table, begins = _end_to_end(patterns)
    of_recurrences, of_terms = np.array(rows, np.int64), np.array(terms, np.int64).reshape(-1, 7)
    of_recurrences[:, DELAYS] = begins[of_recurrences[:, DELAYS]]
    of_terms[:, PLACES] = begins[of_terms[:, PLACES]]

    unfinished = int(_run(clocks, starts, known, of_recurrences, of_terms, table))
    for sequence in wanted:
        number = numbers[id(sequence)]
        if not sequence:
            start = starts[number]
            sequence.frombytes(clocks[start : start + known[number]].view(np.uint8).data)
    return unfinished
