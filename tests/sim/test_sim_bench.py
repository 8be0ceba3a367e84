"""The bench's reading of events, and what sim may depend on."""

import ast
import sys
from pathlib import Path

import pytest

import hwgen_sim
from hwgen_sim.bench import read_events

FOLDER = Path(hwgen_sim.__file__).parent


def test_events_become_a_result():
    text = "R\nS 0 0\nS 0 8\nS 1 8\nE 0 9\nT 1 0f\nT 1 x2\nE 0 17\n"
    text += "V 3 0 2 9\nI 0 16\nI 1 8\nO 0 16\nD 81 0\n"
    assert read_events(text) == {
        "starts": {"0": [0, 8], "1": [8]},
        "ends": {"0": [9, 17]},
        "taps": {"1": ["0f", "x2"]},
        "violations": [{"rule": 3, "end": 0, "count": 2, "first": 9}],
        "cycles": 81,
        "accepted": {"0": 16, "1": 8},
        "emitted": {"0": 16},
        "stuck": False,
        "resets": 0,
    }


def test_a_reset_voids_what_came_before():
    result = read_events("R\nS 0 0\nE 0 9\nT 0 1\nR\nS 0 1\nD 5 1\n")
    assert (result["starts"], result["ends"], result["taps"]) == ({"0": [1]}, {}, {})
    assert result["resets"] == 1 and result["stuck"]


@pytest.mark.parametrize("text", ["", "R\nS 0 0\n", "R\nQ 1\nD 1 0\n", "R\nS 0 x\nD 1 0\n"])
def test_events_that_are_none(text):
    with pytest.raises(ValueError):
        read_events(text)


def test_sim_imports_nothing_of_ours():
    allowed = {"cocotb", "cocotb_tools", "numpy", "hwgen_sim", *sys.stdlib_module_names}
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            assert {name.partition(".")[0] for name in names} <= allowed, path.name
