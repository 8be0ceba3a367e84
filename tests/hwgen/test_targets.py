"""Targets: what devices hold."""

import json
import sys

import pytest
from typer import Typer
from typer.testing import CliRunner

from hwgen.cli.targets import targets
from hwgen.errors import HwgenError
from hwgen.targets import DEFAULT_TARGET, TARGETS, get_target
from hwgen_boards import BOARDS


def test_the_default_is_the_85f():
    target = get_target(DEFAULT_TARGET)
    assert (target.name, target.device) == ("ulx3s-85f", "LFE5U-85F")
    assert (target.luts, target.dsps, target.block_rams) == (83_640, 156, 208)
    assert target.memory_bits == 3744 * 1024


def test_names_are_keys():
    assert all(TARGETS[name].name == name for name in TARGETS)


def test_ice40():
    small, large = get_target("icebreaker"), get_target("ice40-hx8k")
    assert (small.luts, small.block_rams, small.clock_hz) == (5280, 30, 24_000_000)
    assert (large.luts, large.block_rams, large.clock_hz) == (7680, 32, 48_000_000)
    assert (small.pnr_options, small.package) == (("--up5k",), "sg48")
    assert (large.pnr_options, large.package) == (("--hx8k",), "ct256")
    assert small.synth_options == ("-device u",) and large.synth_options == ("-device hx",)


@pytest.mark.parametrize("name", ["ulx3s-85", "ULX3S-85F", "ulx3s_85f"])
def test_an_unknown_name_is_answered_with_the_closest(name):
    with pytest.raises(HwgenError, match="did you mean ulx3s-85f"):
        get_target(name)


@pytest.mark.parametrize("name", ["", "virtex", None, 7])
def test_an_unknown_name_is_answered_with_all(name):
    with pytest.raises(HwgenError, match=f"must be one of {', '.join(TARGETS)}, not"):
        get_target(name)


def _run(*arguments):
    app = Typer()
    app.command()(targets)
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "120"})


def test_the_command_prints_a_table():
    result = _run()
    assert result.exit_code == 0
    assert "ulx3s-25f" in result.output
    assert "83,640" in result.output


def test_the_command_prints_json():
    result = _run("--json", "-")
    assert result.exit_code == 0
    found = json.loads(result.output)
    assert [target["name"] for target in found] == list(TARGETS)
    assert found[2]["dsps"] == 28
    boards = {target["name"]: target["board"] for target in found if target["board"]}
    assert set(boards) == set(BOARDS)
    assert boards["icebreaker"]["programmer"] == ["openFPGALoader", "-b", "ice40_generic"]
    assert boards["ulx3s-25f"]["oscillator_hz"] == 25_000_000


def test_boards_are_listed_with_what_they_need():
    text = " ".join(_run().output.split())
    assert "icebreaker iCE40UP5K 5,280 5,280 8 30 120 24 1,000" in text
    assert "orangecrab-25f: its USB is no serial line: wire a 3.3 V adapter" in text


def test_targets_are_listed_without_the_pins_of_boards(monkeypatch):
    pins = ("hwgen_boards", "amaranth_boards")
    for name in [name for name in sys.modules if name.split(".")[0] in pins]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "amaranth_boards", None)
    found = json.loads(_run("--json", "-").output)
    assert [target["board"] for target in found] == [None] * len(TARGETS)
    assert "83,640" in _run().output


def test_help_has_an_example():
    assert "Example: hwgen targets --json -" in _run("--help").output
