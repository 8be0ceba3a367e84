"""Compiled simulations are kept by all that they depend on."""

import re
import shutil
from dataclasses import replace

import hwgen
from hwgen.simulation import build as builds
from hwgen.simulation.build import Build, SimulatorTools, build
from support.caches import VERILATED, fresh_cache
from support.known import tiny
from support.networks import random_input


def test_whatever_differs_is_compiled_anew(tmp_path, monkeypatch):
    compiled = []

    def run_process(command, folder, environment, log, deadline, poll):
        compiled.append(folder)
        (folder / "build").mkdir(exist_ok=True)
        for name in builds.COMPILED.values():
            (folder / "build" / name).write_text("")
        return 0

    monkeypatch.setattr(builds, "run_process", run_process)
    monkeypatch.setenv("HWGEN_CACHE", str(tmp_path / "cache"))
    sources = [tmp_path / f"{name}.v" for name in "ab"]
    for source in sources:
        source.write_text(f"// {source.name}")
    wanted = Build((sources[0],), "top", "a source, a sink")
    tools = SimulatorTools("icarus", ("1",), {})
    others = [
        (wanted, tools),
        (replace(wanted, sources=tuple(sources)), tools),
        (replace(wanted, sources=(sources[1],)), tools),
        (replace(wanted, top="other"), tools),
        (replace(wanted, ends="two sources, a sink"), tools),
        (replace(wanted, taps="tap"), tools),
        (replace(wanted, waves="vcd"), tools),
        (wanted, replace(tools, simulator="verilator")),
        (wanted, replace(tools, versions=("2",))),
    ]
    found = {build(*other, None, lambda: None) for other in others}
    assert len(found) == len(compiled) == len(others)
    assert {build(*other, None, lambda: None) for other in others} == found
    assert len(compiled) == len(others), "what is there is not compiled again"


def test_what_all_designs_share_is_compiled_once(tmp_path, monkeypatch):
    """Of a further design nothing is compiled but what Verilator made of it, against headers that
    are precompiled."""
    network = tiny()
    package = hwgen.generate(
        hwgen.plan(network, target="ulx3s-25f", goal="10000 fps"), tmp_path / "tiny"
    )
    cache = fresh_cache(tmp_path / "cache")
    monkeypatch.setenv("HWGEN_CACHE", str(cache))
    x = random_input(network, 2, 0)
    compiled = ["verilated.o"]
    for _ in range(2):
        if "verilated.o" in compiled:  # nothing was shared yet
            shutil.rmtree(cache / "logs", ignore_errors=True)
            for entry in cache.glob("??"):
                shutil.rmtree(entry)
            assert package.simulate(x).equal
            (log,) = (cache / "logs").glob("*-simulation.log")
            text = log.read_text()
            compiled = re.findall(r"^g\+\+ .* -c -o (\S+) ", text, flags=re.MULTILINE)
    assert compiled == ["Vtop__ALL.o"]
    assert " -include headers.h " in text
    assert any((cache / VERILATED).rglob("headers.h.gch"))
