"""A board in simulation: its core in Verilator, the serial line on a pseudo-terminal."""

__all__ = ["build_board", "simulated_board"]

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hwgen.cache import Cache, Part
from hwgen.errors import SimulationError, ToolError
from hwgen.files import TEXT_BYTES, read_file
from hwgen.simulation.build import SIM, find_tools
from hwgen.simulation.process import run_process
from hwgen.tools import find, log_tail, started, workspace

MAIN = SIM / "board.cpp"
START = 60.0  # seconds until the port must be there
_OPTIONS = (
    *("--cc", "--exe", "--build", "-O3", "--x-assign", "unique", "--x-initial", "unique"),
    *("--prefix", "Vboard", "-o", "board", "-Mdir", "build"),
    *("-Wno-lint", "-Wno-style", "-Wno-fatal"),
)
_MAKE = ("OPT_FAST=-O1", "VM_PARALLEL_BUILDS=0")  # as fast as -O2 here, and quicker to compile
_LIBRARY = "verilated*.o"
_EMPTY = "empty"  # a board of which only the library is wanted
_EMPTY_BOARD = """\
module empty(input clk, input rst, input rx, output tx, output idle, output busy, output error);
  assign tx = rx;
endmodule
"""


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
    tools, cache = find_tools("verilator"), Cache()
    deadline = None if timeout is None else time.monotonic() + timeout
    made_by = ("board 1", *tools.versions, *_OPTIONS, *_MAKE, MAIN.read_text())
    texts = [read_file(source, TEXT_BYTES) for source in sources]

    def compiled(top: str, verilog: str, *texts: bytes) -> Path:
        parts: tuple[Part, ...] = (*made_by, top, verilog, *texts)
        log = cache.log(parts, "board")
        # what is the same for every board, Verilator's own library, is compiled once
        shared = None if top == _EMPTY else compiled(_EMPTY, _EMPTY_BOARD)

        def compile_into(folder: Path) -> None:
            (folder / "core.v").write_text(verilog, encoding="utf-8")
            build, make = folder / "build", list(_MAKE)
            build.mkdir()
            for file in shared.glob(_LIBRARY) if shared else ():
                shutil.copyfile(file, build / file.name)
                make.append(f"-o {file.name}")  # do not make it
            options = [word for setting in make for word in ("-MAKEFLAGS", setting)]
            others = [str(source.resolve()) for source in sources] if shared else []
            command = [str(find("verilator")), *_OPTIONS, *options, "--top-module", top]
            command += ["core.v", *others, str(MAIN)]
            status = run_process(command, folder, tools.environment, log, deadline, lambda: None)
            if status != 0 or not (build / "board").is_file():
                what = "was not done in time" if status is None else f"failed with status {status}"
                raise ToolError(
                    f"verilator {what} compiling a board; the log ends:\n{log_tail(log)}"
                )
            for file in build.iterdir():
                if file.name != "board" and (shared or not file.match(_LIBRARY)):
                    file.unlink()

        return cache.cached(parts, compile_into) / "build"

    return compiled(top, verilog, *texts)


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
