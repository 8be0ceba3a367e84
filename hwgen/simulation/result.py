"""What a simulation found."""

__all__ = ["RULES", "Measured", "SimulationResult", "read_measured"]

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.errors import SimulationError
from hwgen.package.stream_format import IntArray
from hwgen.simulation.compare import FirstDifference, LayerResult

# The rules of harness.v, by its numbers; m_axis is what the package drives.
RULES = (
    "m_axis_tvalid must stay up until the beat is accepted",
    "m_axis_tdata must not change while a beat waits",
    "m_axis_tlast must not change while a beat waits",
    "m_axis_tlast must be up on a frame's last beat and on no other",
    "no beat may come after the last frame",
    "frame_error must stay low",
    "m_axis_tvalid must be 0 or 1, not unknown",
    "m_axis_tdata of a valid beat must be known in every bit",
    "s_axis_tready must be 0 or 1, not unknown",
    "m_axis_tuser must be low with m_axis_tlast",
    "s_axis_tready must be low while rst is high",
)


@dataclass(frozen=True, eq=False)
class SimulationResult:
    """What a simulation found.

    Cycles are counted from 0, the first one after reset.

    Attributes
    ----------
    outputs : (frames, *shape) int64, what the package put out
    equal : whether every output equals the expected one
    compared, different : numbers of values
    interval : cycles between the ends of two frames, the most of the later ones; None with one
        frame
    latency : cycles from the first accepted to the last emitted beat of the first frame
    frame_starts, frame_ends : cycle of each frame's first accepted and last emitted beat
    cycles : length of the run
    violations : each stream rule that was broken, how often and when first
    first_difference : the first value that differs; of the first layer, if layers were traced
    layers : how each layer's stream compares, if all were traced
    waves : the waveform that was written, or None
    build_seconds, run_seconds : what compiling (0 if it was cached, nearly) and running took
    """

    outputs: IntArray
    equal: bool
    compared: int
    different: int
    interval: int | None
    latency: int
    frame_starts: tuple[int, ...]
    frame_ends: tuple[int, ...]
    cycles: int
    violations: tuple[str, ...]
    first_difference: FirstDifference | None
    layers: tuple[LayerResult, ...]
    waves: Path | None
    build_seconds: float
    run_seconds: float

    @property
    def ok(self) -> bool:
        """Whether all outputs, and all layers that were traced, are equal, and no stream rule
        was broken."""
        return self.equal and not self.violations and not any(r.different for r in self.layers)


@dataclass(frozen=True)
class Measured:
    """The contents of result.json, checked."""

    cycles: int
    accepted: int
    emitted: int
    stuck: bool
    resets: int
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    violations: tuple[tuple[int, int, int], ...]
    taps: dict[str, list[str]]

    @property
    def messages(self) -> tuple[str, ...]:
        """The broken rules in words, the earliest first."""
        return tuple(
            f"{RULES[rule]}: broken {count} time{'s' if count > 1 else ''}, first in cycle {first}"
            for rule, count, first in sorted(self.violations, key=lambda v: v[2])
        )


def read_measured(path: Path) -> Measured:
    """Return what the bench wrote.

    Raises
    ------
    SimulationError : there is no such file, or it is not what the bench writes
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        return Measured(
            cycles=int(found["cycles"]),
            accepted=int(found["accepted"]),
            emitted=int(found["emitted"]),
            stuck=bool(found["stuck"]),
            resets=int(found["resets"]),
            starts=tuple(int(n) for n in found["starts"]),
            ends=tuple(int(n) for n in found["ends"]),
            violations=tuple(
                (int(v["rule"]), int(v["count"]), int(v["first"])) for v in found["violations"]
            ),
            taps={str(k): [str(beat) for beat in v] for k, v in found["taps"].items()},
        )
    except FileNotFoundError as error:
        raise SimulationError("The simulator ended without a result") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SimulationError(f"The simulator's result cannot be read ({error!r})") from error
