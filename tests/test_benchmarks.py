"""The benchmark of compression: its methods, what it checks, and the results in the documents."""

import itertools
from pathlib import Path

import comparison_bench as comparison
import compression_bench as bench
import constant_bench as constant
import numpy as np
import planning_bench as planning
import pytest
import torch
from compression_methods import CALIBRATIONS, Method, Setting, methods
from compression_results import Outcome, draw, load, save, tables

from hwgen.compression.recipes.prune_recipe import IMPORTANCES, KINDS
from hwgen.compression.recipes.quantize_recipe import STEPS
from hwgen.errors import InternalError
from hwgen.importers.from_torch import import_torch
from hwgen.report import read_run
from hwgen.tasks.digits import Digits, DigitsCnn
from hwgen.tasks.images import ImageTask

ROOT = Path(__file__).parent.parent
WIDTH = 8
METHODS = methods(Setting(tune=1, qat=1, weights=18 * WIDTH**2 + 89 * WIDTH))
SOME = (
    "int8 PTQ",
    "mixed PTQ, 4 bits a weight",
    "int4 QAT, accumulators of 14 bits (A2Q)",
    "channels, norm_scale, trained with L1 (Slimming)",
    "stripes, Filter Skeleton",
    "80 % of the weights + codebook",
)


class Tiny(ImageTask):
    """A few digits, and a small model."""

    epochs = 1

    def __init__(self, seed: int = 0):
        all_of_it = Digits(seed)
        super().__init__(
            seed,
            lambda: DigitsCnn(WIDTH),
            (all_of_it.calibration[0], all_of_it._labels[:256]),
            (all_of_it.test_inputs[:64], all_of_it.test_labels[:64]),
        )


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def task():
    made = Tiny()
    made.train(made.model, 2)
    return made


def check(task: Tiny, name: str) -> None:
    """Run a method; the benchmark itself compares golden with PyTorch, and the counts."""
    before = {key: value.clone() for key, value in task.model.state_dict().items()}
    outcome = bench.run("tiny", task, name, METHODS[name])
    assert all(torch.equal(value, before[key]) for key, value in task.model.state_dict().items())
    assert 0 <= outcome.accuracy <= 1
    assert 0 < outcome.nonzero_weights < outcome.parameters
    assert 0 < outcome.nonzero_macs <= outcome.macs
    assert 0 < outcome.weight_bytes < 2 * outcome.parameters  # codebooks of asymmetric weights
    assert (outcome.pruned_accuracy is None) == (METHODS[name].recipe.prune is None)


@pytest.mark.parametrize("name", SOME)
def test_method(task, name):
    check(task, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in METHODS if name not in SOME])
def test_every_method(task, name):
    check(task, name)


def test_every_kind_of_method_is_there():
    prunes = [method.recipe.prune for method in METHODS.values() if method.recipe.prune]
    quantizes = [method.recipe.quantize for method in METHODS.values() if method.recipe.quantize]
    assert len(quantizes) == len(METHODS), "golden and the counts need a network"
    assert {each.importance for each in prunes if each.channels} == set(IMPORTANCES)
    assert all(any(getattr(each, kind) for each in prunes) for kind in KINDS)
    assert {each.calibration for each in quantizes} >= set(CALIBRATIONS)
    assert {each.steps for each in quantizes} == set(STEPS)
    goals = {method.goal for method in METHODS.values()}
    assert goals == {None, 0.3, 0.5, 0.7, 1.0, 2.0}


def test_a_difference_is_found(task):
    """One output that is off by one, or one weight too few, ends the run."""
    done = bench.compress(
        task.model,
        METHODS["int8 PTQ"].recipe,
        example=task.example,
        evaluate=task.evaluate,
        calibration=task.calibration,
    )
    network = import_torch(done.module, task.example)
    assert bench.check_golden("it", task, done, network) == done.history[-1].accuracy
    step = float(network.output.scale[0])

    class Off(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = done.module(x).clone()
            y[-1, -1] += step
            return y

    wrong = bench.Compressed(Off(), done.history)
    with pytest.raises(InternalError, match="golden differs from PyTorch"):
        bench.check_golden("it", task, wrong, network)
    with pytest.raises(InternalError, match="counts"):
        bench.check_counts("it", bench.Compressed(done.module, done.history[:1]), network)


def outcome(method: str, seed: int, accuracy: float) -> Outcome:
    return Outcome("tiny", method, seed, "r", accuracy, 0.99, None, 110, 50, 1000, 500, 100, 1.0)


def test_results_survive_a_kill(tmp_path):
    path = tmp_path / "results.jsonl"
    assert load(path) == []
    made = [outcome("a", seed, 0.9) for seed in range(3)]
    for each in made[:2]:
        save(path, each)
    path.write_text(path.read_text() + '{"task": "ti')
    assert load(path) == made[:2]
    save(path, made[2])
    assert load(path) == made


def test_table_and_plot(tmp_path):
    recipe = METHODS["int8 PTQ"].recipe
    table = {"a": Method("g", recipe, 0.5), "b": Method("g", recipe, 0.4), "c": Method("h", recipe)}
    found = [outcome(name, seed, 0.98 + 0.01 * seed) for name in "ab" for seed in (0, 1)]
    assert tables(table, found).splitlines()[2:] == [
        "| **g** | | | | | | | | |",
        "| a | 98.50 (98.0 to 99.0) | 0.50 | 0.5 met | 110 | 50 | 1,000 | 500 | 100 |",
        "| b | 98.50 (98.0 to 99.0) | 0.50 | 0.4 **missed** | 110 | 50 | 1,000 | 500 | 100 |",
    ]
    plots = [tmp_path / "1.svg", tmp_path / "2.svg"]
    for plot in plots:
        draw(plot, "tiny", table, found)
    assert plots[0].read_bytes() == plots[1].read_bytes()
    assert "bytes of weights" in plots[0].read_text()


def test_mnist_is_split_fairly():
    a, b = bench.make_mnist(0), bench.make_mnist(1)
    assert torch.equal(a.test_inputs, b.test_inputs) and a.test_inputs.shape == (1000, 1, 28, 28)
    assert sum(len(batch) for batch in a.calibration) == 4000
    assert np.bincount(a.test_labels).tolist() == [100] * 10
    assert len(set(a.test_labels[:50].tolist())) == 10, "not sorted by label"
    assert float(a.test_inputs.min()) >= 0 and float(a.test_inputs.max()) == 1
    held = {image.numpy().tobytes() for image in a.test_inputs}
    assert not held & {image.numpy().tobytes() for batch in a.calibration for image in batch}
    assert sum(each.numel() for each in a.model.parameters()) < 60_000


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_documents_show_the_results(name):
    """The table in the document is that of the results beside the benchmark."""
    table = bench.methods_of(name, bench.TASKS[name][0](0))
    found = load(ROOT / f"benchmarks/results/{name}.jsonl")
    assert {each.method for each in found} == set(table)
    assert all(each.recipe == table[each.method].text for each in found)
    assert tables(table, found) in (ROOT / "docs/compression.md").read_text(encoding="utf-8")
    assert (ROOT / f"docs/compression-{name}.svg").exists()


def test_the_comparison_in_the_documents():
    """Nine formats on three devices and in a cell library: the documents say what the results do,
    bit for bit; estimates order them nearly as synthesis does."""
    run = read_run(comparison.RESULTS)
    assert comparison.results(run) in comparison.PAGE.read_text()
    assert comparison.summary(run) in comparison.README.read_text()
    assert len(run.rows) == 36 and not any(row.error for row in run.rows)
    assert all(row.equal == row.compared > 0 and not row.violations for row in run.rows)
    assert run.spearman is not None and run.spearman >= 0.95


def test_the_picture_of_the_comparison_is_the_same_twice(tmp_path):
    run = read_run(comparison.RESULTS)
    for name in ("a.svg", "b.svg"):
        comparison.draw(run, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.svg").read_bytes() == comparison.PICTURE.read_bytes()


def test_planning_of_layers(tmp_path):
    """Plans of random layers are of every kind; tables say how far estimates are from synthesis."""
    plans = list(itertools.islice(planning.layer_plans(), 12))
    kinds = {plan.stages[0].folding.implementation for plan in plans}
    assert kinds == set(planning.KINDS) - {"pasm"}
    need = plans[0].resources
    point = planning.Point(plans[0], round(need.luts), round(need.ffs), need.dsps, need.block_rams)
    assert "| all | 1 | 0." in planning.errors_table([point])
    assert f"| {plans[0].interval:,} |" in planning.front_table([point])
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- front -->\nold\n<!-- end of front -->\nb\n")
    comparison.between(page, "front", "new\n")
    assert page.read_text() == "a\n<!-- front -->\nnew\n<!-- end of front -->\nb\n"


# LUTs of da4ml 0.6.0, the smaller of the two peers, by the better recipe (docs/constant.md): on
# ECP5 and on Ultrascale+, by the adders a stage
PEERS = {
    "16x16 int4": {1: (2408, 2128), 2: (2404, 2121), 5: (2404, 2110)},
    "16x16 int8": {2: (4810, 4239), 5: (4794, 4229)},
    "64x64 int4, 80 % zeros": {2: (9222, 8146), 5: (9184, 8088)},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PEERS)
def test_constant_matrices_take_no_more_than_peers(name):
    """By the same recipes, on both families, at each number of adders a stage."""
    case = next(case for case in constant.CASES if case.name == name)
    rows, solved = constant.measure(case, None)
    assert [row[:2] for row in rows] == [[name, str(levels)] for levels in PEERS[name]]
    assert solved[0] == name
    for row in rows:
        ecp5, ultrascale = PEERS[name][int(row[1])]
        assert int(row[2].split()[0]) <= ecp5, row
        assert int(row[5]) <= ultrascale, row


def test_constant_matrices_are_those_that_peers_were_measured_on():
    dense, sparse = (next(c for c in constant.CASES if c.zeros == z).matrix for z in (0.0, 0.8))
    assert np.array_equal(dense, np.random.default_rng(0).integers(-8, 8, (16, 16)))
    rng = np.random.default_rng(1)
    weights = rng.integers(-8, 8, (64, 64))
    assert np.array_equal(sparse, weights * (rng.random((64, 64)) >= 0.8))
    assert constant.table(("a", "b"), [["1"]]) == "| a | b |\n| --- | ---: |\n| 1 |  |\n"
