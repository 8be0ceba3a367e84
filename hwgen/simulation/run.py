"""Simulate a package: write what the simulator reads, start it, and compare what it wrote."""

__all__ = ["simulate"]

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.errors import SimulationError
from hwgen.network.ends import by_name, one_or_all
from hwgen.network.graph import Given
from hwgen.package.folder import PackageFolder, read_package
from hwgen.package.manifest import BorderStream
from hwgen.package.stream_format import BoolArray, IntArray
from hwgen.progress import Progress, silent
from hwgen.simulation.build import find_tools
from hwgen.simulation.compare import (
    FirstDifference,
    LayerResult,
    compare_layers,
    first_difference,
)
from hwgen.simulation.netlist import netlist_sources
from hwgen.simulation.result import Measured, SimulationResult
from hwgen.simulation.session import Recording, Session, Stimulus

Trace = Callable[[Any], Mapping[str, npt.NDArray[np.int64]]]

STAGES = ("rtl", "netlist")
SIMULATORS = ("verilator", "icarus")
MARGIN = 8  # cycles of a waveform before and after the frame


def simulate(
    folder: str | Path,
    inputs: Given,
    expected: Given,
    *,
    stage: str = "rtl",
    simulator: str = "verilator",
    stalls: float | tuple[float, float] = 0.0,
    seed: int = 0,
    reset_at: int | None = None,
    waves: str | Path | None = None,
    trace_layers: Trace | None = None,
    trace: bool = False,
    timeout: float | None = None,
    progress: Progress | None = None,
) -> SimulationResult:
    """Run frames through a package, back to back, and compare every output bit.

    Parameters
    ----------
    folder : a package, as codegen writes it
    inputs, expected : (frames, *shape) integers: what goes in, and what golden says comes out; of
        several inputs or outputs by name, or in order
    stage : "rtl" for the package's Verilog, "netlist" for what synthesis makes of it on the
        package's target, with models of the target's cells
    simulator : "verilator" or "icarus"
    stalls : chance of a stall in a cycle, at both ends or (input, output); 0 <= p < 1
    seed : of the stalls, and of what registers without a reset hold at first
    reset_at : cycle of one more reset; all begins again from frame 0 then, and only that counts
    waves : .fst or .vcd file for the waveform of the first frame that differs, or else of the
        first that breaks a stream rule, or else of frame 0
    trace_layers : gives the value of every node for a batch of one frame, as `Network.trace`
        does; when outputs differ it serves to find the first layer that does. A netlist has no
        layers any more: the RTL is run in its place, and if that is right, the difference says so
    trace : compare the stream of every layer in every frame, not only the last one's; the run is
        repeated for each frame. Of the RTL; it needs `trace_layers`
    timeout : seconds for everything
    progress : called with ("synthesis", "build" or "run", done, total) about ten times a second

    Raises
    ------
    StoreError : the folder is not a package, or a damaged one
    SimulationError : the arguments do not fit the package, it stands still, or the run failed
    ToolError : a tool is missing, crashed, or was not done in time
    """
    package = read_package(Path(folder))
    for what, value, known in (("Stage", stage, STAGES), ("Simulator", simulator, SIMULATORS)):
        if value not in known:
            raise SimulationError(f"{what} must be {' or '.join(known)}, not {value!r}")
    manifest = package.manifest
    x = _checked(inputs, manifest.inputs, "input", "Inputs")
    y = _checked(expected, manifest.outputs, "output", "Expected outputs")
    counts = [len(values) for values in (*x, *y)]
    if len(set(counts)) > 1 or not counts[0]:
        raise SimulationError(
            "Inputs and expected outputs must be equally many frames, not "
            f"{', '.join(map(str, counts[:-1]))} and {counts[-1]}"
        )
    if waves is not None and Path(waves).suffix not in (".fst", ".vcd"):
        raise SimulationError(f"Waves must be a file that ends in .fst or .vcd, not {waves}")
    if trace and (trace_layers is None or stage != "rtl"):
        raise SimulationError(
            "Trace must be of the RTL, with trace_layers; a netlist has no layers"
        )
    stimulus = _stimulus(package, x, stalls, seed, reset_at)
    deadline = None if timeout is None else time.monotonic() + timeout
    waves_path = None if waves is None else Path(waves).resolve()
    tools = find_tools(simulator, waves_path.suffix[1:] if waves_path else None)
    sources = (package.verilog, *package.primitives)
    session = Session(package, sources, tools, deadline, progress or silent)
    rtl = session

    begin = time.monotonic()
    if stage == "netlist":
        session = replace(rtl, sources=netlist_sources(package, deadline, session.progress))
    built = session.build(None)
    middle = time.monotonic()
    measured, beats = session.run(built, stimulus, None)
    end = time.monotonic()

    if measured.stuck:
        if waves_path:
            pairs = zip(measured.emitted, manifest.outputs, strict=True)
            frame = min(*(beats // end.beats for beats, end in pairs), stimulus.frames - 1)
            _record(session, stimulus, measured, frame, waves_path, taps=False)
        raise SimulationError(_stuck_message(package, stimulus, measured, stage))
    if reset_at is not None and measured.resets == 0:
        raise SimulationError(
            f"Reset must come before the run ends after {measured.cycles} cycles, "
            f"not in cycle {reset_at}"
        )
    found = _unpacked(manifest.outputs, beats)
    wrong = [(got != should) | unknown for should, (got, unknown) in zip(y, found, strict=True)]
    difference = _output_difference(manifest.outputs, y, found)
    frame = _suspect(measured) if difference is None else difference.frame
    taps = difference is not None and trace_layers is not None
    if waves_path or (taps and session is rtl):
        recorded = _record(session, stimulus, measured, frame, waves_path, taps and session is rtl)
        if difference and trace_layers and session is rtl:
            difference = _layer_difference(package, recorded, trace_layers, stimulus, difference)
    if difference and session is not rtl:
        difference = _in_rtl(rtl, stimulus, y, difference, trace_layers)
    layers: tuple[LayerResult, ...] = ()
    if trace and trace_layers:
        layers = _traced(session, stimulus, measured, trace_layers)
        difference = next((r.first_difference for r in layers if r.different), difference)
    ends = measured.ends
    return SimulationResult(
        outputs=one_or_all(
            {end.name: got for end, (got, _) in zip(manifest.outputs, found, strict=True)}
        ),
        equal=difference is None,
        compared=sum(part.size for part in wrong),
        different=sum(int(part.sum()) for part in wrong),
        interval=_interval(ends),
        latency=ends[0] - measured.starts[0],
        frame_starts=measured.starts,
        frame_ends=ends,
        cycles=measured.cycles,
        violations=_messages(package, measured),
        first_difference=difference,
        layers=layers,
        waves=waves_path,
        build_seconds=middle - begin,
        run_seconds=end - middle,
    )


def _checked(
    given: Given, ends: Sequence[BorderStream], kind: str, what: str
) -> tuple[IntArray, ...]:
    """Return the integers of each input or output, as its stream can carry them."""
    names = [end.name for end in ends]
    several = len(names) > 1 or isinstance(given, Mapping)
    values: dict[str, Any] = by_name(given, names, kind) if several else {names[0]: given}
    return tuple(
        end.stream.checked(values[end.name], f"{what} {end.name!r}" if len(names) > 1 else what)
        for end in ends
    )


def _unpacked(
    ends: Sequence[BorderStream], beats: Sequence[Sequence[str]]
) -> list[tuple[IntArray, BoolArray]]:
    """Return the values of each output, and which are unknown."""
    return [end.stream.unpack(of) for end, of in zip(ends, beats, strict=True)]


def _messages(package: PackageFolder, measured: Measured) -> tuple[str, ...]:
    """Return the stream rules that were broken, in words."""
    manifest = package.manifest
    return measured.messages(
        *([end.port for end in of] for of in (manifest.inputs, manifest.outputs))
    )


def _output_difference(
    ends: Sequence[BorderStream],
    expected: Sequence[IntArray],
    found: Sequence[tuple[IntArray, BoolArray]],
) -> FirstDifference | None:
    """Return the first difference of the package's outputs, in the first frame that has one, or
    None."""
    differences = []
    for end, should, (outputs, unknown) in zip(ends, expected, found, strict=True):
        name = "output" if len(ends) == 1 else f"output {end.name}"
        if difference := _difference(name, should, outputs, unknown):
            differences.append(difference)
    return min(differences, key=lambda difference: difference.frame, default=None)


def _difference(
    name: str, expected: IntArray, outputs: IntArray, unknown: BoolArray
) -> FirstDifference | None:
    """Return the first difference of an output, or None."""
    wrong = (outputs != expected) | unknown
    if not wrong.any():
        return None
    frame = int(np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))[0])
    return first_difference(name, frame, expected[frame], outputs[frame], unknown[frame])


def _in_rtl(
    rtl: Session,
    stimulus: Stimulus,
    expected: Sequence[IntArray],
    difference: FirstDifference,
    trace_layers: Trace | None,
) -> FirstDifference:
    """Return what the RTL says of a difference that the netlist shows."""
    measured, beats = rtl.run(rtl.build(None), stimulus, None)
    package = rtl.package
    if measured.stuck:
        raise SimulationError(_stuck_message(package, stimulus, measured, "rtl"))
    ends = package.manifest.outputs
    found = _output_difference(ends, expected, _unpacked(ends, beats))
    if found is None:
        return replace(difference, netlist_only=True)
    if trace_layers is None:
        return found
    recorded = _record(rtl, stimulus, measured, found.frame, None, True)
    return _layer_difference(package, recorded, trace_layers, stimulus, found)


def _stimulus(
    package: PackageFolder,
    inputs: tuple[IntArray, ...],
    stalls: float | tuple[float, float],
    seed: int,
    reset_at: int | None,
) -> Stimulus:
    pair = stalls if isinstance(stalls, tuple) else (stalls, stalls)
    if len(pair) != 2 or not all(0 <= p < 1 for p in pair):
        raise SimulationError(f"Stalls must be chances, 0 <= p < 1, not {stalls!r}")
    if seed < 0:
        raise SimulationError(f"Seed must not be negative, not {seed}")
    if reset_at is not None and reset_at < 1:
        raise SimulationError(f"Reset must come in cycle 1 or later, not {reset_at}")
    cycles = package.manifest.predicted.patience
    patience = math.ceil(cycles / ((1 - pair[0]) * (1 - pair[1])))
    return Stimulus(inputs, pair, seed, reset_at or 0, patience)


def _suspect(measured: Measured) -> int:
    """Return the frame in which the first stream rule was broken, or 0."""
    first = min((first for *_, first in measured.violations), default=0)
    return min(sum(end < first for end in measured.ends), max(len(measured.ends) - 1, 0))


def _interval(ends: Sequence[int]) -> int | None:
    """Return the clocks from one frame to the next once the pipeline is full: the most of the later
    ones, as a plan says it."""
    last = ends[len(ends) // 2 - 1 :] if len(ends) > 3 else ends[-2:]
    return max((b - a for a, b in pairwise(last)), default=None)


def _record(
    session: Session,
    stimulus: Stimulus,
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
    recording = Recording(frame, max(0, start - MARGIN), stop + MARGIN, taps, waves)
    again, _ = session.run(session.build(recording), stimulus, recording)
    return again


def _layer_difference(
    package: PackageFolder,
    recorded: Measured,
    trace_layers: Trace,
    stimulus: Stimulus,
    difference: FirstDifference,
) -> FirstDifference:
    """Return the first difference of the first layer that differs, in the frame of a difference of
    the outputs; that one itself where all layers agree."""
    frame = difference.frame
    found = _layers_of(package, recorded, trace_layers, stimulus, frame)
    return next((r.first_difference for r in found if r.first_difference), difference)


def _layers_of(
    package: PackageFolder, recorded: Measured, trace_layers: Trace, stimulus: Stimulus, frame: int
) -> Iterator[LayerResult]:
    """Yield the comparison of each layer in one recorded frame."""
    names = [end.name for end in package.manifest.inputs]
    inputs = dict(zip(names, stimulus.of_frame(frame), strict=True))
    return compare_layers(
        [(layer.name, layer.node) for layer in package.manifest.layers],
        [layer.stream for layer in package.manifest.layers],
        recorded.taps,
        trace_layers(one_or_all(inputs)),
        frame,
    )


def _traced(
    session: Session, stimulus: Stimulus, measured: Measured, trace_layers: Trace
) -> tuple[LayerResult, ...]:
    """Return the comparison of each layer over all frames."""
    total: list[LayerResult] = []
    for frame in range(stimulus.frames):
        recorded = _record(session, stimulus, measured, frame, None, taps=True)
        found = list(_layers_of(session.package, recorded, trace_layers, stimulus, frame))
        total = [a + b for a, b in zip(total, found, strict=True)] if total else found
    return tuple(total)


def _stuck_message(
    package: PackageFolder, stimulus: Stimulus, measured: Measured, stage: str
) -> str:
    what = "Package" if stage == "rtl" else "Netlist"
    outs = _places(measured.emitted, package.manifest.outputs, "output")
    ins = _places(measured.accepted, package.manifest.inputs, "input")
    broken = "".join(f"\n  {message}" for message in _messages(package, measured))
    return (
        f"{what} stands still: no beat moved for {stimulus.patience} cycles (deadlock at "
        f"{', '.join((*outs, *ins))}; {stimulus.frames} frames, stalls {stimulus.stalls}, seed "
        f"{stimulus.seed}){broken}"
    )


def _places(beats: Sequence[int], ends: Sequence[BorderStream], what: str) -> list[str]:
    """Return where each input or output stands."""
    found = []
    for count, end in zip(beats, ends, strict=True):
        frame, beat = divmod(count, end.beats)
        name = what if len(ends) == 1 else f"{what} {end.name}"
        found.append(f"beat {beat} of frame {frame} of the {name}")
    return found
