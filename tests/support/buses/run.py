"""Build a system for cocotb, and run the bench on it."""

import json
import os
import shutil
from pathlib import Path

from cocotb_tools.runner import Verilator, get_results

from hwgen.cache import Cache
from hwgen.simulation.build import find_tools

TESTS = Path(__file__).parents[2]


class QuickVerilator(Verilator):
    """Verilator whose run-time library, the same for every design, is compiled once."""

    def __init__(self, kept):
        super().__init__()
        self._kept = kept

    def _execute(self, cmds, cwd):
        if len(cmds) < 2:  # the simulation itself
            super()._execute(cmds, cwd)
            return
        verilate, make = cmds
        super()._execute([verilate], cwd)
        kept = self._kept
        kept.mkdir(parents=True, exist_ok=True)
        objects = [file for file in kept.glob("*.o") if not file.name.startswith(".")]
        for file in objects:
            shutil.copyfile(file, self.build_dir / file.name)
        super()._execute([[*make, *(word for file in objects for word in ("-o", file.name))]], cwd)
        for file in self.build_dir.glob("verilated*.o"):
            if not (kept / file.name).exists():
                part = kept / f".{file.name}.{os.getpid()}"
                shutil.copyfile(file, part)
                part.replace(kept / file.name)  # whole or not at all, whoever else does the same


def run_bench(folder, sources, job, *, top, modules=("support.buses.bench",)):
    """Run benches; return how many of their tests ran, and how many failed.

    Parameters
    ----------
    folder : for all that comes of it
    sources : Verilog files
    job : see `bench`
    top : name of the top module
    modules : those that hold the benches
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "job.json"
    written.write_text(json.dumps(job))
    tools = find_tools("verilator", None)
    before = dict(os.environ)
    os.environ.update(tools.environment)
    os.environ |= {"OPT_FAST": "-O1", "OPT_SLOW": "-O0", "OPT_GLOBAL": "-O1"}
    os.environ["PYTHONPATH"] = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    try:
        cache = Cache()
        runner = QuickVerilator(cache.root / "verilated" / cache.key(("bench", *tools.versions)))
        runner.build(
            sources=sources,
            hdl_toplevel=top,
            build_dir=folder / "build",
            build_args=["-Wno-lint", "-Wno-style", "-Wno-fatal", "--x-initial", "unique"],
            always=True,
        )
        results = runner.test(
            test_module=list(modules),
            hdl_toplevel=top,
            build_dir=folder / "build",
            test_dir=folder,
            extra_env={"HWGEN_BUS_JOB": str(written)},
            results_xml=str(folder / "results.xml"),
        )
    finally:
        os.environ.clear()
        os.environ.update(before)
    return get_results(results)
