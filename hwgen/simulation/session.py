"""One package on one simulator: compile, run, and bring back what was measured."""

__all__ = ["Recording", "Session", "Stimulus"]

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hwgen.cache import Cache
from hwgen.errors import SimulationError, ToolError
from hwgen.package.folder import PackageFolder
from hwgen.package.stream_format import IntArray
from hwgen.progress import Progress
from hwgen.simulation.build import Build, SimulatorTools, build
from hwgen.simulation.harness import ends, taps
from hwgen.simulation.process import run_process
from hwgen.simulation.result import Measured, read_measured
from hwgen.simulation.start import command_and_environment
from hwgen.tools import log_tail, workspace

BRIEF = 16  # clocks a frame, up to which a simulation is done sooner than one that runs quicker


@dataclass(frozen=True)
class Stimulus:
    """All that one run is made of, but for what is recorded; `inputs` are the frames of each."""

    inputs: tuple[IntArray, ...]
    stalls: tuple[float, float]
    seed: int
    reset_at: int
    patience: int

    @property
    def frames(self) -> int:
        """How many frames are sent."""
        return len(self.inputs[0])

    def of_frame(self, frame: int) -> tuple[IntArray, ...]:
        """Return the inputs of one frame."""
        return tuple(x[frame : frame + 1] for x in self.inputs)

    @property
    def plusargs(self) -> list[str]:
        source, sink = (int(n) or 1 for n in np.random.SeedSequence(self.seed).generate_state(2))
        source_stall, sink_stall = (min(65535, round(p * 65536)) for p in self.stalls)
        return [
            f"+frames={self.frames}",
            f"+source_seed={source}",
            f"+sink_seed={sink}",
            f"+source_stall={source_stall}",
            f"+sink_stall={sink_stall}",
            f"+reset_at={self.reset_at}",
            f"+patience={self.patience}",
        ]


@dataclass(frozen=True)
class Recording:
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
class Session:
    """A package on a simulator, until a deadline.

    Attributes
    ----------
    package : with its manifest
    sources : the Verilog that stands for it: the RTL, or the netlist and the models of its cells
    tools : the simulator
    deadline : `time.monotonic()` at which to give up; None: never
    progress : called with (step, done, total)
    """

    package: PackageFolder
    sources: tuple[Path, ...]
    tools: SimulatorTools
    deadline: float | None
    progress: Progress

    def build(self, recording: Recording | None) -> Path:
        """Return the folder of the compiled simulation."""
        manifest = self.package.manifest
        brief = manifest.predicted.interval <= BRIEF
        wanted = Build(self.sources, manifest.accelerator, ends(manifest.streams), brief=brief)
        if recording:
            waves = recording.waves.suffix[1:] if recording.waves else None
            recorders = taps(manifest.layers) if recording.taps else ""
            wanted = replace(wanted, taps=recorders, waves=waves)
        self.progress("build", 0, 1)
        folder = build(wanted, self.tools, self.deadline, lambda: None)
        self.progress("build", 1, 1)
        return folder

    def run(
        self, built: Path, stimulus: Stimulus, recording: Recording | None
    ) -> tuple[Measured, list[list[str]]]:
        """Return what was measured, and the captured beats of each output."""
        with workspace() as folder:
            return self._run(folder, built, stimulus, recording)

    def _run(
        self, folder: Path, built: Path, stimulus: Stimulus, recording: Recording | None
    ) -> tuple[Measured, list[list[str]]]:
        for number, end in enumerate(self.package.manifest.inputs):
            packed = end.stream.pack(stimulus.inputs[number])
            (folder / f"stimulus_{number}.bin").write_bytes(packed)
        waves = recording.waves if recording else None
        plusargs = stimulus.plusargs + (recording.plusargs if recording else [])
        command, environment = command_and_environment(
            built, self.tools, plusargs, stimulus.seed, waves.suffix[1:] if waves else None
        )
        log = Cache().log(("run", str(built), *plusargs), "run")
        frames = stimulus.frames

        def poll() -> None:
            self.progress("run", _frames_out(folder / "events.txt"), frames)

        status = run_process(command, folder, environment, log, self.deadline, poll)
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
            raise SimulationError(f"{error}; the log ends:\n{log_tail(log)}") from error
        self.progress("run", frames, frames)
        if waves:
            _move(folder / f"waves{waves.suffix}", waves)
        beats = [
            self._captured(folder / f"output_{number}.hex", emitted)
            for number, emitted in enumerate(measured.emitted)
        ]
        return measured, beats

    def _captured(self, path: Path, emitted: int) -> list[str]:
        """Return the beats of an output since the last reset."""
        text = path.read_text(errors="replace")
        captured = text.rpartition("R\n")[2].split()
        if not text.endswith("\n") or len(captured) < emitted:
            raise SimulationError(
                f"{self.tools.simulator} wrote {len(captured)} of {emitted} beats; make "
                "room in the temporary folder, or set TMPDIR to another"
            )
        return captured


def _move(file: Path, place: Path) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, place)
    except OSError as error:
        raise SimulationError(
            f"{place}: waveform cannot be written ({error.strerror or error}); choose another file"
        ) from error


def _frames_out(events: Path) -> int:
    if not events.exists():
        return 0
    return events.read_text(errors="replace").rpartition("R\n")[2].count("E 0 ")
