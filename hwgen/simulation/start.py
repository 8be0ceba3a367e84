"""How a compiled simulation is started: asked once of cocotb's runner, and kept."""

__all__ = ["command_and_environment"]

import json
import os
import py_compile
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from hwgen.cache import Cache
from hwgen.errors import ToolError
from hwgen.simulation.build import RUNNER, SIM, TOP, SimulatorTools
from hwgen.simulation.process import run_process
from hwgen.tools import log_tail

BENCH = SIM / "bench.py"
MODULE = "hwgen_bench"  # what a copy of it is called, alone in a folder that Python is told of


def command_and_environment(
    built: Path, tools: SimulatorTools, plusargs: Sequence[str], seed: int, waves: str | None
) -> tuple[list[str], dict[str, str]]:
    """Return what runs the simulation that lies in `built`, in a folder that holds the stimuli.

    Parameters
    ----------
    plusargs : what the harness is told
    seed : of what registers without a reset hold at first
    waves : kind of waveform it writes: "fst", "vcd" or None

    Raises
    ------
    ToolError : cocotb's runner does not know how
    """
    folder = _start(tools)
    start = json.loads((folder / "start.json").read_text())
    command = [word.replace("BUILD", str(built)) for word in start["command"]]
    arguments = list(plusargs)
    if tools.simulator == "verilator":
        arguments += ["+verilator+rand+reset+2", f"+verilator+seed+{seed % (2**31 - 1) + 1}"]
    elif waves:
        command[command.index("-none")] = f"-{waves}"
    path = [str(folder), tools.environment.get("PYTHONPATH", "")]
    environment = {
        **tools.environment,
        **start["environment"],
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "PYGPI_PYTHON_BIN": sys.executable,
        "COCOTB_RANDOM_SEED": str(seed),
    }
    return command + arguments, environment


def _start(tools: SimulatorTools) -> Path:
    """Return a folder with start.json, as the runner writes it, and the cocotb test."""
    cache = Cache()
    parts = ("start", tools.simulator, *tools.versions, RUNNER.read_text(), BENCH.read_text())
    log = cache.log(parts, "start")

    def write(folder: Path) -> None:
        job = {"harness": TOP, "module": MODULE, "simulator": tools.simulator}
        job["start"] = str(folder / "start.json")
        (folder / "job.json").write_text(json.dumps(job))
        command = [sys.executable, str(RUNNER), "start", str(folder / "job.json")]
        if run_process(command, folder, tools.environment, log, None, lambda: None):
            raise ToolError(
                f"cocotb's runner cannot start {tools.simulator}; the log ends:\n{log_tail(log)}"
            )
        bench = shutil.copyfile(BENCH, folder / f"{MODULE}.py")
        # Else the first simulation would: an entry is not to be written to.
        py_compile.compile(str(bench), doraise=True)

    return cache.cached(parts, write)
