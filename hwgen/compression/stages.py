"""Quantization in stages: after training, with short training, with long training.

With `QuantizeRecipe.drop` the first stage whose accuracy is near enough to the float model's is the
last. After Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference" (2018):
start with symmetric weights per channel after training; train on where accuracy drops.
"""

__all__ = ["Stages"]

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from hwgen.compression.history import Recorder
from hwgen.compression.noise import Reference
from hwgen.compression.prune import Masks, check_masks, holding
from hwgen.compression.prune.channel_groups import NORMS
from hwgen.compression.quantize import (
    QuantModel,
    expanded_masks,
    freeze_weights,
    place_layers,
    quantize_layers,
)
from hwgen.compression.quantize.learned_scales import LearnedScale
from hwgen.compression.recipes.quantize_recipe import QuantizeRecipe
from hwgen.compression.resume.checkpoints import Checkpoints
from hwgen.torch_graph.batches import Batch
from hwgen.torch_graph.threads import thrifty_threads
from hwgen.torch_graph.trace import check_finite, evaluating
from hwgen.torch_graph.update import update_graph


@dataclass(frozen=True)
class Stages:
    """What all stages need.

    Attributes
    ----------
    recorder : does and records them
    example : (batch, channels, height, width) or (batch, features), a float tensor
    batches : of real inputs
    masks : of weights that are pruned, by path
    train : the user's training, None for quantization after training only
    measure : the cost of a quantized module, for a budget
    """

    recipe: QuantizeRecipe
    recorder: Recorder
    checkpoints: Checkpoints
    example: Batch
    batches: tuple[Batch, ...]
    masks: Masks
    train: Callable[[nn.Module, int], None] | None
    measure: Callable[[nn.Module], float] | None

    def run(self, model: nn.Module) -> tuple[nn.Module, str]:
        """Quantize a float model; return it and the stage that was enough, "" if none was."""
        recipe, step = self.recipe, self.recorder.step
        if self.train is not None and recipe.frozen_norms:
            model = step("freeze norms", self._with_frozen_norms, model)
        work = step("quantize", self._quantized, model)
        return replace(self, masks=expanded_masks(model, work, self.masks))._trained_on(work)

    def _trained_on(self, work: nn.Module) -> tuple[nn.Module, str]:
        """Train a quantized model as far as it takes."""
        recipe, step = self.recipe, self.recorder.step
        if self._is_enough():
            return work, "quantize"
        if self.train is not None and recipe.tune:
            work = step("fine-tune quantized", self._tuned, work)
            if self._is_enough():
                return work, "fine-tune quantized"
        if self.train is not None and recipe.epochs:
            if not recipe.incremental:
                work = step("qat", lambda on: self._trained(on, recipe.epochs), work)
            for share in recipe.incremental:
                work = step(f"freeze {share:.4g}", self._frozen(share), work)
        last = self.recorder.history[-1].step
        return work, last if self._is_enough() else ""

    def _is_enough(self) -> bool:
        first, last = self.recorder.history[0], self.recorder.history[-1]
        if self.recipe.drop is None or first.accuracy is None or last.accuracy is None:
            return False
        return last.accuracy >= first.accuracy - self.recipe.drop

    def _with_frozen_norms(self, on: nn.Module) -> nn.Module:
        """Train a float model on what batch norm computes in evaluation."""
        norms = [module for module in on.modules() if isinstance(module, NORMS)]
        hooks = [norm.register_forward_pre_hook(_evaluating) for norm in norms]
        try:
            return self._trained(on, self.recipe.frozen_norms)
        finally:
            for hook in hooks:
                hook.remove()

    def _quantized(self, on: nn.Module) -> QuantModel:
        with evaluating(on), thrifty_threads(on, self.example):
            graph = update_graph(self.recorder.graph, on, self.example)
            made = quantize_layers(graph, self.recipe, self.batches, self.measure)
            check_masks(made, expanded_masks(on, made, self.masks))
            self.recorder.reference = Reference.of(place_layers(graph, self.recipe), self.batches)
        return made

    def _tuned(self, on: nn.Module) -> nn.Module:
        """Train on scales that stay as calibrated."""
        scales = [
            scale
            for module in on.modules()
            if isinstance(module, LearnedScale)
            for scale in module.parameters()
            if scale.requires_grad
        ]
        for scale in scales:
            scale.requires_grad_(False)
        try:
            return self._trained(on, self.recipe.tune)
        finally:
            for scale in scales:
                scale.requires_grad_()

    def _frozen(self, share: float) -> Callable[[nn.Module], nn.Module]:
        def run(on: nn.Module) -> nn.Module:
            freeze_weights(on, share)
            return on if share == 1 else self._trained(on, self.recipe.epochs)

        return run

    def _trained(self, on: nn.Module, epochs: int) -> nn.Module:
        train = self.train
        assert train is not None
        on.train()
        reference = self.recorder.reference
        if reference is not None:
            self.recorder.reference = replace(reference, trained=True)
        with holding(on, self.masks):
            self.checkpoints.train(on, epochs, lambda: train(on, epochs))
        on.eval()
        check_finite(on)
        check_masks(on, self.masks)
        return on


def _evaluating(module: nn.Module, _: object) -> None:
    """Put a module in evaluation mode, whatever the user's training put it in."""
    module.eval()
