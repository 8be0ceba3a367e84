"""Registers and frame mover around a loop: models of both buses find no difference."""

import pytest

from hwgen.cost import synthesise
from hwgen.cost.netlist import write_netlist
from hwgen.primitives import find_models
from hwgen.targets import get_target
from support.buses.jobs import loop_job
from support.buses.loop import loop_system
from support.buses.run import run_bench

SYSTEMS = {  # bus, width, words in, words out, spare bytes, burst
    "axi": ("axi", 32, 21, 19, 3, 16),
    "axi, wide words, short frames": ("axi", 128, 1, 1, 11, 4),
    "wishbone": ("wishbone", 32, 21, 5, 3, 16),
    "wishbone, bytes": ("wishbone", 8, 40, 33, 0, 16),
}


QUICK = ("axi", "wishbone, bytes")


def _marked(names, quick):
    slow = pytest.mark.slow
    return [pytest.param(name, marks=() if name in quick else slow) for name in names]


@pytest.mark.parametrize("name", _marked(SYSTEMS, QUICK))
def test_buses_find_no_difference(name, tmp_path):
    bus, width, words_in, words_out, spare, burst = SYSTEMS[name]
    p, text = loop_system(bus, width, words_in, words_out, spare=spare, burst=burst)
    job = loop_job(p, beats_a_clock=200)
    (tmp_path / "system.v").write_text(text)
    assert run_bench(tmp_path / "run", [tmp_path / "system.v"], job, top="system") == (8, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_ten_thousand_frames(name, tmp_path):
    bus, width, words_in, words_out, spare, burst = SYSTEMS[name]
    p, text = loop_system(bus, width, words_in, words_out, spare=spare, burst=burst)
    (tmp_path / "system.v").write_text(text)
    job = loop_job(p, count=3400)
    assert run_bench(tmp_path / "run", [tmp_path / "system.v"], job, top="system") == (8, 0)


@pytest.mark.slow
@pytest.mark.parametrize("bus", ["wishbone"])
def test_netlist(bus, tmp_path):
    """What synthesis makes of it for ECP5, of models of the device's cells."""
    p, text = loop_system(bus, 32, 9, 5, spare=3, burst=8)
    made = synthesise(text, "system", get_target("ulx3s-85f"))
    models, unknown = find_models({cell: () for cell in made.cells}, "ecp5")
    assert not unknown
    sources = [write_netlist(made), *models]
    assert run_bench(tmp_path / "run", sources, loop_job(p), top="system") == (8, 0)
