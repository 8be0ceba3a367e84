"""The clocks of a whole network, exact, from the schedules of its parts."""

__all__ = ["Timing", "evaluate_timing"]

from collections.abc import Sequence
from dataclasses import dataclass

from rtl_templates.engine import EngineParameters
from rtl_templates.streams import NarrowParameters, WidenParameters
from rtl_templates.timing import Link, Process, evaluate, sink, source

Part = EngineParameters | WidenParameters | NarrowParameters


@dataclass(frozen=True)
class Timing:
    """When frames enter and leave, back to back, nothing stalling outside.

    frame_starts : clock of the first accepted beat of each frame
    frame_ends : clock of the last emitted beat of each frame
    """

    frame_starts: tuple[int, ...]
    frame_ends: tuple[int, ...]

    @property
    def interval(self) -> int:
        """Clocks from one frame to the next, once the pipeline is full."""
        return self.frame_ends[-1] - self.frame_ends[-2]

    @property
    def latency(self) -> int:
        """Clocks from the first accepted to the last emitted beat of the first frame."""
        return self.frame_ends[0] - self.frame_starts[0]


def evaluate_timing(parts: Sequence[Part], beats_in: int, frames: int = 6) -> Timing:
    """Return the timing of a chain of parts.

    Parameters
    ----------
    beats_in : beats of a frame that enter the first part
    """
    links = [Link() for _ in range(len(parts) + 1)]
    processes: list[Process] = [source(links[0], [0] * (beats_in * frames))]
    beats = beats_in
    for part, i, o in zip(parts, links, links[1:], strict=False):
        if isinstance(part, EngineParameters):
            processes += part.processes(i, o, frames)
            beats = part.beats_out
        else:
            processes.append(part.process(i, o, beats * frames))
            if isinstance(part, WidenParameters):
                beats //= part.gathered
            else:
                beats = beats // len(part.pieces) * sum(part.pieces)
    processes.append(sink(links[-1], beats * frames))
    evaluate(processes, links)
    return Timing(
        frame_starts=tuple(links[0].taken[::beats_in]),
        frame_ends=tuple(links[-1].taken[beats - 1 :: beats]),
    )
