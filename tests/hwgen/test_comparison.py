"""`hwgen compare`: trainings, designs, rows, files; killed, interrupted, wrong."""

import csv
import hashlib
import html
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from typer.testing import CliRunner

from hwgen import api as hwgen_api
from hwgen.cli import app
from hwgen.comparison import compare
from hwgen.errors import FormatError, HwgenError, PlanError, StoreError
from hwgen.report import Row, Run, read_run, to_csv, to_html, to_markdown
from hwgen.report.run import spearman
from support.caches import fresh_cache
from support.commands import SCRIPT, hwgen
from support.known import digits

TASK = '''
import torch
from torch import nn


class Task:
    """Which of three inputs is the largest."""

    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 3))
        x = torch.rand(300, 3, generator=torch.Generator().manual_seed(1))
        self.inputs, self.labels = x[:200], x[:200].argmax(1)
        self.test_inputs, self.test_labels = x[200:], x[200:].argmax(1)
        self.example, self.calibration = x[:1], [self.inputs]
        self.epochs = 30

    def train(self, model, epochs):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(epochs):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(self.inputs), self.labels).backward()
            optimizer.step()

    def evaluate(self, model):
        with torch.no_grad():
            return float((model(self.test_inputs).argmax(1) == self.test_labels).double().mean())


task = Task()
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a task, a stored network and a cache of its own."""
    folder = tmp_path_factory.mktemp("compare")
    (folder / "task.py").write_text(TASK)
    (folder / "my recipe.toml").write_text("epochs = 30\n[quantize]\nepochs = 10\n")
    digits().save(folder / "digits.net")
    return folder


@pytest.fixture(scope="module")
def run(place):
    """The task on a target, which nothing reaches the second goal on."""
    before = dict(os.environ)
    os.environ["HWGEN_CACHE"] = str(fresh_cache(place / "cache"))
    try:
        return compare(
            f"{place / 'task.py'}:task",
            formats=["int4/uint4"],
            targets=["icebreaker"],
            goals=["1000 fps", "200000000 fps"],
            frames=20,
            recipe=place / "my recipe.toml",
            keep=place / "kept",
        )
    finally:
        os.environ.clear()
        os.environ.update(before)


def check_pair(run, fits, refused):
    """Check a design, and what could not be one."""
    assert [fits.goal, refused.goal] == ["1000 fps", "200000000 fps"]
    assert not fits.error and fits.equal == fits.compared == 60 and fits.violations == 0
    assert fits.luts > 0 and 0 < run.share(fits, "luts") < 0.2
    assert fits.fmax_mhz is None and fits.frames_per_second >= 1000
    assert fits.latency_us == fits.latency / fits.clock_mhz
    assert [layer["macs"] for layer in fits.layers if layer["macs"]] == [24, 24]
    assert fits.macs == 48 and fits.accuracy > 0.5 and fits.float_accuracy > 0.8
    assert fits.weight_bytes == {"int4/uint4": 24, "ternary/uint4": 12}[fits.network]
    assert refused.luts is None and refused.error.startswith("Goal '200000000 fps' must leave")


def test_every_design_has_its_row(run):
    assert run.complete and len(run.rows) == 2 and run.seconds["train"] > 0
    check_pair(run, *run.rows)
    assert run.rows[0].luts == run.rows[0].estimated_luts
    decibels = {la["name"]: la["snr_db"] for la in run.rows[0].layers if la["macs"]}
    assert list(decibels) == ["0", "2"] and decibels["2"] == run.rows[0].snr_db > 0
    assert Run("", "", "", run.rows, {"icebreaker": {"dsps": 0}}).share(run.rows[0], "dsps") is None


def test_what_is_kept_is_what_was_measured(run, place):
    """The network whose hash the row has, and its package; nothing of what could not be one."""
    fits, refused = run.rows
    assert not refused.folder and not refused.digest
    assert {path.name for path in (place / "kept").iterdir()} == {"int4-uint4-icebreaker-1000-fps"}
    folder = Path(fits.folder)
    stored = folder / "network.net"
    assert hashlib.sha256(stored.read_bytes()).hexdigest() == fits.digest
    package = hwgen_api.Package(folder / "package")
    assert package.network == hwgen_api.load(stored) and package.manifest.goal == fits.goal
    assert package.cost("estimate").luts == fits.estimated_luts
    assert f'"folder":{json.dumps(fits.folder)}' in to_html(run).replace('": ', '":')


@pytest.mark.slow
def test_formats_and_targets_synthesised(place, monkeypatch):
    """Two formats on two targets, out of yosys, and bit-exact; one format that cannot be."""
    monkeypatch.setenv("HWGEN_CACHE", str(place / "cache"))
    formats = ["int4/uint4", "ternary/uint4", "uint4"]  # weights are signed
    found = compare(
        f"{place / 'task.py'}:task",
        formats=formats,
        targets=["ulx3s-85f", "icebreaker"],
        goals=["1000 fps", "200000000 fps"],
        stage="synth",
        frames=20,
    )
    assert [row.network for row in found.rows] == [name for name in formats for _ in range(4)]
    for n in range(0, 8, 2):
        check_pair(found, *found.rows[n : n + 2])
        assert found.rows[n].seconds["synth"] > 0
    assert all(row.error.startswith("training: ") for row in found.rows[8:])
    assert found.spearman is not None and found.spearman > 0


def test_accuracy_is_goldens(run, place):
    """Trained again here, by hand: the same figure."""
    import hwgen as api

    scope: dict = {}
    exec(TASK, scope)
    task = scope["task"]
    recipe = api.Recipe(
        quantize=api.QuantizeRecipe(weights="int4", activations="uint4", epochs=10), epochs=30
    )
    done = api.compress(
        task.model, recipe, train=task.train, evaluate=task.evaluate, calibration=task.calibration
    )
    network = api.import_torch(done.module, task.example)
    outputs = network.run(network.quantize(task.test_inputs.numpy()))
    assert run.rows[0].accuracy == np.mean(outputs.argmax(1) == task.test_labels.numpy())


def test_the_second_time_runs_nothing(run, place, monkeypatch):
    """Run as the page and the JSON say: it finds all that was made, so it is the same."""
    monkeypatch.setenv("HWGEN_CACHE", str(place / "cache"))
    monkeypatch.setattr("hwgen.jobs.queue.Here", None)  # it would call that
    (line,) = re.findall("<p><code>(.*)</code></p>", to_html(run))
    assert html.unescape(line) == run.command == json.loads(run.to_json())["command"]
    failing = "--goal '200000000 fps' "  # what failed is tried again, so it is left out here
    assert failing in run.command
    words = shlex.split(run.command.replace(failing, ""))
    result = CliRunner().invoke(app, [*words[1:], "--json", str(place / "again.json")])
    assert result.exit_code == 0, result.output
    assert read_run(place / "again.json").rows == (replace(run.rows[0], folder=""),)


def test_files_agree(run, tmp_path):
    (tmp_path / "run.json").write_text(run.to_json())
    assert read_run(tmp_path / "run.json") == run
    found = list(csv.DictReader(io.StringIO(to_csv(run))))
    assert len(found) == 2 and found[0]["luts"] == str(run.rows[0].luts)
    assert found[0]["dsps_share"] == str(run.share(run.rows[0], "dsps"))
    assert found[1]["luts"] == "" and found[1]["error"] == run.rows[1].error
    lines = to_markdown(run).splitlines()
    assert len(lines) == 4 and len({line.count(" | ") for line in lines}) == 1
    assert "60 of 60" in lines[2] and "Fmax" not in lines[0]
    for text in (
        "",
        "[]",
        '{"hwgen_run": 1}',
        run.to_json().replace('"interval": ', '"interval": "'),
    ):
        (tmp_path / "broken.json").write_text(text)
        with pytest.raises(StoreError, match="must be a file that `hwgen compare --json` wrote"):
            read_run(tmp_path / "broken.json")


def test_a_stored_network_from_the_shell(place, monkeypatch):
    """Goals and foldings; every file; status 1 where a design could not be measured."""
    monkeypatch.setenv("HWGEN_CACHE", str(place / "cache"))
    options = ("--goal", "20000 fps", "--set", "conv1.pe=4,conv1.simd=3", "--set", "conv1.pe=100")
    files = ("--json", "run.json", "--csv", "t.csv", "--markdown", "t.md", "--html", "t.html")
    arguments = ("compare", "digits.net", *options, "--frames", "0", *files)
    text = hwgen(*arguments, cwd=place, status=1)
    run = read_run(place / "run.json")
    assert "interrupted" not in text
    assert [row.folding for row in run.rows] == ["conv1.pe=4 conv1.simd=3", "conv1.pe=100"]
    first, refused = run.rows
    assert (first.layers[0]["pe"], first.layers[0]["simd"]) == (4, 3) and first.compared is None
    assert refused.error.startswith("conv1: folding must have pe one of")
    assert (place / "t.md").read_text().startswith("| network |")
    assert "</html>" in (place / "t.html").read_text()
    assert len((place / "t.csv").read_text().splitlines()) == 3


def test_what_is_written_wrongly_is_refused_at_once(place):
    task = f"{place / 'task.py'}:task"
    for wrong, error, text in (
        ({"targets": ["ulx3s-86f"]}, HwgenError, "did you mean"),
        ({"formats": ["int4", "uint99"]}, FormatError, "must be 2 to 16, not 99"),
        ({"goals": ["fast"]}, PlanError, "Goal must be"),
        ({"foldings": [["conv1.pe"]]}, PlanError, "Override must be"),
        ({"stage": "silicon"}, HwgenError, "Stage must be one of"),
        ({"timeout": 0}, HwgenError, "must be positive"),
    ):
        with pytest.raises(error, match=text):
            compare(task, **{"targets": ["ulx3s-85f"], **wrong})
    with pytest.raises(HwgenError, match="no such file"):
        compare("nowhere.py:task", targets=["ulx3s-85f"])


@pytest.mark.slow
def test_interrupt_keeps_what_is_there(place, tmp_path):
    """Ctrl-C: status 130, and a whole file with fewer rows; the next run has them all."""
    arguments = [str(SCRIPT), "compare", "digits.net", "--frames", "0", "--workers", "1"]
    for n in (1, 2, 4, 8):
        arguments += ["--goal", f"{n}000 fps"]
    arguments += ["--json", str(tmp_path / "run.json")]
    env = os.environ | {"HWGEN_CACHE": str(tmp_path / "cache"), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        arguments,
        cwd=place,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        end = time.monotonic() + 60
        while not list((tmp_path / "cache").glob("??/*/row.json")) and time.monotonic() < end:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors and "goes on where this one was" in errors
    found = read_run(tmp_path / "run.json")
    assert not found.complete and 0 < len(found.rows) < 4
    subprocess.run(arguments, cwd=place, env=env, check=True, capture_output=True, timeout=120)
    assert len(read_run(tmp_path / "run.json").rows) == 4


@pytest.mark.parametrize("seed", range(5))
def test_spearman(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 6, (2, 20))  # with ties
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic), f"seed {seed}"


def test_spearman_of_a_run():
    rows = [Row("n", "t", "g", stage="synth", estimated_luts=n, luts=n**2) for n in range(5)]
    assert Run("", "", "synth", tuple(rows), {}).spearman == 1
    assert Run("", "", "synth", tuple(rows[:2]), {}).spearman is None
    assert spearman([1, 1, 1], [1, 2, 3]) is None


def test_the_driver_can_be_imported_without_torch_or_dask():
    code = "import json, sys, hwgen.comparison, hwgen.report; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "distributed", "psutil", "cocotb"} & set(json.loads(done.stdout))
