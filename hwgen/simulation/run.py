"""Simulate a package: write what the simulator reads, start it, and compare what it wrote."""

__all__ = ["simulate"]

import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hwgen.beats import IntArray, Stream
from hwgen.errors import SimulationError, ToolError
from hwgen.simulation.build import RUNNER, Build, SimulatorTools, build, find_tools
from hwgen.simulation.compare import FirstDifference, first_difference, first_layer_difference
from hwgen.simulation.package import SimulatedPackage, read_package
from hwgen.simulation.process import log_tail, run_process
from hwgen.simulation.result import Measured, SimulationResult, read_measured

Trace = Callable[[IntArray], Mapping[str, npt.NDArray[np.int64]]]
Progress = Callable[[str, int, int], None]

SIMULATORS = ("verilator", "icarus")
PATIENCE_UNPREDICTED = 100_000  # cycles without a beat, when the manifest predicts nothing
MARGIN = 8  # cycles of a waveform before and after the frame


@dataclass(frozen=True)
class _Stimulus:
    """All that one run is made of, but for what is recorded."""

    inputs: IntArray
    stalls: tuple[float, float]
    seed: int
    reset_at: int
    patience: int

    @property
    def plusargs(self) -> list[str]:
        source, sink = (int(n) or 1 for n in np.random.SeedSequence(self.seed).generate_state(2))
        source_stall, sink_stall = (min(65535, round(p * 65536)) for p in self.stalls)
        return [
            f"+frames={len(self.inputs)}",
            f"+source_seed={source}",
            f"+sink_seed={sink}",
            f"+source_stall={source_stall}",
            f"+sink_stall={sink_stall}",
            f"+reset_at={self.reset_at}",
            f"+patience={self.patience}",
        ]


@dataclass(frozen=True)
class _Recording:
    """What a second run records: the layers' streams and a waveform, of one frame."""

    frame: int
    first_cycle: int
    stop_at: int
    taps: bool
    waves: Path | None

    @property
    def plusargs(self) -> list[str]:
        args = [f"+trace_frame={self.frame}", f"+stop_at={self.stop_at}"]
        if self.waves:
            args += [f"+waves=waves{self.waves.suffix}", f"+waves_from={self.first_cycle}"]
        return args


@dataclass(frozen=True)
class _Session:
    """A package on a simulator, until a deadline."""

    package: SimulatedPackage
    tools: SimulatorTools
    deadline: float | None
    progress: Progress

    def build(self, recording: _Recording | None) -> Path:
        wanted = Build(self.package.verilog, self.package.top, self.package.parameters)
        if recording:
            waves = recording.waves.suffix[1:] if recording.waves else None
            taps = self.package.taps() if recording.taps else ""
            wanted = replace(wanted, taps=taps, waves=waves)
        self.progress("build", 0, 1)
        folder = build(wanted, self.tools, self.deadline, lambda: None)
        self.progress("build", 1, 1)
        return folder

    def run(
        self, built: Path, stimulus: _Stimulus, recording: _Recording | None
    ) -> tuple[Measured, list[str]]:
        """Return what was measured and the captured beats. A failed run leaves its folder."""
        folder = Path(tempfile.mkdtemp(prefix="hwgen-simulation-"))
        try:
            measured, beats = self._run(folder, built, stimulus, recording)
        except (ToolError, SimulationError):
            (folder / "stimulus.bin").unlink(missing_ok=True)
            raise
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
        return measured, beats

    def _run(
        self, folder: Path, built: Path, stimulus: _Stimulus, recording: _Recording | None
    ) -> tuple[Measured, list[str]]:
        (folder / "stimulus.bin").write_bytes(self.package.input.pack(stimulus.inputs))
        waves = recording.waves if recording else None
        job = {
            "simulator": self.tools.simulator,
            "build": str(built),
            "waves": waves.suffix[1:] if waves else None,
            "folder": str(folder),
            "plusargs": stimulus.plusargs + (recording.plusargs if recording else []),
            "seed": stimulus.seed,
        }
        (folder / "job.json").write_text(json.dumps(job))
        command = [sys.executable, str(RUNNER), "run", str(folder / "job.json")]
        log, frames = folder / "run.log", len(stimulus.inputs)

        def poll() -> None:
            self.progress("run", _frames_out(folder / "events.txt"), frames)

        status = run_process(command, folder, self.tools.environment, log, self.deadline, poll)
        if status is None:
            raise ToolError(
                f"{self.tools.simulator} was not done in time after "
                f"{_frames_out(folder / 'events.txt')} of {frames} frames; allow more seconds "
                f"with timeout, or simulate fewer frames; the log is {log}"
            )
        try:
            if status != 0:
                raise SimulationError(f"{self.tools.simulator} failed with status {status}")
            measured = read_measured(folder / "result.json")
        except SimulationError as error:
            raise SimulationError(
                f"{error}; the log ends:\n{log_tail(log)}\nThe whole log is {log}"
            ) from error
        self.progress("run", frames, frames)
        if waves:
            waves.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder / f"waves{waves.suffix}", waves)
        captured = (folder / "output.hex").read_text().split()
        return measured, captured[len(captured) - captured[::-1].index("R") :]


def _frames_out(events: Path) -> int:
    if not events.exists():
        return 0
    return events.read_text().rpartition("R\n")[2].count("E ")


def _no_progress(step: str, done: int, total: int) -> None:
    pass


def simulate(
    folder: str | Path,
    inputs: npt.ArrayLike,
    expected: npt.ArrayLike,
    *,
    simulator: str = "verilator",
    stalls: float | tuple[float, float] = 0.0,
    seed: int = 0,
    reset_at: int | None = None,
    waves: str | Path | None = None,
    trace_layers: Trace | None = None,
    timeout: float | None = None,
    progress: Progress | None = None,
) -> SimulationResult:
    """Run frames through a package, back to back, and compare every output bit.

    Parameters
    ----------
    folder : a package, as codegen writes it
    inputs, expected : (frames, *shape) integers: what goes in, and what golden says comes out
    simulator : "verilator" or "icarus"
    stalls : chance of a stall in a cycle, at both ends or (input, output); 0 <= p < 1
    seed : of the stalls, and of what registers without a reset hold at first
    reset_at : cycle of one more reset; all begins again from frame 0 then, and only that counts
    waves : .fst or .vcd file for the waveform of the first frame that differs, or else of the
        first that breaks a stream rule, or else of frame 0
    trace_layers : gives the value of every node for a batch of one frame, as `Network.trace`
        does; when outputs differ it serves to find the first layer that does
    timeout : seconds for everything
    progress : called with ("build" or "run", done, total) about ten times a second

    Raises
    ------
    SimulationError : the arguments do not fit the package, it stands still, or the run failed
    ToolError : a tool is missing, crashed, or was not done in time
    """
    package = read_package(Path(folder))
    if simulator not in SIMULATORS:
        raise SimulationError(f"Simulator must be {' or '.join(SIMULATORS)}, not {simulator!r}")
    x = _checked(inputs, package.input, "Inputs")
    y = _checked(expected, package.output, "Expected outputs")
    if len(x) != len(y) or not len(x):
        raise SimulationError(
            f"Inputs and expected outputs must be equally many frames, not {len(x)} and {len(y)}"
        )
    if waves is not None and Path(waves).suffix not in (".fst", ".vcd"):
        raise SimulationError(f"Waves must be a file that ends in .fst or .vcd, not {waves}")
    stimulus = _stimulus(package, x, stalls, seed, reset_at)
    deadline = None if timeout is None else time.monotonic() + timeout
    waves_path = None if waves is None else Path(waves).resolve()
    tools = find_tools(simulator, waves_path.suffix[1:] if waves_path else None)
    session = _Session(package, tools, deadline, progress or _no_progress)

    begin = time.monotonic()
    built = session.build(None)
    middle = time.monotonic()
    measured, beats = session.run(built, stimulus, None)
    end = time.monotonic()

    if measured.stuck:
        if waves_path:
            frame = min(measured.emitted // package.output.beats, len(x) - 1)
            _record(session, stimulus, measured, frame, waves_path, taps=False)
        raise SimulationError(_stuck_message(package, stimulus, measured))
    if reset_at is not None and measured.resets == 0:
        raise SimulationError(
            f"Reset must come before the run ends after {measured.cycles} cycles, "
            f"not in cycle {reset_at}"
        )
    outputs, unknown = package.output.unpack(beats)
    wrong = (outputs != y) | unknown
    difference, frame = None, _suspect(measured)
    if wrong.any():
        frame = int(np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))[0])
        difference = first_difference("output", frame, y[frame], outputs[frame], unknown[frame])
    taps = difference is not None and trace_layers is not None and bool(package.layers)
    if taps or waves_path:
        recorded = _record(session, stimulus, measured, frame, waves_path, taps)
        if taps and trace_layers is not None:
            difference = _layer_difference(package, recorded, trace_layers, x, frame) or difference
    ends = measured.ends
    return SimulationResult(
        outputs=outputs,
        equal=not wrong.any(),
        compared=wrong.size,
        different=int(wrong.sum()),
        interval=ends[-1] - ends[-2] if len(ends) > 1 else None,
        latency=ends[0] - measured.starts[0],
        frame_starts=measured.starts,
        frame_ends=ends,
        cycles=measured.cycles,
        violations=measured.messages,
        first_difference=difference,
        waves=waves_path,
        build_seconds=middle - begin,
        run_seconds=end - middle,
    )


def _checked(values: npt.ArrayLike, stream: Stream, what: str) -> IntArray:
    array = np.asarray(values)
    if array.shape[1:] != stream.shape or array.ndim != len(stream.shape) + 1:
        shape = ", ".join(map(str, stream.shape))
        raise SimulationError(f"{what} must have shape (frames, {shape}), not {array.shape}")
    if not np.issubdtype(array.dtype, np.integer):
        raise SimulationError(f"{what} must be integers, not {array.dtype}; quantize them first")
    if array.size and (array.min() < stream.lo or array.max() > stream.hi):
        raise SimulationError(
            f"{what} must lie in [{stream.lo}, {stream.hi}], "
            f"not reach [{array.min()}, {array.max()}]"
        )
    return array.astype(np.int64)


def _stimulus(
    package: SimulatedPackage,
    inputs: IntArray,
    stalls: float | tuple[float, float],
    seed: int,
    reset_at: int | None,
) -> _Stimulus:
    pair = stalls if isinstance(stalls, tuple) else (stalls, stalls)
    if len(pair) != 2 or not all(0 <= p < 1 for p in pair):
        raise SimulationError(f"Stalls must be chances, 0 <= p < 1, not {stalls!r}")
    if seed < 0:
        raise SimulationError(f"Seed must not be negative, not {seed}")
    if reset_at is not None and reset_at < 1:
        raise SimulationError(f"Reset must come in cycle 1 or later, not {reset_at}")
    cycles = PATIENCE_UNPREDICTED
    if package.interval and package.latency:
        cycles = 1000 + 4 * (package.interval + package.latency)
    patience = math.ceil(cycles / ((1 - pair[0]) * (1 - pair[1])))
    return _Stimulus(inputs, pair, seed, reset_at or 0, patience)


def _suspect(measured: Measured) -> int:
    """Return the frame in which the first stream rule was broken, or 0."""
    first = min((first for _, _, first in measured.violations), default=0)
    return min(sum(end < first for end in measured.ends), max(len(measured.ends) - 1, 0))


def _record(
    session: _Session,
    stimulus: _Stimulus,
    measured: Measured,
    frame: int,
    waves: Path | None,
    taps: bool,
) -> Measured:
    """Run the same once more, cycle for cycle, and record one frame on the way.

    It is not run alone, since what fails may hang on the frames before it.
    """
    started = frame < len(measured.starts)
    start = measured.starts[frame] if started else max(0, measured.cycles - stimulus.patience)
    ended = frame < len(measured.ends)
    stop = measured.ends[frame] if ended else measured.cycles - stimulus.patience
    recording = _Recording(frame, max(0, start - MARGIN), stop + MARGIN, taps, waves)
    again, _ = session.run(session.build(recording), stimulus, recording)
    return again


def _layer_difference(
    package: SimulatedPackage,
    recorded: Measured,
    trace_layers: Trace,
    inputs: IntArray,
    frame: int,
) -> FirstDifference | None:
    return first_layer_difference(
        [(layer.name, layer.node) for layer in package.layers],
        [layer.stream for layer in package.layers],
        recorded.taps,
        trace_layers(inputs[frame : frame + 1]),
        frame,
    )


def _stuck_message(package: SimulatedPackage, stimulus: _Stimulus, measured: Measured) -> str:
    in_frame, in_beat = divmod(measured.accepted, package.input.beats)
    out_frame, out_beat = divmod(measured.emitted, package.output.beats)
    broken = "".join(f"\n  {message}" for message in measured.messages)
    return (
        f"Package stands still: no beat moved for {stimulus.patience} cycles (deadlock at beat "
        f"{out_beat} of frame {out_frame} of the output, beat {in_beat} of frame {in_frame} of "
        f"the input; {len(stimulus.inputs)} frames, stalls {stimulus.stalls}, seed "
        f"{stimulus.seed}){broken}"
    )
