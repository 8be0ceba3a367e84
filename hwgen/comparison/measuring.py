"""One design: planned, generated, simulated against golden, and costed."""

__all__ = ["ROW", "describe_package", "measure_design", "measure_package"]

import json
import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec import structs

from hwgen import api
from hwgen.report import Row, Run
from hwgen.targets import get_target

ROW = "row.json"
_NAME = "design"


def measure_design(
    folder: Path,
    network: bytes,
    frames: npt.NDArray[np.int64] | int,
    target: str,
    goal: str,
    overrides: Sequence[str],
    stage: str,
    timeout: float,
) -> None:
    """Write what a design of a network costs, as the fields of a `Row`, to `row.json`.

    Parameters
    ----------
    network : its file
    frames : to simulate, (frames, *shape) integers, or how many random ones; none: no simulation
    overrides : such as ("conv1.pe=4",)
    stage : "estimate", "synth" or "route"
    timeout : seconds that each tool may take
    """
    stored = Path("network.net").absolute()  # in a folder of the job's own
    stored.write_bytes(network)
    seconds: dict[str, float] = {}
    start = time.monotonic()
    plan = api.plan(api.load(stored), target=target, goal=goal, overrides=overrides)
    seconds["plan"], start = time.monotonic() - start, time.monotonic()
    package = api.generate(plan, Path(_NAME).absolute())
    seconds["generate"] = time.monotonic() - start
    x = api.choose_frames(package.network, frames, 0) if isinstance(frames, int) else frames
    row = measure_package(package, x, stage=stage, timeout=timeout)
    row = replace(row, seconds=seconds | dict(row.seconds), folding=" ".join(overrides))
    (folder / ROW).write_text(json.dumps(asdict(row)))


def measure_package(
    package: "api.Package",
    frames: npt.NDArray[np.int64],
    *,
    stage: str = "estimate",
    timeout: float = 1800.0,
) -> Row:
    """Return what a package costs at a stage, simulated with these frames where there are any."""
    manifest = package.manifest
    row = _described(package, stage)
    seconds: dict[str, float] = {}
    if len(frames):
        start = time.monotonic()
        result = package.simulate(frames, timeout=timeout)
        seconds["simulate"] = time.monotonic() - start
        measured = manifest.predicted.interval if result.interval is None else result.interval
        row = replace(
            row,
            equal=result.compared - result.different,
            compared=result.compared,
            violations=len(result.violations),
            interval=measured,
            latency=result.latency,
        )
    start = time.monotonic()
    cost = package.cost(stage, timeout=timeout)
    seconds[stage] = max(time.monotonic() - start, cost.seconds)
    return replace(
        row,
        luts=cost.luts,
        ffs=cost.ffs,
        dsps=cost.dsps,
        block_rams=cost.block_rams,
        fmax_mhz=cost.fmax_mhz,
        frames_per_second=cost.frames_per_second,
        gates=cost.gates,
        area_um2=cost.area_um2,
        power_mw=cost.power_mw,
        energy_nj=cost.energy_nj,
        netlist_energy_nj=cost.netlist_energy_nj,
        seconds=seconds,
    )


def describe_package(package: "api.Package", *, stage: str = "estimate", frames: int = 0) -> Run:
    """Return a run of one package, simulated with so many random frames."""
    row = measure_package(package, api.choose_frames(package.network, frames, 0), stage=stage)
    target = get_target(row.target).to_json()
    words = ["hwgen", "report", str(package.folder), "--stage", stage, "--frames", str(frames)]
    command = shlex.join(words)
    return Run(f"{row.name}, {stage}", command, stage, (row,), {row.target: target})


def _described(package: "api.Package", stage: str) -> Row:
    """Return what the manifest says of a package."""
    manifest = package.manifest
    asic = get_target(manifest.target).library is not None
    borders = (*manifest.inputs, *manifest.outputs)
    layers = [
        {
            "name": layer.name,
            "pe": layer.folding.pe,
            "simd": layer.folding.simd,
            "busy": layer.busy,
            "macs": layer.macs,
            **structs.asdict(layer.estimate),
        }
        for layer in manifest.layers
    ]
    weighted = [layer.folding for layer in manifest.layers if layer.macs]
    return Row(
        network=package.folder.name,
        target=manifest.target,
        goal=manifest.goal,
        stage=stage,
        estimated_luts=None if asic else manifest.estimate.luts,
        clock_mhz=manifest.clock_hz / 1e6,
        interval=manifest.predicted.interval,
        latency=manifest.predicted.latency,
        weight_bytes=package.network.size.storage_bytes,
        macs=sum(layer.macs for layer in manifest.layers),
        units=sum(folding.pe * folding.simd for folding in weighted),
        stream_bytes=sum(border.beats * border.tdata_bits / 8 for border in borders),
        beat_bytes=sum(border.tdata_bits / 8 for border in borders),
        layers=tuple(layers),
    )
