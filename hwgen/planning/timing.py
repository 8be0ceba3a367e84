"""The clocks of a whole network, exact, from the processes of its parts."""

__all__ = ["Timing", "evaluate_timing"]

from collections.abc import Mapping
from dataclasses import dataclass

from hwgen.planning.assembly import Assembly
from hwgen_rtl_templates.timing import Link, Process, evaluate, sink, source


@dataclass(frozen=True)
class Timing:
    """When frames enter and leave, back to back, nothing stalling outside.

    frame_starts : clock of the first accepted beat of each frame
    frame_ends : clock of the last emitted beat of each frame
    held : of each part with a queue, by name, the most beats that it holds
    """

    frame_starts: tuple[int, ...]
    frame_ends: tuple[int, ...]
    held: Mapping[str, int]

    @property
    def interval(self) -> int:
        """Clocks from one frame to the next, once the pipeline is full."""
        return self.frame_ends[-1] - self.frame_ends[-2]

    @property
    def latency(self) -> int:
        """Clocks from the first accepted to the last emitted beat of the first frame."""
        return self.frame_ends[0] - self.frame_starts[0]


def evaluate_timing(assembly: Assembly, beats_in: int, frames: int) -> Timing:
    """Return the timing of an assembly.

    Parameters
    ----------
    beats_in : beats of a frame that enter
    frames : how many follow one another

    Raises
    ------
    DeadlockError : a queue is too short for the streams to go on
    """
    links = [Link() for _ in range(assembly.streams)]
    beats = {0: beats_in * frames}
    processes: list[Process] = [source(links[0], [0] * beats[0])]
    for placed in assembly.parts:
        entering = beats[placed.inputs[0]]
        processes += placed.part.processes(
            [links[n] for n in placed.inputs], [links[n] for n in placed.outputs], entering
        )
        for n in placed.outputs:
            beats[n] = placed.part.departures(entering)
    out = links[assembly.out]
    processes.append(sink(out, beats[assembly.out]))
    evaluate(processes, links)
    beats_out = beats[assembly.out] // frames
    return Timing(
        frame_starts=tuple(links[0].taken[::beats_in]),
        frame_ends=tuple(out.taken[beats_out - 1 :: beats_out]),
        held={
            placed.name: most
            for placed in assembly.parts
            if (most := links[placed.outputs[0]].held) is not None
        },
    )
