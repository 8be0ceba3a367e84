"""The clocks of a whole network, exact, from the processes of its parts."""

__all__ = ["Timing", "describe", "evaluate_timing"]

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from hwgen.planning.dataflow import Assembly
from hwgen_rtl_templates.recurrence import NEVER, After, Recurrence
from hwgen_rtl_templates.timing import Link, evaluate, source


@dataclass(frozen=True)
class Timing:
    """When frames enter and leave, back to back, nothing stalling outside.

    frame_starts : clock of the first accepted beat of each frame
    frame_ends : clock of the last emitted beat of each frame
    inside : the most frames that have entered whole and whose results have not left
    held : of each part with a queue, by name, the most beats that it holds
    """

    frame_starts: tuple[int, ...]
    frame_ends: tuple[int, ...]
    inside: int
    held: Mapping[str, int]

    @property
    def interval(self) -> int:
        """Clocks from one frame to the next, once the pipeline is full; the most, where a queue of
        several frames is filled and emptied in turn."""
        ends = self.frame_ends
        last = ends[len(ends) // 2 - 1 :] if len(ends) > 3 else ends[-2:]
        return max(b - a for a, b in pairwise(last))

    @property
    def latency(self) -> int:
        """Clocks from the first accepted to the last emitted beat of the first frame."""
        return self.frame_ends[0] - self.frame_starts[0]


def evaluate_timing(
    assembly: Assembly, beats_in: int, frames: int, compiled: bool | None = None
) -> Timing:
    """Return the timing of an assembly.

    Parameters
    ----------
    beats_in : beats of a frame that enter
    frames : how many follow one another
    compiled : see `rtl_templates.timing.evaluate`

    Raises
    ------
    DeadlockError : a queue is too short for the streams to go on
    """
    links, recurrences = describe(assembly, beats_in, frames)
    entry, out = links[0].taken, links[assembly.out].taken
    queues = {placed.name: links[placed.outputs[0]] for placed in assembly.parts}
    memories = [clocks for queue in queues.values() for clocks in (queue.entered, queue.left)]
    wanted = [entry, out, *(clocks for clocks in memories if clocks is not None)]
    evaluate(recurrences, wanted, compiled)
    beats_out = len(out) // frames
    entered, left = entry[beats_in - 1 :: beats_in], out[beats_out - 1 :: beats_out]
    return Timing(
        frame_starts=tuple(entry[::beats_in]),
        frame_ends=tuple(left),
        inside=max(n + 1 - bisect_right(left, clock) for n, clock in enumerate(entered)),
        held={name: most for name, queue in queues.items() if (most := queue.held) is not None},
    )


def describe(assembly: Assembly, beats_in: int, frames: int) -> tuple[list[Link], list[Recurrence]]:
    """Return the streams of an assembly, and what their clocks follow from: all frames there from
    the start, and a sink that is always ready."""
    links = [Link() for _ in range(assembly.streams)]
    beats = {0: beats_in * frames}
    recurrences = [source(links[0], [0] * beats[0])]
    for placed in assembly.parts:
        entering = beats[placed.inputs[0]]
        recurrences += placed.part.processes(
            [links[n] for n in placed.inputs], [links[n] for n in placed.outputs], entering
        )
        for n in placed.outputs:
            beats[n] = placed.part.departures(entering)
    out = links[assembly.out]
    beats_out = beats[assembly.out] // frames
    return links, [*recurrences, _results(out, links[0], beats_in, beats_out, frames)]


def _results(out: Link, entry: Link, beats_in: int, beats_out: int, frames: int) -> Recurrence:
    """Take every beat on the clock on which it is offered, but a frame's last one no sooner than
    a clock after the last beat of its input was taken (`rtl_templates.axi`)."""
    last = (NEVER,) * (beats_out - 1) + (beats_in - 1,)
    entered = After(entry.taken, last, beats_in, 1)
    return Recurrence(out.taken, frames * beats_out, (After(out.offered), entered))
