"""`hwgen compress`, as a user's shell runs it."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

import hwgen as package
from hwgen.api import hardware_cost
from hwgen.errors import HwgenError
from support.commands import SCRIPT, hwgen
from support.selection import some

ROOT = Path(__file__).parents[2]
TASK = """
import time
import torch

class Task:
    def __init__(self):
        torch.manual_seed(0)
        self.model = torch.nn.Sequential(
            torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(128, 3)
        )
        self.inputs = torch.rand(32, 1, 6, 6)
        self.labels = torch.arange(32) % 3
        self.example, self.calibration = self.inputs[:1], [self.inputs]

    def train(self, model, epochs):
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(epochs):
            time.sleep(NAP)
            order = torch.randperm(32)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(self.inputs[order]), self.labels[order])
            loss.backward()
            optimizer.step()

    def evaluate(self, model):
        with torch.no_grad():
            return float((model(self.inputs).argmax(1) == self.labels).double().mean())

task = Task()
empty = object()
"""
RECIPE = """
epochs = 2
[prune]
channels = 0.5
epochs = 2
[quantize]
epochs = 2
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "task.py").write_text(TASK.replace("NAP", "0"))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


def test_writes_the_network_and_the_history(folder):
    options = ("task.py:task", "--recipe", "recipe.toml", "-o", "a.net", "--json", "a.json")
    text = hwgen("compress", *options, "--checkpoints", "kept", cwd=folder, anew=True)
    for word in ("train", "prune", "fine-tune", "quantize", "qat", "MACs", "shares reached"):
        assert word in text
    found = json.loads((folder / "a.json").read_text())
    assert found["recipe"]["prune"]["channels"] == 0.5 and found["stopped"] == "shares reached"
    last = found["history"][-1]
    network = package.load(folder / "a.net")
    assert (last["parameters"], last["macs"]) == (network.size.parameters, network.size.macs)
    assert [of["layer"] for of in last["noise"]] == ["input", "0", "3"]
    assert len(last["noise"][1]["channels"]) == 4 and found["history"][0]["noise"] == []
    decibels = f"{last['noise'][-1]['db']:.1f}"
    shown = [line.split() for line in text.splitlines()]
    assert any(line[:1] == ["qat"] and decibels in line for line in shown), text
    assert any(line[:2] == ["3", decibels] for line in shown), text
    # no layer stands out; that it learnt nothing is said
    assert found["warnings"] == [] and text.count("Warning") == 1 and "looks untrained" in text
    assert last["step"] == "qat" and 0 < last["bytes"] < found["history"][0]["bytes"] / 8
    again = ("compress", *options[:4], "b.net", "--checkpoints", "kept")
    hwgen(*again, cwd=folder)
    assert (folder / "a.net").read_bytes() == (folder / "b.net").read_bytes()
    (folder / "task.py").write_text((folder / "task.py").read_text() + "\n")
    assert "must be of the same task file" in hwgen(*again, cwd=folder, status=1)


def test_what_stands_out_is_printed(folder):
    task = folder / "task.py"
    task.write_text(task.read_text().replace("[self.inputs]", "[self.inputs * 0]"))
    (folder / "recipe.toml").write_text("[quantize]\nepochs = 0\n")
    options = ("task.py:task", "--recipe", "recipe.toml", "-o", "a.net", "--json", "a.json")
    text = hwgen("compress", *options, cwd=folder)
    (warning,) = json.loads((folder / "a.json").read_text())["warnings"]
    assert f"Warning: {warning}" in text and "calibration data is zeros" in warning
    assert "HwgenWarning" not in text


def test_interrupted_it_says_how_to_go_on(folder):
    (folder / "task.py").write_text(TASK.replace("NAP", "1.5"))
    options = ["compress", "task.py:task", "--recipe", "recipe.toml", "-o", "a.net"]
    command = [str(SCRIPT), *options, "--checkpoints", "kept"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(folder.glob("kept/??/*/complete.json")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in errors
    assert "the same command without --fresh goes on" in errors
    assert not (folder / "a.net").exists()
    assert hwgen(*options, "--checkpoints", "kept", cwd=folder)


WRONG = [
    ({"recipe": "[prune]\nchannels = 0.5"}, "must have a table [quantize]"),
    ({"recipe": "[quantize]\nbits = 4"}, "recipe.toml, [quantize]: key must be one of"),
    ({"recipe": "[quantize]\nweights = 'int17'"}, "[quantize]: weights: Number of bits"),
    ({"task": "task.py:empty"}, "task.py:empty: must have an attribute 'model'"),
    ({"more": ["--fresh"]}, "give --checkpoints too"),
    ({"more": ["--measure", "euros"]}, "Measure must be one of luts, cycles, not 'euros'"),
    ({"more": ["--checkpoints", "."]}, "holds files that are no checkpoints"),
    ({"output": "no/x.net"}, "its folder must exist"),
]


@pytest.mark.parametrize(("changes", "message"), some(WRONG, WRONG[1::2] + WRONG[4:5]))
def test_the_users_error_is_one_clear_message(folder, changes, message):
    if "recipe" in changes:
        (folder / "recipe.toml").write_text(changes["recipe"])
    task, output = changes.get("task", "task.py:task"), changes.get("output", "a.net")
    options = (task, "--recipe", "recipe.toml", "-o", output, *changes.get("more", ()))
    text = hwgen("compress", *options, cwd=folder, status=1)
    assert "hwgen: " in text and message in text


def test_costs_of_hardware():
    """A target of LUTs or cycles stops pruning at the step where the plan costs so much."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        *(torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 3), torch.nn.ReLU()),
        *(torch.nn.Flatten(), torch.nn.Linear(32, 3)),
    )
    x = torch.rand(16, 1, 6, 6)
    for what in ("luts", "cycles"):
        goal = "min area" if what == "cycles" else "1000000 fps"
        measure = hardware_cost(what, calibration=[x], target="ulx3s-25f", goal=goal)
        whole = measure(model)
        assert 0 < whole < float("inf")
        target = package.PruneTarget(cost=0.8 * whole)
        recipe = package.Recipe(package.PruneRecipe(0.75, steps=6, target=target))
        done = package.compress(model, recipe, calibration=[x], measure=measure)
        assert measure(done.module) <= 0.8 * whole and done.stopped.startswith("cost ")
        assert len(done.history) < 7
    tiny = hardware_cost("luts", calibration=[x], target="icebreaker", goal="10000000 fps")
    assert tiny(model) == float("inf")
    with pytest.raises(HwgenError, match="Target must be one of"):
        hardware_cost("luts", calibration=[x], target="x")


def run_example(folder, name):
    """Run a recipe of `examples/`, with less training than it says; return what it printed."""
    shutil.copyfile(ROOT / "examples/digits_task.py", folder / "digits_task.py")
    lines = (ROOT / "examples" / name).read_text().splitlines()
    lines = ["epochs = 1" if line.startswith("epochs") else line for line in lines]
    (folder / name).write_text("\n".join(lines))
    return hwgen("compress", "digits_task.py:task", "--recipe", name, "-o", "d.net", cwd=folder)


def test_the_stripes_of_the_example_take_no_clock(tmp_path):
    """The README's table: at one rate the network takes less than without skipping."""
    run_example(tmp_path, "digits_stripes.toml")
    network = package.load(tmp_path / "d.net")
    plan, dense = (
        package.plan(network, target="ulx3s-85f", goal="100000 fps", overrides=choices)
        for choices in ([], ["conv1.skip=0", "conv2.skip=0"])
    )
    assert [stage.folding.skip for stage in plan.stages if stage.layer.kernel == (3, 3)] == [1, 1]
    assert plan.resources.luts < 0.7 * dense.resources.luts


def test_the_example_task(tmp_path):
    text = run_example(tmp_path, "digits.toml")
    assert "qat" in text and package.load(tmp_path / "d.net").size.parameters == 1898
    whole = package.Recipe.from_toml(ROOT / "examples" / "digits.toml")
    from hwgen.tasks.digits import Digits

    assert (whole.prune, whole.quantize) == (Digits.recipe.prune, Digits.recipe.quantize)
    assert whole.epochs == Digits.epochs
