"""What cocotb's runner knows and does, as a process that hwgen.simulation launches.

    python runner.py build JOB.json     compile for Verilator into JOB's "build" folder
    python runner.py start JOB.json     write into JOB's "start" file how a simulation is started

JOB.json:

    {"harness": its module, "build": folder, "sources": [Verilog files, the harness first],
     "includes": [folders], "defines": {name: value},
     "waves": "fst", "vcd" or null, "objects": folder of Verilator's compiled run-time library}

    {"harness": that module, "module": the cocotb test, "simulator": "verilator" or "icarus",
     "start": file}

The file of a start, where BUILD stands for the build folder:

    {"command": ["vvp", ..., "BUILD/sim.vvp"], "environment": {"COCOTB_TOPLEVEL": ..., ...}}

Two things differ from what cocotb's runner does with Verilator, both for speed: signals are not
made public (the harness marks the one that cocotb waits for), and Verilator's own run-time
library, the same for every design, is compiled once and copied.
"""

__all__ = ["FastVerilator", "build", "main", "start"]

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cocotb_tools.runner import Icarus, Runner, Verilator

BUILD = "BUILD"

# What the one who starts it knows better: these are of the process that compiles.
OF_THE_PROCESS = ("PATH", "PYTHONPATH", "PYGPI_PYTHON_BIN")

# More Verilog than this is compiled in several pieces, on all cores, against precompiled headers,
# which take six seconds by themselves; less is quicker as one piece.
ONE_PIECE_BYTES = 1_000_000


class FastVerilator(Verilator):  # type: ignore[misc, unused-ignore]
    """Verilator without public signals, with a clock of its own, quick to compile."""

    def _build_command(self) -> list[list[str]]:
        verilate, make = super()._build_command()
        verilate = [word for word in verilate if word != "--public-flat-rw"]
        make = [word for word in make if not word.startswith("VM_TRACE=")]
        make.append("OPT_FAST=-O1")  # as fast as -Os and -O2 here, and quicker to compile
        size = sum(Path(source.value).stat().st_size for source in self._sources)
        if size <= ONE_PIECE_BYTES:
            make.append("VM_PARALLEL_BUILDS=0")
        for file in self.build_dir.glob("verilated*.o"):  # copied here; -o: do not make it
            make += ["-o", file.name]
        return [verilate, make]


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
    if objects.is_dir():
        for file in objects.glob("verilated*.o"):
            shutil.copyfile(file, folder / file.name)
    FastVerilator().build(
        sources=job["sources"],
        hdl_toplevel=job["harness"],
        includes=job["includes"],
        defines=job["defines"],
        build_args=_verilator_arguments(job["waves"]),
        build_dir=folder,
        always=True,
    )
    _keep_objects(folder, objects)
    for file in folder.iterdir():
        if file.name != job["harness"]:
            file.unlink()


def _keep_objects(folder: Path, objects: Path) -> None:
    objects.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("verilated*.o"):
        kept = objects / file.name
        if not kept.exists():
            unfinished = objects / f".{file.name}.{os.getpid()}"
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
