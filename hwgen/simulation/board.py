"""A board in simulation: its core in Verilator, the serial line on a pseudo-terminal."""

__all__ = ["build_board", "simulated_board"]

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hwgen.cache import Cache
from hwgen.errors import SimulationError, ToolError
from hwgen.simulation.build import SIM, find_tools
from hwgen.simulation.process import run_process
from hwgen.tools import find, log_tail, started, workspace

MAIN = SIM / "board.cpp"
START = 60.0  # seconds until the port must be there
_OPTIONS = (
    *("--cc", "--exe", "--build", "-O3", "--x-assign", "unique", "--x-initial", "unique"),
    *("--prefix", "Vboard", "-o", "board", "-Mdir", "build", "-MAKEFLAGS", "OPT_FAST=-O2"),
    *("-Wno-lint", "-Wno-style", "-Wno-fatal"),
)


def build_board(verilog: str, sources: Sequence[Path], top: str, timeout: float | None) -> Path:
    """Return the folder of a board's compiled simulation, which is made if it is not there yet.

    Parameters
    ----------
    verilog : the board's core, with ports clk, rst, rx, tx, idle, busy and error
    sources : Verilog files of the accelerator inside it
    top : name of the core's module
    timeout : seconds that compiling may take

    Raises
    ------
    ToolError : the simulator is missing, refuses the Verilog, or is not done in time
    """
    tools = find_tools("verilator")
    cache = Cache()
    texts = [source.read_text() for source in sources]
    main = MAIN.read_text()
    parts = ("board 1", *tools.versions, *_OPTIONS, main, top, verilog, *texts)
    log = cache.log(parts, "board")
    deadline = None if timeout is None else time.monotonic() + timeout

    def compile_into(folder: Path) -> None:
        (folder / "core.v").write_text(verilog, encoding="utf-8")
        files = ["core.v", *(str(source.resolve()) for source in sources), str(MAIN)]
        command = [str(find("verilator")), *_OPTIONS, "--top-module", top, *files]
        status = run_process(command, folder, tools.environment, log, deadline, lambda: None)
        if status != 0 or not (folder / "build" / "board").is_file():
            what = "was not done in time" if status is None else f"failed with status {status}"
            raise ToolError(f"verilator {what} compiling a board; the log ends:\n{log_tail(log)}")

    return cache.cached(parts, compile_into) / "build"


@contextmanager
def simulated_board(built: Path, clocks: int, seed: int = 0) -> Iterator[str]:
    """Run a board for as long as the block lasts, and yield the name of its serial port.

    Parameters
    ----------
    built : as `build_board` returns it
    clocks : of a bit on the serial line
    seed : of what registers without a reset hold at first

    Raises
    ------
    SimulationError : it does not start
    """
    tools = find_tools("verilator")
    command = [str(built / "board"), str(clocks), str(seed % (2**31 - 1) + 1)]
    with workspace() as folder:
        log = folder / "board.log"
        with started(command, cwd=folder, env=tools.environment, log=log) as process:
            place, end = folder / "port", time.monotonic() + START
            while not place.exists():
                if process.poll() is not None or time.monotonic() > end:
                    raise SimulationError(f"Simulated board did not start:\n{log_tail(log)}")
                time.sleep(0.01)
            yield place.read_text().strip()
