"""Bitstreams: what a build holds, what is refused and with which advice, and programming."""

import hashlib
import importlib
import json
import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import hwgen
from hwgen import tools
from hwgen.building import describe, plan_for_board, read_summary
from hwgen.cli import app
from hwgen.cost import pack, route, synthesise
from hwgen.errors import BoardError, HwgenError, OutputFolderError, PlanError, StoreError, ToolError
from hwgen.targets import get_target
from hwgen.tasks.digits import Digits
from hwgen_boards import BOARDS
from support.known import chain_of, digits
from support.packages import TINY_BAUD, TINY_CLOCK, tiny_board, tools_only

SEED = 11
ICE40 = "icebreaker"


@pytest.fixture(scope="module")
def network():
    return chain_of(["one", "two"], SEED)


@pytest.fixture(scope="module")
def steps():
    return []


@pytest.fixture(scope="module")
def built(steps, tmp_path_factory):
    return tiny_board(
        tmp_path_factory.mktemp("build"), progress=lambda step, done, total: steps.append(step)
    )


def test_a_build_holds_all_that_belongs_to_it(built, network, steps):
    board = BOARDS[ICE40]
    assert (built.board, built.top, built.bitstream) == (ICE40, "tiny_icebreaker", "tiny.bin")
    assert built.clock_hz == TINY_CLOCK <= built.fmax_mhz * 1e6
    assert built.baud * built.clocks_per_bit == built.clock_hz
    assert built.programmer == board.programmer
    assert steps == ["plan", "design", "synthesis", "place and route, seed 1", "bitstream"]
    there = {p.relative_to(built.folder).as_posix() for p in built.folder.rglob("*") if p.is_file()}
    assert there == {*built.files, "build.json"}
    assert {"tiny.bin", "board.v", "pins.pcf", "package/manifest.json"} <= there
    for path, digest in built.files.items():
        assert hashlib.sha256((built.folder / path).read_bytes()).hexdigest() == digest
    package = hwgen.Package(built.folder / "package")
    x = np.zeros((1, *network.input.shape), np.int64) + network.input.format.lo
    assert np.array_equal(package.network.run(x), network.run(x))
    assert built.network == describe(package.manifest).digest[:8].hex()
    constraints = (built.folder / "pins.pcf").read_text()
    assert (
        "set_io uart_0__rx__io 6" in constraints and "set_frequency clk12_0__io 12" in constraints
    )


def test_rates(built):
    """Over the link a frame takes its longer direction: header, framing and ten bits a byte."""
    manifest = hwgen.Package(built.folder / "package").manifest
    interval = manifest.predicted.interval
    assert built.frames_per_second["accelerator"] == TINY_CLOCK / interval
    sizes = [
        border.beats * border.tdata_bits // 8 for border in (*manifest.inputs, *manifest.outputs)
    ]
    assert built.frames_per_second["link"] == TINY_BAUD / (10 * (max(sizes) + 4 + 6))


def test_the_bitstream_is_the_one_of_that_device(built, tmp_path):
    """It unpacks to a UP5K with the serial line's pins and a PLL in use."""
    (tmp_path / "tiny.bin").write_bytes((built.folder / built.bitstream).read_bytes())
    command = ["tiny.bin", "tiny.asc"]
    tools.run("yowasp-iceunpack", command, cwd=tmp_path, timeout=120)
    text = (tmp_path / "tiny.asc").read_text()
    assert ".device 5k" in text and text.count(".ram_data") >= 3


def test_the_same_again_is_the_same_bytes_and_there_at_once(built, tmp_path):
    """A build is replaced by its like, and its package gives the same once more."""
    (built.folder / built.bitstream).write_bytes(b"damaged")
    assert replace(tiny_board(built.folder.parent), folder=built.folder) == built
    package = hwgen.build(built.folder / "package", tmp_path / "out", baud=TINY_BAUD)
    assert package.files == built.files


@pytest.mark.slow
def test_a_network_in_memory(network, tmp_path):
    """It has no name, and another rate of the line."""
    made = hwgen.build(network, tmp_path / "out", target=ICE40, goal="min area", baud=115_200)
    assert (made.bitstream, made.top) == ("accelerator.bin", "accelerator_icebreaker")
    assert (made.baud, made.clocks_per_bit) == (115_200, 208)
    assert made.fmax_mhz >= 24


def test_command(built, tmp_path):
    arguments = ["build", str(built.folder / "package"), "-o", str(tmp_path / "out")]
    arguments += ["--baud", str(TINY_BAUD)]
    shown = CliRunner().invoke(app, [*arguments, "--target", ICE40])
    assert shown.exit_code == 0, shown.output
    text = " ".join(shown.stdout.split())
    assert "frames per second, over the link" in text and "3,000,000 baud" in text
    assert f"program the board with: hwgen flash {tmp_path / 'out'}" in text
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json", "-"]).stdout)
    assert found["generator"] == "hwgen build" and found["board"] == ICE40
    assert found["used"]["luts"] == built.used["luts"]
    assert found["available"]["luts"] == 5280
    for verb in ("build", "flash"):
        assert "Example: hwgen " + verb in CliRunner().invoke(app, [verb, "--help"]).output


TOO_SLOW = re.compile(
    r"(one|two|the board's own logic)(, \w+)*: the critical path leads through it, and allows "
    r"([\d.]+) MHz of the 75 MHz planned, the best of (\d) seeds? of the placer \(.*\); "
    r"try --clock (\d+)"
)


def test_too_slow_names_the_layer_and_a_clock(built, tmp_path):
    """The very package, as if it had been planned for a faster clock."""
    folder = tmp_path / "package"
    shutil.copytree(built.folder / "package", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"clock_hz": 75_000_000}))
    with pytest.raises(PlanError) as caught:
        hwgen.build(folder, tmp_path / "out", seeds=1)
    found = TOO_SLOW.match(str(caught.value))
    assert found and found[4] == "1", caught.value
    assert 18 < float(found[5]) < float(found[3]) < 75
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_clock_that_is_proposed_is_met(network, tmp_path):
    with pytest.raises(PlanError) as caught:
        hwgen.build(network, tmp_path / "out", target=ICE40, clock_hz=75_000_000, seeds=2)
    clock = int(TOO_SLOW.match(str(caught.value))[5]) * 1_000_000
    assert hwgen.build(network, tmp_path / "out", target=ICE40, clock_hz=clock).clock_hz <= clock


def test_too_large_says_what_would_fit(network):
    """A goal beyond a small device is refused with one that fits, which is then planned."""
    target = replace(get_target(ICE40), luts=600 + 270)
    with pytest.raises(PlanError) as caught:
        plan_for_board(network, target, "2400000 fps", None, ())
    text = str(caught.value)
    assert "what would fit: " in text and '--goal "min area"' in text, text
    goals = re.findall(r'--goal "([^"]+)" \(([\d,]+) frames a second with about ([\d,]+) of', text)
    for goal, rate, luts in goals:
        plan = plan_for_board(network, target, goal, None, ())
        assert round(plan.frames_per_second) == int(rate.replace(",", ""))
        assert round(plan.resources.luts) == int(luts.replace(",", ""))
    with pytest.raises(PlanError, match="nor does its smallest plan: (one|two): network does not"):
        plan_for_board(network, replace(target, luts=600 + 200), "100 fps", None, ())


@pytest.mark.slow
def test_what_leaves_no_room_for_the_board_is_refused_with_what_would_fit(tmp_path):
    """An accelerator that fills the device by itself."""
    plan = hwgen.plan(digits(channels=8), target=ICE40, goal="90000 fps")
    assert plan.resources.luts > 4500
    package = hwgen.generate(plan, tmp_path / "full")
    with pytest.raises(PlanError) as caught:
        hwgen.build(package.folder, tmp_path / "out", seeds=1)
    found = re.match(
        r"full_icebreaker does not fit icebreaker: the placer finds no room for its (\d+) cells; "
        r'what would fit: --goal "(\d+) fps" \(([\d,]+) frames',
        str(caught.value),
    )
    assert found and int(found[1]) > 5280, caught.value
    smaller = hwgen.plan(digits(channels=8), target=ICE40, goal=f"{found[2]} fps")
    assert smaller.resources.luts < plan.resources.luts


def test_what_cannot_be_built(built, network, tmp_path):
    with pytest.raises(BoardError, match="must be one of the boards .*, not arty-a7-35t"):
        hwgen.build(network, tmp_path / "out", target="arty-a7-35t")
    with pytest.raises(HwgenError, match="did you mean icebreaker"):
        hwgen.build(network, tmp_path / "out", target="icebraker")
    with pytest.raises(HwgenError, match=r"generated for icebreaker.* another target, build its"):
        hwgen.build(built.folder / "package", tmp_path / "out", target="ulx3s-85f")
    with pytest.raises(HwgenError, match="another goal, build its network, .*package/network.net"):
        hwgen.build(built.folder / "package", tmp_path / "out", goal="10 fps")
    with pytest.raises(HwgenError, match="Seeds of the placer must be at least 1, not 0"):
        hwgen.build(built.folder / "package", tmp_path / "out", seeds=0)
    slow = tmp_path / "slow"
    shutil.copytree(built.folder / "package", slow)
    manifest = json.loads((slow / "manifest.json").read_text())
    (slow / "manifest.json").write_text(json.dumps(manifest | {"clock_hz": 100_000}))
    with pytest.raises(HwgenError, match="Board icebreaker: Clock must be at least 0.1875 MHz"):
        hwgen.build(slow, tmp_path / "out")
    (slow / "vectors" / "input.hex").unlink()
    with pytest.raises(StoreError, match="vectors/input.hex is missing; generate the package"):
        hwgen.build(slow, tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputFolderError, match="holds files that are not a build's, such as thes"):
        hwgen.build(built.folder / "package", tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "mine"


def test_a_layout_is_needed_for_a_bitstream(tmp_path):
    text = "module one(input a, output y); assign y = ~a; endmodule"
    target = get_target(ICE40)
    placed = route(synthesise(text, "one", target), target)
    assert placed.layout is None and "layout" not in placed.to_json()
    with pytest.raises(HwgenError, match="one must be placed with pins for a bitstream of it"):
        pack(placed)
    with pytest.raises(PlanError, match="arty-a7-35t .xilinx7. has none"):
        xilinx = get_target("arty-a7-35t")
        route(synthesise(text, "one", xilinx), xilinx, pins="")
    placed = route(synthesise(text, "one", target), target, pins="set_io a 6\nset_io y 9\n")
    assert pack(placed).read_bytes()[:4] == b"\xff\x00\x00\xff"  # of every bitstream for iCE40
    with pytest.raises(HwgenError, match="Layout of one is gone: "):
        pack(replace(placed, layout=tmp_path / "layout.asc"))
    with pytest.raises(ToolError, match="IO 'y' is unconstrained"):
        route(synthesise(text, "one", target), target, pins="set_io a 6\n")


STAND_IN = """#!/bin/sh
echo "$@" > {folder}/told
for last; do :; done
cp "$last" {folder}/given
exit {status}
"""


def stand_in(folder, name, status=0):
    """Put a program on a PATH of its own that keeps what it is told, and the file it is given."""
    folder.mkdir()
    path = folder / name
    path.write_text(STAND_IN.format(folder=folder, status=status))
    path.chmod(0o755)
    return folder


def test_flash_runs_the_programmer(built, tmp_path, monkeypatch):
    folder = stand_in(tmp_path / "bin", "openFPGALoader")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    shown = CliRunner().invoke(app, ["flash", str(built.folder)])
    assert shown.exit_code == 0, shown.output
    assert "icebreaker holds tiny_icebreaker; it answers at 3,000,000 baud" in shown.stdout
    assert (folder / "told").read_text() == "-b ice40_generic tiny.bin\n"
    assert (folder / "given").read_bytes() == (built.folder / "tiny.bin").read_bytes()


def test_a_programmer_that_fails_is_quoted(built, tmp_path, monkeypatch):
    folder = stand_in(tmp_path / "bin", "openFPGALoader", 1)
    (folder / "openFPGALoader").write_text("#!/bin/sh\necho no board found; exit 1\n")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(ToolError, match=r"(?s)openFPGALoader failed with exit status 1.*no board"):
        hwgen.flash(built.folder)


@pytest.mark.parametrize(
    ("board", "text"),
    [
        (
            ICE40,
            "openFPGALoader is needed and was not found; get it with: sudo apt-get install -y ",
        ),
        ("upduino-v3", "iceprog is needed and was not found; get it with: sudo apt-get install -y"),
    ],
)
def test_a_missing_programmer_is_named_with_what_brings_it(
    board, text, built, tmp_path, monkeypatch
):
    folder = copied(built, tmp_path / "out", board=board)
    monkeypatch.setenv("PATH", tools_only(tmp_path / "bin")["PATH"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    with pytest.raises(ToolError, match=text):
        hwgen.flash(folder)


def copied(built, folder, **changes):
    """Return a folder with the build's bitstream and a changed summary."""
    folder.mkdir()
    (folder / built.bitstream).write_bytes((built.folder / built.bitstream).read_bytes())
    (folder / "build.json").write_text(json.dumps(built.to_json() | changes))
    return folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"board": "abacus"}, "Board must be one of .*, not 'abacus'; build again"),
        (
            {"bitstream": "../tiny.bin"},
            "bitstream must be the name of a file, not '../tiny.bin'",
        ),
        ({"bitstream": "other.bin"}, "names other.bin, which is missing"),
        ({"programmer": []}, "programmer must be a list of at least 1, not"),
        ({"baud": "fast"}, "baud must be an integer of .*, not 'fast'"),
        ({"clock_hz": 0}, "clock_hz must be a number of .*, not 0"),
        ({"note": None}, "note must be text, not None"),
        ({"files": []}, "files must be a table, not"),
        ({"clock_hz": 10**400}, "clock_hz must be a number of"),
        ({"fmax_mhz": float("inf")}, "fmax_mhz must be a number of"),
        ({"used": {"luts": "many"}}, r"used\['luts'\] must be an integer"),
        ({"spec_version": 9}, "was not written by this hwgen"),
    ],
)
def test_a_damaged_summary_is_refused(changes, message, built, tmp_path):
    with pytest.raises(StoreError, match=message):
        hwgen.flash(copied(built, tmp_path / "out", **changes))


def test_a_damaged_bitstream_programs_no_board(built, tmp_path):
    folder = copied(built, tmp_path / "out")
    data = bytearray((folder / built.bitstream).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / built.bitstream).write_bytes(data)
    with pytest.raises(StoreError, match="tiny.bin: is not what build.json says was built"):
        hwgen.flash(folder)


def test_a_summary_runs_no_program_of_its_own(built, tmp_path, monkeypatch):
    """The command comes from the board's file, whatever a summary says."""
    folder = stand_in(tmp_path / "bin", "openFPGALoader")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    hwgen.flash(copied(built, tmp_path / "out", programmer=["rm", "-r"]))
    assert (folder / "told").read_text() == "-b ice40_generic tiny.bin\n"


def test_without_the_pins_of_boards(monkeypatch):
    pins = ("hwgen_boards", "amaranth_boards")
    ours = [name for name in sys.modules if name.startswith("hwgen.building")]
    for name in [*ours, *(name for name in sys.modules if name.split(".")[0] in pins)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "amaranth_boards", None)
    with pytest.raises(ToolError, match="amaranth_boards is missing; pip install .*.fpga."):
        importlib.import_module("hwgen.building")


def test_no_build(tmp_path):
    with pytest.raises(StoreError, match="holds no bitstream .it has no build.json"):
        hwgen.flash(tmp_path)
    Path(tmp_path / "build.json").write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        read_summary(tmp_path)


@pytest.fixture(scope="module")
def demo_network():
    """The network of `hwgen demo`: trained, half of its channels pruned, 4 bits."""
    task = Digits(seed=0)
    task.train(task.model, task.epochs)
    done = hwgen.compress(
        task.model,
        task.recipe,
        train=task.train,
        evaluate=task.evaluate,
        calibration=task.calibration,
    )
    return hwgen.import_torch(done.module, task.example)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ["ulx3s-85f", ICE40, "tangnano9k"])
def test_the_demos_network(name, demo_network, tmp_path):
    """Its bitstream for three boards, each of another family, with timing met."""
    target = get_target(name)
    made = hwgen.build(demo_network, tmp_path / "out", target=name)
    assert made.fmax_mhz * 1e6 >= made.clock_hz >= 0.98 * target.clock_hz
    assert made.frames_per_second["accelerator"] >= 10_000
    assert made.frames_per_second["link"] > 1000
    assert all(made.used[what] <= getattr(target, what) for what in made.used)
    data = (made.folder / made.bitstream).read_bytes()
    assert len(data) > 50_000
    starts = {ICE40: b"\xff\x00\x00\xff", "ulx3s-85f": b"\xff\x00Part: LFE5U-85F-6CABGA381"}
    assert data.startswith(starts.get(name, b"1" * 64))
