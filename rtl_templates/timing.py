"""Exact timing without simulation: who hands over which beat at which clock.

Every component is described by recurrences: the clocks of its handshakes, computed from one
another with `max` and `+`. Streams are deterministic (nothing arbitrates), so the order in which
they are followed does not matter: each goes on until it needs a clock that is not known yet (Kahn
process networks, Kahn 1974, with time stamps). A generator that appends to the clocks of links,
and pauses where it needs one, may stand in for a recurrence.

A process covers a finite number of frames; its own clock starts at 0, the first clock after
reset.
"""

__all__ = ["DeadlockError", "Link", "Timed", "evaluate", "schedule", "sink", "source"]

from array import array
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Protocol

import numpy as np

from hwgen_rtl_templates.recurrence import After, Clocks, Process, Recurrence, no_clocks, simplified

SWEEPS = 32  # over all processes, from one look for a deadlock to the next
# Events that Python finds in the time that it takes to load compiled code, and to start it
LOADING, STARTING = 800_000, 2_000


class DeadlockError(Exception):
    """No process can go on: a stream waits for itself."""


class Link:
    """The handshakes of one stream.

    Attributes
    ----------
    offered : for each beat, the first clock on which `valid` is high for it
    taken : for each beat, the clock of its transfer
    entered, left : where a queue offers the beats, the clocks on which each enters and leaves its
        memory; else None
    """

    __slots__ = ("entered", "left", "offered", "taken")

    def __init__(self) -> None:
        self.offered = no_clocks()
        self.taken = no_clocks()
        self.entered: Clocks | None = None
        self.left: Clocks | None = None

    @property
    def held(self) -> int | None:
        """Most beats that the memory of the queue that offers them has held; None without one."""
        if self.entered is None or self.left is None:
            return None
        if not self.entered:
            return 0
        entered, left = (np.frombuffer(clocks, np.int64) for clocks in (self.entered, self.left))
        gone = np.searchsorted(left, entered, side="right")
        return int((np.arange(1, len(entered) + 1) - gone).max())


def source(link: Link, arrivals: Iterable[int]) -> Recurrence:
    """Offer beat i no sooner than arrivals[i], and not before beat i - 1 was taken."""
    given = array("q", arrivals)
    offered = (After(given), After(link.taken, (-1,), delay=1))
    return Recurrence(link.offered, len(given), offered)


def sink(link: Link, beats: int) -> Recurrence:
    """Take every beat on the clock on which it is offered."""
    return Recurrence(link.taken, beats, (After(link.offered),))


class _Budget:
    """What Python has found so far: compiled code is loaded once that would have paid for it."""

    def __init__(self) -> None:
        self.spent = 0

    def worth_compiled(self, events: int) -> bool:
        """Say whether compiled code shall find so many events."""
        if events < STARTING:
            return False
        self.spent += events
        return self.spent > LOADING


_budget = _Budget()


def evaluate(
    processes: Iterable[Recurrence | Process],
    wanted: Iterable[Clocks],
    compiled: bool | None = None,
) -> None:
    """Run processes to their ends.

    Parameters
    ----------
    processes : what fills in the clocks
    wanted : which are to be found; others may stay empty
    compiled : whether to have them found by compiled code, which knows recurrences alone; None
        where that is quicker

    Raises
    ------
    DeadlockError : none of those left can go on
    """
    every, wanted = list(processes), list(wanted)
    recurrences = [process for process in every if isinstance(process, Recurrence)]
    if len(recurrences) < len(every):  # who knows what the others look at
        followed = [p.follow() if isinstance(p, Recurrence) else p for p in every]
        _take_turns(followed, [*wanted, *(r.clocks for r in recurrences)])
        return
    recurrences = simplified(recurrences, wanted)
    if compiled is None:
        compiled = _budget.worth_compiled(sum(r.events for r in recurrences))
    if not compiled:
        _take_turns([r.follow() for r in recurrences], [r.clocks for r in recurrences])
        return
    from hwgen_rtl_templates.clock_machine import follow_all  # numba, which takes its time to load

    if waiting := follow_all(recurrences, wanted):
        raise DeadlockError(f"{waiting} processes wait for each other")


def _take_turns(running: list[Process], sequences: Sequence[Clocks]) -> None:
    progress: int | None = None
    for sweep in count():
        if not running:
            return
        still = []
        for process in running:
            try:
                next(process)
            except StopIteration:
                continue
            still.append(process)
        running = still
        if sweep % SWEEPS == 0:
            now = sum(map(len, sequences)) - len(running)
            if running and now == progress:
                raise DeadlockError(f"{len(running)} processes wait for each other")
            progress = now


class Timed(Protocol):
    """What parameters of a component offer, to find out its timing."""

    def departures(self, beats: int) -> int:
        """Return how many beats leave an output for `beats` that enter the first input."""

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Describe the handshakes of `beats` beats on the first input, whole frames."""


def schedule(part: Timed, arrivals: Sequence[int]) -> list[int]:
    """Return the clocks on which a component alone emits its beats into a ready sink.

    Parameters
    ----------
    part : parameters of a component with one input and one output
    arrivals : the clock from which each input beat is offered, whole frames
    """
    i, o = Link(), Link()
    beats = len(arrivals)
    parts = [source(i, arrivals), *part.processes([i], [o], beats), sink(o, part.departures(beats))]
    evaluate(parts, [o.taken])
    return list(o.taken)
