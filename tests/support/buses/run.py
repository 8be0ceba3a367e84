"""Build a system for cocotb, and run the bench on it."""

import json
import os
from pathlib import Path

from cocotb_tools.runner import Verilator, get_results

from hwgen.simulation.build import find_tools

TESTS = Path(__file__).parents[2]


def run_bench(folder, text, job, *, top, tests=None):
    """Run the bench; return how many of its tests ran, and how many failed.

    Parameters
    ----------
    folder : for all that comes of it
    text : Verilog
    job : see `bench`
    top : name of the top module
    tests : which of the bench's; None: all
    """
    folder.mkdir(parents=True, exist_ok=True)
    source, written = folder / "system.v", folder / "job.json"
    source.write_text(text)
    written.write_text(json.dumps(job))
    tools = find_tools("verilator", None)
    before = dict(os.environ)
    os.environ.update(tools.environment)
    os.environ |= {"OPT_FAST": "-O1", "OPT_SLOW": "-O0", "OPT_GLOBAL": "-O1"}
    os.environ["PYTHONPATH"] = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    try:
        runner = Verilator()
        runner.build(
            sources=[source],
            hdl_toplevel=top,
            build_dir=folder / "build",
            build_args=["-Wno-lint", "-Wno-style", "-Wno-fatal", "--x-initial", "unique"],
            always=True,
        )
        results = runner.test(
            test_module="support.buses.bench",
            hdl_toplevel=top,
            build_dir=folder / "build",
            test_dir=folder,
            testcase=tests,
            extra_env={"HWGEN_BUS_JOB": str(written)},
            results_xml=str(folder / "results.xml"),
        )
    finally:
        os.environ.clear()
        os.environ.update(before)
    return get_results(results)
