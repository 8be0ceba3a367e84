"""The user's train and evaluate: what they return, what they change, and how long they train."""

import copy
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from hwgen.cli import main
from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe, compress
from hwgen.compression.user_functions import warn_at_chance
from hwgen.errors import HwgenError, HwgenWarning
from hwgen.importers.from_torch import import_torch

pytestmark = pytest.mark.usefixtures("one_thread")
X = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
QAT = Recipe(quantize=QuantizeRecipe(epochs=2))
PTQ = Recipe(quantize=QuantizeRecipe.int8())


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))


LABELS = network()(X).argmax(1)


def evaluate(model: nn.Module) -> float:
    with torch.no_grad():
        return float((model(X).argmax(1) == LABELS).double().mean())


def train(model: nn.Module, epochs: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(epochs):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(X), LABELS).backward()
        optimizer.step()


def returning(wrap):
    """Training of a copy, which is returned."""

    def run(model: nn.Module, epochs: int) -> nn.Module:
        own = copy.deepcopy(model).train()
        train(own, epochs)
        return wrap(own)

    return run


def quiet(**options):
    with warnings.catch_warnings():
        warnings.simplefilter("error", HwgenWarning)
        return compress(network(), calibration=[X], **options)


@pytest.mark.parametrize(
    "wrap",
    [
        *(lambda model: model, nn.DataParallel, AveragedModel),
        lambda model: torch.compile(model, backend="eager"),
    ],
)
@pytest.mark.parametrize("recipe", [QAT, Recipe(PruneRecipe(weights=0.5, epochs=2))])
def test_a_module_that_train_returns_is_used(recipe, wrap):
    expected = quiet(recipe=recipe, train=train).module.state_dict()
    found = quiet(recipe=recipe, train=returning(wrap)).module.state_dict()
    assert expected.keys() == found.keys()
    assert all(torch.equal(value, found[name]) for name, value in expected.items())


@pytest.mark.parametrize("returned", [{"loss": [1.0]}, 0.5, "done", [1, 2]])
def test_other_things_that_train_returns_are_no_matter(returned):
    quiet(recipe=QAT, train=lambda model, epochs: train(model, epochs) or returned)


@pytest.mark.parametrize(
    "other",
    [
        lambda model: nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 4)),
        *(lambda model: nn.Linear(6, 4), lambda model: nn.Sequential(model)),
        lambda model: model[0],
    ],
)
def test_a_module_that_does_not_fit_is_refused(other):
    recipe = Recipe(PruneRecipe(weights=0.5, epochs=2))
    with pytest.raises(HwgenError, match=r"returned a \w+ that does not fit .* differs\); train"):
        quiet(recipe=recipe, train=lambda model, epochs: other(model))


@pytest.mark.parametrize(
    "nothing",
    [
        lambda model, epochs: None,
        lambda model, epochs: train(copy.deepcopy(model).train(), epochs),
        lambda model, epochs: model(X),
        lambda model, epochs: train(network(), epochs),
        lambda model, epochs: train(model, 0),
    ],
)
def test_training_that_changed_nothing_is_said_to(nothing):
    with pytest.warns(HwgenWarning, match=r"train\(model, 2\) changed no weight"):
        compress(network(), QAT, calibration=[X], train=nothing)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "not None; is a return missing"),
        (97.5, "not 97.5; divide a percentage by 100"),
        (100, "not 100; divide a percentage by 100"),
        (torch.tensor(55.0), "not 55; divide a percentage"),
        (float("nan"), "not nan; is there something to evaluate on"),
        (float("inf"), "not inf"),
        ("0.9", "not a str"),
        ((0.9, 0.1), "not a tuple"),
        ({"accuracy": 0.9}, "not a dict"),
        (torch.tensor([0.5, 0.6]), "not a Tensor"),
        (True, "not a bool"),
    ],
)
def test_what_is_no_accuracy_is_named(returned, message):
    recipe = Recipe(quantize=QuantizeRecipe(drop=0.01))
    with pytest.raises(HwgenError, match=f"evaluate.model. must return the accuracy .*{message}"):
        compress(network(), recipe, calibration=[X], evaluate=lambda model: returned)


@pytest.mark.parametrize(
    "returned", [1, 0.5, np.float32(0.5), np.array([0.5]), torch.tensor(0.5), torch.tensor([[0.5]])]
)
def test_numbers_of_every_kind_are_accuracies(returned):
    done = compress(network(), PTQ, calibration=[X], evaluate=lambda model: returned)
    assert done.history[0].accuracy == float(np.asarray(returned).item())


def test_a_cost_that_is_none_is_named():
    recipe = Recipe(quantize=QuantizeRecipe(budget=300, epochs=0))
    with pytest.raises(HwgenError, match=r"measure\(model\) must return a cost, .* not None"):
        compress(network(), recipe, calibration=[X], measure=lambda model: None)


def untrained() -> nn.Module:
    torch.manual_seed(7)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
    with torch.no_grad():
        model[2].bias.copy_(torch.tensor([9.0, 0.0, 0.0, 0.0]))  # one class for everything
    return model


def wrong(model: nn.Module) -> float:
    return 0.25


def test_an_untrained_model_is_noticed():
    with pytest.warns(HwgenWarning, match=r"Accuracy is 25.0%.*one of 4 classes .*untrained"):
        compress(untrained(), PTQ, calibration=[X], evaluate=wrong)
    with pytest.warns(HwgenWarning, match="one of 4 classes"):
        compress(nn.Sequential(untrained(), Largest()), PTQ, calibration=[X], evaluate=wrong)
    done = quiet(recipe=PTQ, evaluate=evaluate)
    with pytest.warns(HwgenWarning, match="one of 4 classes"):
        import_torch(done, X, evaluate=wrong)
    with warnings.catch_warnings():
        warnings.simplefilter("error", HwgenWarning)
        import_torch(done, X, evaluate=evaluate)


class Largest(nn.Module):
    def forward(self, x):
        return x.argmax(1)


@pytest.mark.parametrize(
    ("accuracy", "classes", "warned"),
    [
        *((0.1, 10, True), (0.18, 10, True), (0.2, 10, False), (0.5, 2, True), (0.6, 2, False)),
        *((0.0, 1000, True), (0.2, 1000, False), (0.0, 1, False), (-0.3, 10, False)),
        (None, 10, False),
    ],
)
def test_chance(accuracy, classes, warned, recwarn):
    warn_at_chance(accuracy, classes)
    assert bool(recwarn) == warned


class Task:
    """A task whose epochs are 3."""

    epochs = 3

    def __init__(self):
        self.model, self.example, self.calibration = network(), X[:1], [X]

    def train(self, model, epochs):
        train(model, epochs)


def test_the_recipe_wins_over_the_task():
    silent = Recipe(PruneRecipe(weights=0.5))
    assert silent.for_task(Task()).epochs == 3
    assert Recipe(PruneRecipe(weights=0.5), epochs=5).for_task(Task()).epochs == 5
    assert Recipe(PruneRecipe(weights=0.5), epochs=0).for_task(Task()).epochs == 0
    assert silent.for_task(object()).epochs == 0
    nothing = type("NoTrain", (), {"epochs": 3})()
    assert silent.for_task(nothing).epochs == 0
    with pytest.raises(HwgenError, match="Number of epochs must be an integer"):
        silent.for_task(type("Odd", (Task,), {"epochs": "3"})())


def test_epochs_are_what_train_is_called_with():
    """In the task, the recipe, `prune` and `quantize` alike."""
    called = []

    def counting(model: nn.Module, epochs: int) -> None:
        called.append(epochs)
        train(model, epochs)

    recipe = Recipe(
        PruneRecipe(weights=0.5, steps=2, epochs=4),
        QuantizeRecipe(frozen_norms=1, tune=5, epochs=6),
    ).for_task(Task())
    compress(network(), recipe, calibration=[X], train=counting)
    assert called == [3, 4, 4, 1, 5, 6]


TASK = """
import sys
sys.path.insert(0, {tests!r})
from test_user_functions import Task, untrained, wrong

class Watched(Task):
    called = []
    def train(self, model, epochs):
        print("trained", epochs)
        super().train(model, epochs)

task = Watched()
poor = Task()
poor.model, poor.evaluate = untrained(), wrong
"""


def command(monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr("sys.argv", ["hwgen", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0


def test_the_shell_trains_as_the_recipe_or_else_the_task_says(tmp_path, monkeypatch, capsys):
    file = tmp_path / "task.py"
    file.write_text(TASK.format(tests=str(Path(__file__).parent)))
    recipe = tmp_path / "recipe.toml"
    for text, expected in (("", [3, 2]), ("epochs = 1\n", [1, 2]), ("epochs = 0\n", [2])):
        recipe.write_text(text + '[quantize]\nweights = "int8"\nepochs = 2\n')
        command(
            monkeypatch, "compress", f"{file}:task", "--recipe", recipe, "-o", tmp_path / "a.net"
        )
        printed = capsys.readouterr().out.splitlines()
        assert [line for line in printed if line.startswith("trained")] == [
            f"trained {epochs}" for epochs in expected
        ]
    command(monkeypatch, "import", f"{file}:poor", "--weights", "int8", "-o", tmp_path / "b.net")
    error = capsys.readouterr().err
    assert "hwgen: warning: Accuracy is 25.0%" in error and "untrained" in error
