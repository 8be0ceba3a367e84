"""Compiled simulations are kept by all that they depend on."""

from dataclasses import replace

from hwgen.simulation import build as builds
from hwgen.simulation.build import Build, SimulatorTools, build


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
