"""Compile the harness around a package, once: builds are kept by the hash of all they depend on."""

__all__ = [
    "Build",
    "SimulatorTools",
    "build",
    "find_tools",
]

import importlib.metadata
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from hwgen.cache import Cache
from hwgen.errors import InternalError, ToolError, bring
from hwgen.files import TEXT_BYTES, read_file
from hwgen.simulation.process import run_process
from hwgen.tools import check_fst_headers, environment, find, log_tail, version

SIM = Path(str(files("hwgen_sim")))
RUNNER = SIM / "runner.py"
HARNESS = SIM / "harness.v"
TOP = "hwgen_harness"

# Settings of an outer make, pytest or cocotb that must not reach ours.
FOREIGN = ("COCOTB_", "GPI_", "PYGPI_", "PYTEST_", "VERILATOR_")
FOREIGN_NAMES = ("WAVES", "GUI", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "TOPLEVEL_LANG", "SIM")

COMPILED = {"icarus": "sim.vvp", "verilator": TOP}  # what a build must hold

# The wheel's makefile is unconfigured; these are the settings it lacks.
MAKEFLAGS = "CFG_CXXFLAGS_PCH_I=-include CFG_LDLIBS_THREADS=-pthread PYTHON3=python3 CXX=g++"


@dataclass(frozen=True)
class SimulatorTools:
    """A simulator that is there: its versions, and the environment it needs."""

    simulator: str
    versions: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Build:
    """What to compile; every field is part of the cache's key.

    Attributes
    ----------
    sources : Verilog files that hold the package
    top : its top module
    ends : text of ends.vh
    taps : text of taps.vh, or empty
    waves : "fst", "vcd" or None
    brief : whether a frame takes few clocks, of which few will be simulated
    """

    sources: tuple[Path, ...]
    top: str
    ends: str
    taps: str = ""
    waves: str | None = None
    brief: bool = False


def find_tools(simulator: str, waves: str | None = None) -> SimulatorTools:
    """Return the simulator's tools.

    Parameters
    ----------
    simulator : "verilator" or "icarus"
    waves : kind of waveform it has to write: "fst", "vcd" or None

    Raises
    ------
    ToolError : something is missing; the message holds the line that brings it
    """
    if not HARNESS.is_file():
        raise InternalError(f"The simulation harness must lie in {SIM}; install hwgen again")
    cocotb = importlib.util.find_spec("cocotb")
    if cocotb is None:
        raise ToolError(f"cocotb is needed and was not found; get it with: {bring('sim')}")
    variables = {
        name: value
        for name, value in environment().items()
        if not name.startswith(FOREIGN) and name not in FOREIGN_NAMES
    }
    versions = [f"cocotb {importlib.metadata.version('cocotb')} {cocotb.origin}", sys.version]
    if simulator == "icarus":
        find("vvp")
        folder = find("iverilog").parent
        versions.append(f"iverilog {version('iverilog')}")
    else:
        for name in ("make", "perl"):
            find(name)
        folder = find("verilator").parent
        versions += [f"verilator {version('verilator')} {folder}", f"g++ {version('g++')}"]
        variables |= {"VERILATOR_ROOT": str(folder.parent), "MAKEFLAGS": MAKEFLAGS}
        if waves == "fst":
            check_fst_headers()
    variables["PATH"] = f"{folder}{os.pathsep}{variables['PATH']}"
    return SimulatorTools(simulator, tuple(versions), variables)


def build(
    wanted: Build, tools: SimulatorTools, deadline: float | None, poll: Callable[[], None]
) -> Path:
    """Return the folder of the compiled simulation, which is made if it is not there yet.

    Parameters
    ----------
    deadline : `time.monotonic()` at which to give up
    poll : called about ten times a second while it compiles

    Raises
    ------
    ToolError : the simulator refuses the Verilog, crashes, or is not done in time
    """
    cache = Cache()
    made_by = ("simulation", *tools.versions, RUNNER.read_text())
    # Verilator's run-time library is the same for every design.
    objects = cache.root / "verilated" / cache.key(made_by)
    parts = (
        *made_by,
        tools.simulator,
        *(read_file(source, TEXT_BYTES) for source in wanted.sources),
        HARNESS.read_text(),
        wanted.top,
        wanted.ends,
        wanted.taps,
        wanted.waves,
        wanted.brief,
    )
    log = cache.log(parts, "simulation")

    def compile_into(folder: Path) -> None:
        (folder / "ends.vh").write_text(wanted.ends)
        (folder / "taps.vh").write_text(wanted.taps)
        (folder / "build").mkdir()
        job = _job(wanted, folder)
        if tools.simulator == "icarus":
            command = _icarus(job)
        else:
            (folder / "job.json").write_text(json.dumps({**job, "objects": str(objects)}))
            command = [sys.executable, str(RUNNER), "build", str(folder / "job.json")]
        status = run_process(command, folder, tools.environment, log, deadline, poll)
        if status != 0:
            what = "was not done in time" if status is None else f"failed with status {status}"
            raise ToolError(
                f"{tools.simulator} {what} compiling {wanted.sources[0]}; the log ends:\n"
                f"{log_tail(log)}"
            )
        if not (folder / "build" / COMPILED[tools.simulator]).is_file():
            raise ToolError(
                f"{tools.simulator} ended well but compiled nothing; install it anew. The log "
                f"ends:\n{log_tail(log)}"
            )

    return cache.cached(parts, compile_into) / "build"


def _job(wanted: Build, folder: Path) -> dict[str, Any]:
    """Return what to compile, and where, as the runner takes it."""
    defines: dict[str, object] = {"HWGEN_TOP": wanted.top}
    if wanted.taps:
        defines["HWGEN_TAPS"] = 1
    if wanted.waves:
        defines["HWGEN_WAVES"] = 1
    return {
        "harness": TOP,
        "build": str(folder / "build"),
        "sources": [str(HARNESS), *(str(source.resolve()) for source in wanted.sources)],
        "includes": [str(folder)],
        "defines": defines,
        "waves": wanted.waves,
        "brief": wanted.brief,
    }


def _icarus(job: Mapping[str, Any]) -> list[str]:
    """Return the command that compiles for Icarus, as a Verilog-2005 simulator.

    Under SystemVerilog rules a declaration's initial value is no event, so the `always @*` blocks
    of Yosys, which count on one at time 0, would leave signals unknown until an input changes.
    """
    output = Path(job["build"]) / COMPILED["icarus"]
    return [
        *("iverilog", "-g2005", "-s", job["harness"], "-o", str(output)),
        *(f"-D{name}={value}" for name, value in job["defines"].items()),
        *(f"-I{include}" for include in job["includes"]),
        *job["sources"],
    ]
