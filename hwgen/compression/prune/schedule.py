"""The schedule of pruning: one shot or several steps, fine-tuning between, targets to stop at.

Step k of n prunes to a part p of the recipe's shares: of the channels that there were at first, and
of the weights, shapes and stripes that there are now. Iterating after Han et al. (NeurIPS 2015).

    p = k / n  or  p = 1 - (1 - k / n)**3

the latter after Zhu and Gupta, "To prune, or not to prune" (2017).
"""

__all__ = ["Evaluated", "Step", "check_pruning", "prune"]

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

import torch
from torch import nn

from hwgen.compression.prune.channel_groups import WEIGHTED
from hwgen.compression.prune.channels import check_channels, group_sizes
from hwgen.compression.prune.masks import check_masks, holding
from hwgen.compression.prune.pruners import PRUNERS
from hwgen.compression.prune.ranking import check_layers
from hwgen.compression.prune.residual import remove_blocks
from hwgen.compression.prune.sensitivity import shares_by_scan
from hwgen.compression.prune.skeleton import train_skeleton
from hwgen.compression.prune.sparsity import Sparsity
from hwgen.compression.prune.state import PruningState, Train, weighted_layers
from hwgen.compression.prune.stripes import check_stripes
from hwgen.compression.recipes.prune_recipe import KINDS, PruneRecipe
from hwgen.errors import HwgenError
from hwgen.torch_graph.float_graph import FloatGraph
from hwgen.torch_graph.threads import thrifty_threads

Measure = Callable[[nn.Module], float]


class Evaluated(Protocol):
    """What the record of a step says."""

    @property
    def parameters(self) -> int:
        """Weights and biases."""

    @property
    def macs(self) -> int:
        """Of one input."""

    @property
    def accuracy(self) -> float | None:
        """None without `evaluate`."""

    @property
    def sparsity(self) -> Sparsity:
        """Zeros by kind."""


Step = Callable[[str, Callable[[nn.Module], nn.Module], nn.Module], Evaluated]


def check_pruning(
    graph: FloatGraph,
    recipe: PruneRecipe,
    *,
    calibration: bool,
    train: bool,
    evaluate: bool,
    measure: bool,
) -> None:
    """Find what would fail later, now; the flags say what `compress` was given.

    Raises
    ------
    HwgenError : names the layer or what is missing
    """
    check_layers(recipe, [la.path for la in graph.layers if isinstance(la.module, WEIGHTED)])
    if recipe.channels:
        check_channels(group_sizes(graph), recipe)
    if recipe.stripes:
        check_stripes(graph)
    target = recipe.target
    needs = (
        (recipe.channels and recipe.importance == "taylor", "Importance taylor", train, "train"),
        (
            recipe.channels and recipe.importance == "reconstruction",
            *("Importance reconstruction", calibration, "calibration"),
        ),
        (recipe.blocks, "Removing blocks", calibration, "calibration"),
        (recipe.skeleton, "A skeleton", train and recipe.epochs > 0, "train and epochs above 0"),
        (recipe.sensitivity is not None, "Sensitivity", evaluate, "evaluate"),
        (target.accuracy is not None, "A target accuracy", evaluate, "evaluate"),
        (target.cost is not None, "A target cost", measure, "measure"),
    )
    for wanted, what, given, missing in needs:
        if wanted and not given:
            raise HwgenError(f"{what} needs {missing}; pass it to compress, or leave the first out")


def prune(
    state: PruningState,
    recipe: PruneRecipe,
    step: Step,
    measure: Measure | None = None,
    evaluate: Measure | None = None,
) -> tuple[PruningState, str]:
    """Run the schedule, and return what is left and why it ended.

    Parameters
    ----------
    state : the model is pruned in place
    step : `step(name, do, model)` does, checks and records a step
    measure : the cost of a module, for a target cost
    evaluate : the accuracy of a module, for `sensitivity`
    """
    runner = _Runner(state, recipe, step)
    if recipe.blocks:
        runner.do("blocks", lambda now: remove_blocks(now, recipe.blocks))
        runner.tune("fine-tune blocks")
    if recipe.blocks and not any(getattr(recipe, kind) for kind in KINDS):
        return runner.state, "all blocks removed"
    runner.start()
    if recipe.sensitivity is not None:
        assert evaluate is not None
        recipe = runner.scan(evaluate)
    for number in range(1, recipe.steps + 1):
        label = "" if recipe.steps == 1 else f" {number}/{recipe.steps}"
        before = runner.snapshot()
        if recipe.skeleton:
            learn = partial(train_skeleton, strength=recipe.skeleton, epochs=recipe.epochs)
            runner.do(f"skeleton{label}", learn)
        part = recipe.progress(number)
        runner.do(f"prune{label}", partial(_pruned, recipe=recipe, progress=part))
        runner.tune(f"fine-tune{label}")
        floor, accuracy = recipe.target.accuracy, runner.record.accuracy
        if before is not None and floor is not None and accuracy is not None and accuracy < floor:
            runner.restore(f"undo{label}", before)
            reason = f"accuracy {accuracy:.4g} below {floor:.4g} after step {number}"
        else:
            reason = runner.reached(measure)
        if reason:
            return runner.state, reason
    return runner.state, "shares reached"


def _pruned(state: PruningState, recipe: PruneRecipe, progress: float) -> PruningState:
    for kind, pruner in PRUNERS.items():
        if getattr(recipe, kind):
            state = pruner(state, recipe, progress)
    return state


def _threaded(train: Train) -> Train:
    """Return training that runs on the threads torch has now, as the user set them."""
    threads = torch.get_num_threads()

    def run(model: nn.Module, epochs: int) -> None:
        now = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            train(model, epochs)
        finally:
            torch.set_num_threads(now)

    return run


class _Runner:
    def __init__(self, state: PruningState, recipe: PruneRecipe, step: Step):
        train = state.train
        self.state = replace(state, train=None if train is None else _threaded(train))
        self._recipe = recipe
        self._step = step
        self._weights = 0  # that the model had at first
        self.record: Evaluated

    def start(self) -> None:
        """Note what there is before the first step."""
        state = self.state.updated()
        self.state = replace(state, sizes=group_sizes(state.graph))
        modules = [layer.module for layer in weighted_layers(state.graph)]
        self._weights = sum(module.get_parameter("weight").numel() for module in modules)

    def scan(self, evaluate: Measure) -> PruneRecipe:
        """Return the recipe with a share for each layer, by its sensitivity."""
        shares: dict[str, float] = {}

        def run(now: PruningState) -> PruningState:
            shares.update(shares_by_scan(now, self._recipe, evaluate))
            return now

        self.do("sensitivity", run)
        return replace(self._recipe, layers=shares)

    def snapshot(self) -> PruningState | None:
        """Return a copy to go back to, where there is an accuracy to keep."""
        if self._recipe.target.accuracy is None:
            return None
        # in one go: the modules of the graph's copy are those of the model's
        model, graph = copy.deepcopy((self.state.model, self.state.graph))
        return replace(self.state, model=model, graph=graph)

    def restore(self, name: str, before: PruningState) -> None:
        """Go back to a snapshot."""
        self.do(name, lambda _: before)

    def do(self, name: str, change: Callable[[PruningState], PruningState]) -> None:
        """Run a step that changes the state."""

        def run(model: nn.Module) -> nn.Module:
            with thrifty_threads(model, self.state.example):
                self.state = change(self.state.updated())
            check_masks(self.state.model, self.state.masks)
            return self.state.model

        self.record = self._step(name, run, self.state.model)

    def tune(self, name: str) -> None:
        """Fine-tune, with the masks held, where there is training."""
        if self.state.train is None or not self._recipe.epochs:
            return

        def run(model: nn.Module) -> nn.Module:
            model.train()
            with holding(model, self.state.masks):
                self.state.run_training(model, self._recipe.epochs)
            check_masks(model, self.state.masks)
            return model

        self.record = self._step(name, run, self.state.model)

    def reached(self, measure: Measure | None) -> str:
        """Return which target is reached, in words, or nothing."""
        target, record = self._recipe.target, self.record
        for name, most in (("parameters", target.parameters), ("macs", target.macs)):
            if most is not None and getattr(record, name) <= most:
                return f"{name} {getattr(record, name)} at most {most}"
        if target.sparsity is not None:
            weights = record.sparsity.weights
            share = 1 - (weights.total - weights.zero) / self._weights
            if share >= target.sparsity:
                return f"sparsity {share:.4g} at least {target.sparsity:.4g}"
        if target.cost is not None and measure is not None:
            cost = float(measure(self.state.model))
            if cost <= target.cost:
                return f"cost {cost:.6g} at most {target.cost:.6g}"
        return ""
