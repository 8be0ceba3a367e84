"""The clocks of a whole network, exact, from the processes of its parts."""

__all__ = ["Timing", "describe", "evaluate_timing"]

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hwgen.planning.dataflow import Assembly
from hwgen_rtl_templates.recurrence import NEVER, After, Recurrence
from hwgen_rtl_templates.timing import Link, evaluate, source


@dataclass(frozen=True)
class Timing:
    """When frames enter and leave, back to back, nothing stalling outside.

    frame_starts : clock of the first accepted beat of each frame, of any input
    frame_ends : clock of the last emitted beat of each frame, of any output
    inside : of each output, the most frames that have entered whole by one of the inputs and whose
        results have not left there
    held : of each part with a queue, by name, the most beats that it holds
    """

    frame_starts: tuple[int, ...]
    frame_ends: tuple[int, ...]
    inside: tuple[int, ...]
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
    assembly: Assembly, beats_in: Sequence[int], frames: int, compiled: bool | None = None
) -> Timing:
    """Return the timing of an assembly.

    Parameters
    ----------
    beats_in : beats of a frame that enter, by each input; frames enter by all of them together
    frames : how many follow one another
    compiled : see `rtl_templates.timing.evaluate`

    Raises
    ------
    DeadlockError : a queue is too short for the streams to go on
    """
    links, recurrences = describe(assembly, beats_in, frames)
    entries = [links[n].taken for n in range(assembly.entries)]
    outs = [links[n].taken for n in assembly.outs]
    queues = {placed.name: links[placed.outputs[0]] for placed in assembly.parts}
    memories = [clocks for queue in queues.values() for clocks in (queue.entered, queue.left)]
    wanted = [*entries, *outs, *(clocks for clocks in memories if clocks is not None)]
    evaluate(recurrences, wanted, compiled)
    pairs = list(zip(entries, beats_in, strict=True))
    entered = [taken[beats - 1 :: beats] for taken, beats in pairs]
    left = [out[len(out) // frames - 1 :: len(out) // frames] for out in outs]
    return Timing(
        frame_starts=tuple(map(min, zip(*(taken[::beats] for taken, beats in pairs), strict=True))),
        frame_ends=tuple(map(max, zip(*left, strict=True))),
        inside=tuple(
            max(n + 1 - bisect_right(ends, clock) for by in entered for n, clock in enumerate(by))
            for ends in left
        ),
        held={name: most for name, queue in queues.items() if (most := queue.held) is not None},
    )


def describe(
    assembly: Assembly, beats_in: Sequence[int], frames: int
) -> tuple[list[Link], list[Recurrence]]:
    """Return the streams of an assembly, and what their clocks follow from: all frames there from
    the start, and sinks that are always ready."""
    links = [Link() for _ in range(assembly.streams)]
    beats = {n: count * frames for n, count in enumerate(beats_in)}
    recurrences = [source(links[n], [0] * count) for n, count in beats.items()]
    for placed in assembly.parts:
        entering = beats[placed.inputs[0]]
        recurrences += placed.part.processes(
            [links[n] for n in placed.inputs], [links[n] for n in placed.outputs], entering
        )
        for n in placed.outputs:
            beats[n] = placed.part.departures(entering)
    entries = list(zip(links[: assembly.entries], beats_in, strict=True))
    results = [_results(links[n], entries, beats[n] // frames, frames) for n in assembly.outs]
    return links, [*recurrences, *results]


def _results(
    out: Link, entries: Sequence[tuple[Link, int]], beats_out: int, frames: int
) -> Recurrence:
    """Take every beat on the clock on which it is offered, but a frame's last one no sooner than
    a clock after the last beat of each of its inputs was taken (`rtl_templates.axi`)."""
    waiting = (NEVER,) * (beats_out - 1)
    entered = (
        After(entry.taken, (*waiting, beats_in - 1), beats_in, 1) for entry, beats_in in entries
    )
    return Recurrence(out.taken, frames * beats_out, (After(out.offered), *entered))
