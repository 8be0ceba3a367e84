"""Compile and start the harness around a package: the process that hwgen.simulation launches.

    python runner.py build JOB.json     compile into JOB's "build" folder
    python runner.py run JOB.json       run what is there, in JOB's "folder"

JOB.json:

    {"simulator": "verilator" or "icarus", "build": folder, "sources": [Verilog files],
     "top": module under test, "parameters": {harness parameter: number},
     "taps": folder of taps.vh or null, "waves": "fst", "vcd" or null,
     "objects": folder of Verilator's compiled run-time library or null,
     "folder": folder of the run, "plusargs": ["+frames=3", ...], "seed": number}

Two things differ from what cocotb's runner does with Verilator, both for speed: signals are not
made public (the harness marks the one that cocotb waits for), and Verilator's own run-time
library, the same for every design, is compiled once and copied.
"""

__all__ = ["FastIcarus", "FastVerilator", "build", "main", "run"]

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cocotb_tools.runner import Icarus, Runner, Verilator

HARNESS = Path(__file__).with_name("harness.v")
BENCH = "hwgen_sim.bench"
TOP = "hwgen_harness"

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


class FastIcarus(Icarus):  # type: ignore[misc, unused-ignore]
    """Icarus as a Verilog-2005 simulator.

    Under SystemVerilog rules a declaration's initial value is no event, so the `always @*` blocks
    of Yosys, which count on one at time 0, would leave signals unknown until an input changes.
    """

    dump = "-none"

    def _build_command(self) -> list[list[str]]:
        return [
            ["-g2005" if word == "-g2012" else word for word in command]
            for command in super()._build_command()
        ]

    def _test_command(self) -> list[list[str]]:
        return [
            [self.dump if word == "-none" else word for word in command]
            for command in super()._test_command()
        ]


def _runner(job: Mapping[str, Any]) -> Runner:
    if job["simulator"] == "verilator":
        return FastVerilator()
    icarus = FastIcarus()
    icarus.dump = f"-{job['waves']}" if job["waves"] else "-none"
    return icarus


def _verilator_arguments(job: Mapping[str, Any]) -> list[str]:
    arguments = ["--timing", "-CFLAGS", "-std=gnu++20 -fcoroutines"]
    arguments += ["-Wno-lint", "-Wno-style", "-Wno-fatal"]
    arguments += ["--x-assign", "unique", "--x-initial", "unique"]  # random, by the run's seed
    if job["waves"]:
        arguments.append(f"--trace-{job['waves']}")
    return arguments


def build(job: Mapping[str, Any]) -> None:
    """Compile the harness, the package and the bench's interface into the build folder."""
    folder = Path(job["build"])
    objects = Path(job["objects"]) if job["objects"] else None
    folder.mkdir(parents=True, exist_ok=True)
    if objects and objects.is_dir():
        for file in objects.glob("verilated*.o"):
            shutil.copyfile(file, folder / file.name)
    defines: dict[str, object] = {"HWGEN_TOP": job["top"]}
    if job["taps"]:
        defines["HWGEN_TAPS"] = 1
    if job["waves"]:
        defines["HWGEN_WAVES"] = 1
    _runner(job).build(
        sources=[HARNESS, *map(Path, job["sources"])],
        hdl_toplevel=TOP,
        includes=[job["taps"]] if job["taps"] else [],
        defines=defines,
        parameters=job["parameters"],
        build_args=_verilator_arguments(job) if job["simulator"] == "verilator" else [],
        build_dir=folder,
        always=True,
    )
    if objects:
        _keep_objects(folder, objects)
    if job["simulator"] == "verilator":
        for file in folder.iterdir():
            if file.name != TOP:
                file.unlink()


def _keep_objects(folder: Path, objects: Path) -> None:
    objects.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("verilated*.o"):
        kept = objects / file.name
        if not kept.exists():
            unfinished = objects / f".{file.name}.{os.getpid()}"
            shutil.copyfile(file, unfinished)
            unfinished.replace(kept)  # whole or not at all, whoever else does the same


def run(job: Mapping[str, Any]) -> None:
    """Run what `build` made, in the folder that holds stimulus.bin."""
    plusargs = list(job["plusargs"])
    if job["simulator"] == "verilator":
        plusargs += ["+verilator+rand+reset+2", f"+verilator+seed+{job['seed'] % (2**31 - 1) + 1}"]
    _runner(job).test(
        test_module=BENCH,
        hdl_toplevel=TOP,
        build_dir=job["build"],
        test_dir=job["folder"],
        plusargs=plusargs,
        seed=job["seed"],
        hdl_toplevel_lang="verilog",
    )


def main(arguments: Sequence[str]) -> None:
    """Do what the command line says."""
    verb, path = arguments
    job = json.loads(Path(path).read_text())
    try:
        {"build": build, "run": run}[verb](job)
    except RuntimeError as error:  # a tool failed, and said why above
        sys.exit(str(error))


if __name__ == "__main__":
    # The simulator's Python takes this path: without this folder, which a script has first on it
    # and which holds names that others may have, and with the one `hwgen_sim` lies in.
    ours = Path(__file__).absolute().parent
    others = [path for path in sys.path if Path(path).resolve() != ours.resolve()]
    sys.path[:] = [*others, str(ours.parent)]
    main(sys.argv[1:])
