"""Checkpoints of `compress`: the same bits after a kill, and never those of another run."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from hwgen.compression import PruneRecipe, PruneTarget, QuantizeRecipe, Recipe, compress
from hwgen.compression.resume.checkpoints import state_hash
from hwgen.errors import FormatError, HwgenError
from support import killed_runs

X = torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))
NAP = 0.02  # seconds of each training
RECIPE = Recipe(PruneRecipe(0.5, epochs=2), QuantizeRecipe(epochs=2), epochs=1)


pytestmark = pytest.mark.usefixtures("one_thread")


def network(seed=0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 5, 2, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(5, 3)),
    )


class User:
    """Counts what it is asked for, and may fail at a number of trainings."""

    def __init__(self, fails_at=None, error=KeyboardInterrupt):
        self.trained = self.evaluated = 0
        self._fails_at, self._error = fails_at, error

    def train(self, model: nn.Module, epochs: int) -> None:
        self.trained += 1
        time.sleep(NAP)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(epochs):
            optimizer.zero_grad()
            (model(X) - torch.rand(3)).square().mean().backward()
            optimizer.step()
        if self.trained == self._fails_at:
            raise self._error("the user's own")

    def evaluate(self, model: nn.Module) -> float:
        self.evaluated += 1
        return float(torch.rand(1))


def run(folder, user=None, model=None, recipe=RECIPE, **options):
    user = user or User()
    settings = {"example": X[:1], "calibration": [X], "evaluate": user.evaluate} | options
    model = network() if model is None else model
    return compress(model, recipe, train=user.train, checkpoints=folder, **settings)


def end(done):
    history = tuple(replace(record, seconds=0.0) for record in done.history)
    return state_hash(done.module), history, done.stopped, done.sufficed


SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 12))]


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_random_moments(tmp_path, seed):
    """Kill -9 in and between steps, random states of their own: the same bits in the end."""
    script = Path(killed_runs.__file__)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(seed)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    found = json.loads(done.stdout)
    assert found["same"] and found["kept"][0] == found["kept"][1] and not found["left"], found


@pytest.mark.parametrize("fails_at", [1, 2, 3])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, FileNotFoundError])
def test_goes_on_where_it_was(tmp_path, fails_at, error):
    with pytest.raises(error, match="the user's own"):
        run(tmp_path / "a", User(fails_at, error))
    user = User()
    first = run(tmp_path / "a", user)
    assert user.trained == 4 - fails_at and user.evaluated == 6 - {1: 0, 2: 2, 3: 4}[fails_at] - 1
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "run.json").write_bytes((tmp_path / "a" / "run.json").read_bytes())
    assert end(run(tmp_path / "b")) == end(first)
    idle = User()
    again = run(tmp_path / "a", idle)
    assert idle.trained == idle.evaluated == 0 and end(again) == end(first)
    trained = [r for r in again.history if r.step in ("train", "fine-tune", "qat")]
    assert len(trained) == 3 and all(record.seconds >= NAP for record in trained)


def test_without_checkpoints_nothing_changes(tmp_path):
    torch.manual_seed(3)
    model = network()
    torch.manual_seed(5)
    kept = run(tmp_path / "a", model=model)
    torch.manual_seed(5)
    user = User()
    plain = compress(
        *(model, RECIPE),
        **{"train": user.train, "evaluate": user.evaluate, "example": X[:1], "calibration": [X]},
    )
    assert end(plain) == end(kept)


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"recipe": replace(RECIPE, epochs=2)}, "recipe"),
        ({"recipe": replace(RECIPE, quantize=QuantizeRecipe("int5", epochs=2))}, "recipe"),
        ({"model": network(1)}, "model"),
        ({"model": nn.Sequential(network())}, "model"),
        ({"calibration": [X[:8]]}, "calibration data"),
        ({"made_from": {"seed": 1}}, "seed"),
    ],
)
def test_another_run_is_refused_or_begun_anew(tmp_path, other, what):
    run(tmp_path / "a")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(HwgenError, match=f"must be of the same {what}, and these are of another"):
        run(tmp_path / "a", **other)
    assert before == sorted(path.name for path in tmp_path.rglob("*"))
    user = User()
    run(tmp_path / "a", user, fresh=True, **other)
    assert user.trained == 3
    with pytest.raises(HwgenError, match=f"same {what}"):
        run(tmp_path / "a")


def test_a_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    (tmp_path / "aa").mkdir()
    for fresh in (False, True):
        with pytest.raises(HwgenError, match="no checkpoints, such as thesis"):
            run(tmp_path, fresh=fresh)
    (tmp_path / "thesis.tex").unlink()
    with pytest.raises(HwgenError, match="such as aa"):  # but no run.json
        run(tmp_path, fresh=True)
    (tmp_path / "file").write_text("x")
    with pytest.raises(HwgenError, match="file: checkpoints cannot be kept there"):
        run(tmp_path / "file")
    with pytest.raises(HwgenError, match="cannot be kept there"):
        run("/proc/nothing/here")


@pytest.mark.parametrize("size", [0, 10, -1])
def test_a_damaged_run_is_one_clear_error(tmp_path, size):
    first = run(tmp_path / "a")
    file = tmp_path / "a" / "run.json"
    data = file.read_bytes()
    file.write_bytes(data[:size] if size >= 0 else data.replace(b"torch", b"tarch", 1))
    with pytest.raises(HwgenError, match=r"run.json: is damaged.*start anew with fresh=True"):
        run(tmp_path / "a")
    user = User()
    run(tmp_path / "a", user, fresh=True)
    assert user.trained == 3 and first


def test_damaged_results_are_computed_again(tmp_path):
    """Whatever file of whatever result is cut or changed, the end is the same."""
    first = run(tmp_path / "a")
    files = sorted((tmp_path / "a").glob("??/*/*"))
    assert len(files) > 15
    for file in files[::4]:
        data = file.read_bytes()
        for broken in (data[: len(data) // 2], bytes([data[0] ^ 1]) + data[1:]):
            file.write_bytes(broken)
            assert end(run(tmp_path / "a")) == end(first), file


def test_divergence_to_nan_loses_no_checkpoint(tmp_path):
    """The error names the layer; what was trained before stays, and the bad training does not."""

    class Diverging(User):
        def train(self, model, epochs):
            super().train(model, epochs)
            if self.trained == 2:
                model.get_parameter("4.weight").data.fill_(float("nan"))

    with pytest.raises(FormatError, match="^4: weight must be finite, not NaN"):
        run(tmp_path / "a", Diverging())
    user = User()
    run(tmp_path / "a", user)
    assert user.trained == 2


def test_costs_are_kept(tmp_path):
    asked = []

    def measure(model):
        asked.append(type(model).__name__)
        return float(len(asked))

    pruned = PruneRecipe(0.5, steps=2, epochs=1, target=PruneTarget(cost=0))
    recipe = Recipe(pruned, QuantizeRecipe(budget=3, epochs=1))
    first = run(tmp_path / "a", recipe=recipe, measure=measure)
    assert asked == ["Sequential", "Sequential", "QuantModel"]
    assert end(run(tmp_path / "a", recipe=recipe, measure=measure)) == end(first)
    assert len(asked) == 3
