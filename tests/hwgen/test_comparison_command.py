"""The command that a page names is the one that ran; test_comparison.py tries it by running it."""

import shlex

import pytest
from typer.testing import CliRunner

import hwgen.comparison
from hwgen.cli import app
from hwgen.comparison.comparing import command_of
from hwgen.jobs import Limits

RUNS = {
    "plain": {},
    "a stored network": {"source": "a net/x y.net", "formats": ()},
    "formats": {"formats": ("int4/uint4", "cb4:8", "binary/binary")},
    "targets": {"targets": ("ulx3s-85f", "icebreaker")},
    "goals": {"goals": ("min latency", "100000 fps")},
    "one folding": {"foldings": (("conv1.pe=4", "conv2.skip=0"),)},
    "with and without a folding": {"foldings": ((), ("conv1.pe=4",), ("conv1.pe=8",))},
    "stage": {"stage": "route"},
    "frames": {"frames": 0},
    "recipe": {"recipe": "it's a recipe.toml"},
    "limits": {"limits": Limits(0.1, 1234567.25)},
}


@pytest.mark.parametrize("changes", RUNS.values(), ids=RUNS.keys())
def test_the_shell_reads_it_as_it_was_meant(changes, monkeypatch):
    wanted = {
        **{"source": "task.py:task", "formats": ("int8",), "targets": ("ulx3s-85f",)},
        **{"goals": ("10000 fps",), "foldings": ((),), "stage": "estimate", "frames": 32},
        **{"recipe": None, "limits": Limits()},
        **changes,
    }
    understood = {}

    class Enough(Exception):
        pass

    def taken(source, **options):
        understood.update(options, source=source)
        raise Enough

    monkeypatch.setattr(hwgen.comparison, "compare", taken)
    line = command_of(**wanted)
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert isinstance(result.exception, Enough), result.output
    limits = wanted.pop("limits")
    wanted |= {"timeout": limits.seconds, "megabytes": limits.megabytes}
    if not wanted["formats"]:  # a stored network has its own
        del wanted["formats"]
    for name, value in wanted.items():
        found = understood[name]
        plain = [list(map(tuple, found))] if name == "foldings" else [found]
        assert plain[0] == (list(value) if isinstance(value, tuple) else value) or (
            name == "recipe" and str(found) == value
        )
