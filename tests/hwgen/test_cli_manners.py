"""What every verb does alike: JSON, lines in a pipe, words that were meant, what is kept."""

import json
import logging
import subprocess
import sys

import pytest
from rich.console import Console
from typer.testing import CliRunner

from hwgen import api
from hwgen.cli import app, progress
from hwgen.cli.demo import Steps
from hwgen.cli.plan import LEGEND
from hwgen.errors import HwgenError
from hwgen.formats import parse_format
from hwgen.planning import plan
from hwgen.planning.description import table
from support.networks import random_network


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A network, and the file of it."""
    network, path = random_network(3), tmp_path_factory.mktemp("manners") / "small.net"
    network.save(path)
    return network, path


def hwgen(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def flat(done):
    """Return what was printed as one line, however wide the terminal."""
    return " ".join(done.stdout.split())


def test_json_is_a_file_or_the_standard_output(stored, tmp_path):
    _, net = stored
    file = tmp_path / "plan.json"
    printed = hwgen("plan", net, "--json", "-")
    shown = hwgen("plan", net, "--json", file)
    assert json.loads(printed.stdout) == json.loads(file.read_text())
    assert "bottleneck" in json.loads(file.read_text()) and "Bottleneck (*)" in flat(shown)
    missing = hwgen("targets", "--json", tmp_path / "no" / "file.json")
    assert "its folder must exist" in str(missing.exception)


VERBS = ("plan", "simulate", "cost", "build", "flash", "compare", "compress", "demo", "targets")


@pytest.mark.parametrize("verb", (*VERBS, "doctor"))
def test_json_means_the_same_everywhere(verb):
    assert "Write it as JSON; - prints that, in place of all else." in flat(hwgen(verb, "--help"))


def test_a_pipe_hears_of_the_demos_steps(capsys):
    with Steps(Console(file=sys.stdout)) as steps, steps.step("train") as move:
        move(1, 2)
    said = capsys.readouterr()
    assert said.err == "Demo: train\n" and said.out == "" and steps.seconds["train"] >= 0


def test_a_pipe_hears_of_each_step(stored, monkeypatch):
    monkeypatch.setattr(progress, "PAUSE", 0.0)
    network, net = stored
    lines = hwgen("plan", net).stderr.splitlines()
    assert lines[0].startswith("Planning: ") and all(line.startswith("Planning") for line in lines)
    assert len(lines) == len({*lines})
    monkeypatch.setattr(progress, "PAUSE", 100.0)
    assert len(hwgen("plan", net).stderr.splitlines()) == 1


def test_columns_have_a_legend(stored):
    network, net = stored
    for target in ("ulx3s-85f", "osu018"):
        made = plan(network, target=target, goal="10000 fps")
        titles, _ = table(made, made.to_json())
        assert {*titles} <= {*LEGEND}
    explained = flat(hwgen("plan", net, "--explain"))
    assert all(f"{title}: {LEGEND[title]}" in explained for title in LEGEND)
    assert "simd: " not in flat(hwgen("plan", net))


def test_words_that_were_meant(stored, tmp_path):
    network, _ = stored
    for goal, word in (("min-area", "min area"), ("minimum latency", "min latency")):
        with pytest.raises(HwgenError, match=f"did you mean {word}"):
            plan(network, target="ulx3s-85f", goal=goal)
    with pytest.raises(HwgenError, match="there is no such layer; did you mean conv1"):
        plan(network, target="ulx3s-85f", goal="min area", overrides=["Conv1.pe=1"])
    with pytest.raises(HwgenError, match=r"not 'Int8'; did you mean (uint8|int8)"):
        parse_format("Int8")
    with pytest.raises(HwgenError, match="not 'frobnicate'$"):
        parse_format("frobnicate")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[quantize]\nweigths = "int4"\n')
    with pytest.raises(HwgenError, match="did you mean weights"):
        api.read_recipe(recipe)


def test_ctrl_c_says_what_is_left(capsys):
    console = Console(file=sys.stderr)
    for shown in (progress.bar, progress.waiting):
        with pytest.raises(KeyboardInterrupt), shown("Working", console, "all is kept"):
            raise KeyboardInterrupt
        assert capsys.readouterr().err.splitlines()[-1] == "hwgen: all is kept"


def test_verbose_names_the_programs(tmp_path, caplog):
    from hwgen import tools

    with caplog.at_level(logging.INFO, "hwgen"):
        tools.run("sh", ["-c", "true"], cwd=tmp_path, timeout=10)
    assert [record.message.split()[:2] for record in caplog.records] == [
        ["sh", "runs;"],
        ["sh", "took"],
    ]
    done = subprocess.run(
        [sys.executable, "-m", "hwgen", "-v", "targets"], capture_output=True, text=True, check=True
    )
    assert done.stderr == "" and "ulx3s-85f" in done.stdout


def test_completion_is_on():
    script = hwgen("--show-completion", "bash").output
    assert "_hwgen_completion" in script
