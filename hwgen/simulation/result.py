"""What a simulation found."""

__all__ = ["RULES", "Measured", "SimulationResult", "read_measured", "rule_of"]

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.errors import SimulationError
from hwgen.showing import Shown, counted
from hwgen.simulation.compare import FirstDifference, LayerResult

# The rules of harness.v, by its numbers, with what the ports at the end begin with.
RULES = (
    "m_axis_tvalid must stay up until the beat is accepted",
    "m_axis_tdata must not change while a beat waits",
    "m_axis_tlast must not change while a beat waits",
    "m_axis_tlast must be up on a frame's last beat and on no other",
    "no beat of m_axis may come after the last frame",
    "frame_error must stay low",
    "m_axis_tvalid must be 0 or 1, not unknown",
    "m_axis_tdata of a valid beat must be known in every bit",
    "s_axis_tready must be 0 or 1, not unknown",
    "m_axis_tuser must be low with m_axis_tlast",
    "s_axis_tready must be low while rst is high",
)
INPUT, OUTPUT = "s_axis", "m_axis"


def rule_of(number: int, inputs: Sequence[str], outputs: Sequence[str], end: int) -> str:
    """Return a rule in words, of an input or output of a package.

    Parameters
    ----------
    number : the harness's
    inputs, outputs : what their ports begin with
    end : which of these broke it
    """
    rule = RULES[number]
    for word, ports in ((INPUT, inputs), (OUTPUT, outputs)):
        if word in rule:
            rule = rule.replace(word, ports[end])
    return rule


@dataclass(frozen=True, eq=False, repr=False)
class SimulationResult(Shown):
    """What a simulation found.

    Cycles are counted from 0, the first one after reset.

    Attributes
    ----------
    outputs : (frames, *shape) int64, what the package put out; of several outputs by name
    equal : whether every output equals the expected one
    compared, different : numbers of values
    interval : cycles between the ends of two frames, the most of the later ones; None with one
        frame
    latency : cycles from the first accepted to the last emitted beat of the first frame
    frame_starts, frame_ends : cycle of each frame's first accepted and last emitted beat, of any
        input and output
    cycles : length of the run
    violations : each stream rule that was broken, how often and when first
    first_difference : the first value that differs; of the first layer, if layers were traced
    layers : how each layer's stream compares, if all were traced
    waves : the waveform that was written, or None
    build_seconds, run_seconds : what compiling (0 if it was cached, nearly) and running took
    """

    outputs: Any
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

    def _line(self) -> str:
        said = [f"{self.compared - self.different:,} of {self.compared:,} outputs equal"]
        if self.violations:
            said.append(counted(len(self.violations), "stream rule") + " broken")
        if self.interval is not None:
            said.append(f"a frame every {counted(self.interval, 'clock')}")
        return ", ".join((*said, f"latency {counted(self.latency, 'clock')}"))


@dataclass(frozen=True)
class Measured:
    """The contents of result.json, checked.

    Attributes
    ----------
    accepted, emitted : beats at each input, and at each output
    started, ended : at each input the cycles in which frames began, at each output those in which
        they ended
    violations : rule, the input or output that broke it, how often, and when first
    """

    cycles: int
    accepted: tuple[int, ...]
    emitted: tuple[int, ...]
    stuck: bool
    resets: int
    started: tuple[tuple[int, ...], ...]
    ended: tuple[tuple[int, ...], ...]
    violations: tuple[tuple[int, int, int, int], ...]
    taps: dict[str, list[str]]

    @property
    def starts(self) -> tuple[int, ...]:
        """Cycle of each frame's first accepted beat, of those frames that have come to all
        inputs."""
        return tuple(map(min, zip(*self.started, strict=False)))

    @property
    def ends(self) -> tuple[int, ...]:
        """Cycle of each frame's last emitted beat, of those frames that have left all outputs."""
        return tuple(map(max, zip(*self.ended, strict=False)))

    def messages(self, inputs: Sequence[str], outputs: Sequence[str]) -> tuple[str, ...]:
        """Return the broken rules in words, the earliest first.

        Parameters
        ----------
        inputs, outputs : what their ports begin with
        """
        return tuple(
            f"{rule_of(rule, inputs, outputs, end)}: broken {count} "
            f"time{'s' if count > 1 else ''}, first in cycle {first}"
            for rule, end, count, first in sorted(self.violations, key=lambda v: v[3])
        )


def read_measured(path: Path) -> Measured:
    """Return what the bench wrote.

    Raises
    ------
    SimulationError : there is no such file, or it is not what the bench writes
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        accepted, emitted = _in_order(found["accepted"]), _in_order(found["emitted"])
        return Measured(
            cycles=int(found["cycles"]),
            accepted=accepted,
            emitted=emitted,
            stuck=bool(found["stuck"]),
            resets=int(found["resets"]),
            started=_clocks(found["starts"], len(accepted)),
            ended=_clocks(found["ends"], len(emitted)),
            violations=tuple(
                (int(v["rule"]), int(v["end"]), int(v["count"]), int(v["first"]))
                for v in found["violations"]
            ),
            taps={str(k): [str(beat) for beat in v] for k, v in found["taps"].items()},
        )
    except FileNotFoundError as error:
        raise SimulationError("The simulator ended without a result") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SimulationError(f"The simulator's result cannot be read ({error!r})") from error


def _in_order(found: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(found[str(n)]) for n in range(len(found)))


def _clocks(found: dict[str, Any], ends: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(clock) for clock in found.get(str(n), ())) for n in range(ends))
