"""What cocotb's runner knows and does, as a process that hwgen.simulation launches.

    python runner.py build JOB.json     compile for Verilator into JOB's "build" folder
    python runner.py start JOB.json     write into JOB's "start" file how a simulation is started

JOB.json:

    {"harness": its module, "build": folder, "sources": [Verilog files, the harness first],
     "includes": [folders], "defines": {name: value},
     "waves": "fst", "vcd" or null, "objects": folder of Verilator's compiled run-time library,
     "brief": whether few clocks will be simulated}

    {"harness": that module, "module": the cocotb test, "simulator": "verilator" or "icarus",
     "start": file}

The file of a start, where BUILD stands for the build folder:

    {"command": ["vvp", ..., "BUILD/sim.vvp"], "environment": {"COCOTB_TOPLEVEL": ..., ...}}

Two things differ from what cocotb's runner does with Verilator, both for speed: signals are not
made public (the harness marks the one that cocotb waits for), and what is the same for every
design is compiled once: Verilator's own run-time library, its headers, and cocotb's main program.
"""

__all__ = ["FastVerilator", "build", "main", "start"]

import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cocotb_tools.runner import Icarus, Runner, Verilator

BUILD = "BUILD"

# What the one who starts it knows better: these are of the process that compiles.
OF_THE_PROCESS = ("PATH", "PYTHONPATH", "PYGPI_PYTHON_BIN")

# More Verilog than this is compiled in several pieces, on all cores, against precompiled headers,
# which take six seconds by themselves; less is quicker as one piece.
ONE_PIECE_BYTES = 1_000_000


# Verilator's headers, which take longer to read than most designs; precompiled, half as long.
HEADERS = "headers.h"
PRECOMPILED = f"{HEADERS}.gch"
INCLUDES = "".join(f'#include "verilated{name}.h"\n' for name in ("", "_dpi", "_timing"))
PRECOMPILE = f"""\
include Vtop.mk
{PRECOMPILED}: {HEADERS}
\t$(CXX) $(OPT_FAST) $(CXXFLAGS) $(CPPFLAGS) -x c++-header -o $@ $<
"""
MAIN = "verilator.o"  # cocotb's, compiled


class FastVerilator(Verilator):  # type: ignore[misc, unused-ignore]
    """Verilator without public signals, with a clock of its own, quick to compile.

    Parameters
    ----------
    objects : folder where what is the same for every design is kept, compiled
    waves : "fst", "vcd" or None
    brief : whether few clocks will be simulated, so that to compile takes most of the time
    """

    def __init__(self, objects: Path, waves: str | None, brief: bool):
        super().__init__()
        self._objects, self._waves = objects, waves
        # -O1 runs as fast as -Os and -O2 here, and is quicker to compile; but a clock in which
        # thousands of sums are made is a function that takes it minutes
        self._fast = "-O0" if brief else "-O1"

    def _build_command(self) -> list[list[str]]:
        verilate, make = super()._build_command()
        verilate = [word for word in verilate if word != "--public-flat-rw"]
        make = [word for word in make if not word.startswith("VM_TRACE=")]
        return [verilate, make]

    def _execute(self, cmds: Sequence[list[str]], cwd: Any) -> None:
        verilate, make = cmds
        super()._execute([verilate], cwd)
        with self._alone():
            main = self._objects / self._main()
            self._make(make, main, cwd)
            for file in self.build_dir.glob("verilated*.o"):
                _keep(file, self._objects / file.name)
            _keep(self.build_dir / MAIN, main)

    def _make(self, make: list[str], main: Path, cwd: Any) -> None:
        """Compile what is not kept."""
        for file in self._objects.glob("verilated*.o"):
            shutil.copyfile(file, self.build_dir / file.name)
            make += ["-o", file.name]  # do not make it
        if main.exists():
            shutil.copyfile(main, self.build_dir / MAIN)
            make += ["-o", MAIN]
        fast = self._fast
        size = sum(Path(source.value).stat().st_size for source in self._sources)
        if size <= ONE_PIECE_BYTES or fast == "-O0":
            make.append("VM_PARALLEL_BUILDS=0")
            if not self._waves:  # with them the headers are others
                self._precompile(fast, cwd)
                fast = f"{fast} -include {HEADERS}"
        super()._execute([[*make, f"OPT_FAST={fast}"]], cwd)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process at a time compile until the first has kept what the others need."""
        with (self._objects / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if any(self._objects.glob("main-*.o")):
                fcntl.flock(lock, fcntl.LOCK_UN)
            yield

    def _main(self) -> str:
        """Return where the main program is kept: it depends on nothing but the design's ports,
        of which the harness has none."""
        ports = (self.build_dir / "Vtop.h").read_bytes()
        return f"main-{self._waves}-{hashlib.sha256(ports).hexdigest()[:16]}.o"

    def _precompile(self, fast: str, cwd: Any) -> None:
        """Bring the headers into the build folder."""
        (self.build_dir / HEADERS).write_text(INCLUDES)
        kept, here = self._objects / f"{fast[1:]}-{PRECOMPILED}", self.build_dir / PRECOMPILED
        if not kept.exists():
            (self.build_dir / "headers.mk").write_text(PRECOMPILE)
            super()._execute([["make", "-f", "headers.mk", f"OPT_FAST={fast}", PRECOMPILED]], cwd)
            _keep(here, kept)
        else:
            here.symlink_to(kept)


def _verilator_arguments(waves: str | None) -> list[str]:
    arguments = ["--timing", "-CFLAGS", "-std=gnu++20 -fcoroutines"]
    arguments += ["-Wno-lint", "-Wno-style", "-Wno-fatal"]
    arguments += ["--x-assign", "unique", "--x-initial", "unique"]  # random, by the run's seed
    if waves:
        arguments.append(f"--trace-{waves}")
    return arguments


def build(job: Mapping[str, Any]) -> None:
    """Compile the harness, the package and the bench's interface into the build folder."""
    folder = Path(job["build"])
    objects = Path(job["objects"])
    folder.mkdir(parents=True, exist_ok=True)
    objects.mkdir(parents=True, exist_ok=True)
    FastVerilator(objects, job["waves"], job["brief"]).build(
        sources=job["sources"],
        hdl_toplevel=job["harness"],
        includes=job["includes"],
        defines=job["defines"],
        build_args=_verilator_arguments(job["waves"]),
        build_dir=folder,
        always=True,
    )
    for file in folder.iterdir():
        if file.name != job["harness"]:
            file.unlink()


def _keep(file: Path, kept: Path) -> None:
    if not kept.exists():
        unfinished = kept.with_name(f".{kept.name}.{os.getpid()}")
        shutil.copyfile(file, unfinished)
        unfinished.replace(kept)  # whole or not at all, whoever else does the same


def start(job: Mapping[str, Any]) -> None:
    """Write the command and the environment that start what was compiled, as cocotb's runner
    would."""
    runner: Runner = {"icarus": _Icarus, "verilator": _Verilator}[job["simulator"]]()
    runner.test(
        test_module=job["module"],
        hdl_toplevel=job["harness"],
        build_dir=BUILD,
        test_dir=Path(job["start"]).parent,
        hdl_toplevel_lang="verilog",
    )
    Path(job["start"]).write_text(json.dumps(runner.written))


class _Written(Runner):  # type: ignore[misc, unused-ignore]
    """Writes down, where it would start the simulation, how."""

    def _execute(self, cmds: Sequence[Sequence[str]], cwd: Any) -> None:
        (command,) = cmds
        environment = {
            name: value
            for name, value in self.env.items()
            if os.environ.get(name) != value and name not in OF_THE_PROCESS
        }
        environment["COCOTB_RESULTS_FILE"] = "results.xml"  # in the folder of the run
        environment["COCOTB_REWRITE_ASSERTION_FILES"] = ""  # the test has none
        built = str(self.build_dir)
        self.written = {
            "command": [word.replace(built, BUILD) for word in command],
            "environment": environment,
        }


class _Icarus(_Written, Icarus):  # type: ignore[misc, unused-ignore]
    pass


class _Verilator(_Written, Verilator):  # type: ignore[misc, unused-ignore]
    pass


def main(arguments: Sequence[str]) -> None:
    """Do what the command line says."""
    verb, path = arguments
    job = json.loads(Path(path).read_text())
    try:
        {"build": build, "start": start}[verb](job)
    except RuntimeError as error:  # a tool failed, and said why above
        sys.exit(str(error))


if __name__ == "__main__":
    # Without this folder, which a script has first on its path and which holds names that others
    # may have.
    ours = Path(__file__).absolute().parent
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != ours.resolve()]
    main(sys.argv[1:])
