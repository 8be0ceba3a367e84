"""Build a system for cocotb, and run the bench on it."""

import json
import os
from pathlib import Path

from cocotb_tools.runner import Verilator, get_results

from hwgen.simulation.build import find_tools

TESTS = Path(__file__).parents[2]


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
        runner = Verilator()
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
