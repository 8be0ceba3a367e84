"""Exact timing without simulation: who hands over which beat at which clock.

Every component is described by processes, generators that walk through the handshakes in the
order in which the hardware makes them and compute their clocks from one another with `max` and
`+`. Streams are deterministic (nothing arbitrates), so the order in which processes are evaluated
does not matter: each runs until it needs a clock that is not known yet (Kahn process networks,
Kahn 1974, with time stamps; the algebra is max-plus, Baccelli et al. 1992).

A process covers a finite number of frames; its own clock starts at 0, the first clock after
reset.
"""

__all__ = ["DeadlockError", "Link", "Process", "Timed", "evaluate", "schedule", "sink", "source"]

from bisect import bisect_right
from collections.abc import Generator, Iterable, Sequence
from itertools import count
from typing import Protocol

Process = Generator[None, None, None]
SWEEPS = 32  # over all processes, from one look for a deadlock to the next


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
        self.offered: list[int] = []
        self.taken: list[int] = []
        self.entered: list[int] | None = None
        self.left: list[int] | None = None

    @property
    def held(self) -> int | None:
        """Most beats that the memory of the queue that offers them has held; None without one."""
        if self.entered is None or self.left is None:
            return None
        levels = (n + 1 - bisect_right(self.left, clock) for n, clock in enumerate(self.entered))
        return max(levels, default=0)


def source(link: Link, arrivals: Iterable[int]) -> Process:
    """Offer beat i no sooner than arrivals[i], and not before beat i - 1 was taken."""
    for index, arrival in enumerate(arrivals):
        if index:
            while len(link.taken) < index:
                yield
            arrival = max(arrival, link.taken[-1] + 1)
        link.offered.append(arrival)


def sink(link: Link, beats: int) -> Process:
    """Take every beat on the clock on which it is offered."""
    for index in range(beats):
        while len(link.offered) <= index:
            yield
        link.taken.append(link.offered[index])


def evaluate(processes: Iterable[Process], links: Sequence[Link]) -> None:
    """Run processes to their ends.

    Raises
    ------
    DeadlockError : none of those left can go on
    """
    running = list(processes)
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
            now = sum(len(link.offered) + len(link.taken) for link in links) - len(running)
            if running and now == progress:
                raise DeadlockError(f"{len(running)} processes wait for each other")
            progress = now


class Timed(Protocol):
    """What parameters of a component offer, to find out its timing."""

    def departures(self, beats: int) -> int:
        """Return how many beats leave an output for `beats` that enter the first input."""

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Process]:
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
    evaluate(parts, [i, o])
    return o.taken
