"""The workflow: prune, fine-tune, quantize, train again, with a record of every step."""

__all__ = ["Compressed", "StepRecord", "compress"]

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from hwgen.compression.counts import count
from hwgen.compression.prune import (
    Masks,
    Sparsity,
    Subject,
    check_masks,
    check_pruning,
    holding,
    prune,
    sparsity,
)
from hwgen.compression.quantize import QuantModel, freeze_weights, quantize_layers
from hwgen.compression.recipe import Recipe
from hwgen.compression.threads import thrifty_threads
from hwgen.compression.trace import check_finite, evaluating, find_layers
from hwgen.errors import FoundUnsupported, HwgenError, UnsupportedError

Train = Callable[[nn.Module, int], None]
Evaluate = Callable[[nn.Module], float]


@dataclass(frozen=True)
class StepRecord:
    """The model after one step.

    Attributes
    ----------
    step : "float", "blocks", "skeleton", "prune", "fine-tune", "undo", "quantize", "qat" or
        "freeze 0.5"; with "2/5" behind it where pruning takes several steps
    parameters : weights, and one bias per output channel, as the integer network holds them
    macs : of one input
    accuracy : what `evaluate` returned, None without it
    seconds : that the step took, without its evaluation
    sparsity : what is zero of the parameters that are there, by kind
    """

    step: str
    parameters: int
    macs: int
    accuracy: float | None
    seconds: float
    sparsity: Sparsity


@dataclass(frozen=True)
class Compressed:
    """The compressed module, in evaluation mode, and how it came about.

    stopped : why pruning ended where it did; empty without pruning
    """

    module: nn.Module
    history: tuple[StepRecord, ...]
    stopped: str = ""


def compress(
    model: nn.Module,
    recipe: Recipe,
    *,
    example: Tensor,
    train: Train | None = None,
    evaluate: Evaluate | None = None,
    calibration: Iterable[Tensor] | None = None,
    measure: Callable[[nn.Module], float] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Compressed:
    """Compress a trained model; the model itself is left as it is.

    The module of the result, where the recipe quantizes, computes in `eval()` exactly what the
    hardware computes: it returns scale * (q - zero_point) in float64.

    Parameters
    ----------
    model : any module of supported layers, with or without branches
    recipe : what to do
    example : (batch, channels, height, width) or (batch, features), a float tensor
    train : `train(model, epochs)` trains any module in place, by the user's own loss and data,
        and makes its optimizer anew from `model.parameters()`. It is called in training mode with
        the pruned model and with the quantized one. None: post-training quantization only
    evaluate : `evaluate(model)` returns the accuracy; it is called in evaluation mode
    calibration : batches of real inputs, needed to quantize
    measure : `measure(model)` returns the cost of a pruned float model, for a target cost; where
        the recipe quantizes with a budget, of a quantized one
    progress : called with the name of each step as it starts

    Raises
    ------
    UnsupportedError : before anything starts, with everything that is not supported
    HwgenError : no calibration data, or nothing left of a layer; names the layer
    FormatError : NaN or infinity in weights or activations; names the layer
    NetworkError : the example or calibration data does not fit the model
    """
    work = copy.deepcopy(model) if list(model.children()) else nn.Sequential(copy.deepcopy(model))
    with thrifty_threads(work, example):  # the batches may be computed as they come
        batches = None if calibration is None else tuple(calibration)
    _check(work, recipe, example, batches, train, evaluate, measure)
    history: list[StepRecord] = []

    def step(name: str, do: Callable[[nn.Module], nn.Module], on: nn.Module) -> nn.Module:
        if progress is not None:
            progress(name)
        start = time.perf_counter()
        done = do(on)
        seconds = time.perf_counter() - start
        check_finite(done)
        done.eval()
        with thrifty_threads(done, example):
            counts = count(done, example)
            zeros = sparsity(done, example)
        accuracy = None if evaluate is None else float(evaluate(done))
        done.eval()
        history.append(StepRecord(name, counts.parameters, counts.macs, accuracy, seconds, zeros))
        return done

    work = step("float", lambda on: on, work)
    masks: Masks = {}
    stopped = ""
    if recipe.prune is not None:

        def record(name: str, do: Callable[[nn.Module], nn.Module], on: nn.Module) -> StepRecord:
            step(name, do, on)
            return history[-1]

        subject = Subject(work, example, calibration=batches or (), train=train)
        subject, stopped = prune(subject, recipe.prune, record, measure)
        work, masks = subject.model, subject.masks
    if recipe.quantize is not None:
        quantize = recipe.quantize

        def quantized(on: nn.Module) -> nn.Module:
            with evaluating(on), thrifty_threads(on, example):
                made = quantize_layers(find_layers(on, example), quantize, batches or (), measure)
                check_masks(made, masks)
            return made

        def trained(on: nn.Module) -> nn.Module:
            assert train is not None
            on.train()
            with holding(on, masks):
                train(on, quantize.epochs)
            on.eval()
            check_finite(on)
            check_masks(on, masks)
            return on

        work = step("quantize", quantized, work)
        if train is not None and quantize.epochs:
            if not quantize.incremental:
                work = step("qat", trained, work)
            for share in quantize.incremental:

                def frozen(on: nn.Module, share: float = share) -> nn.Module:
                    freeze_weights(on, share)
                    return on if share == 1 else trained(on)

                work = step(f"freeze {share:.4g}", frozen, work)
    return Compressed(work, tuple(history), stopped)


def _check(
    model: nn.Module,
    recipe: Recipe,
    example: Tensor,
    calibration: tuple[Tensor, ...] | None,
    train: Train | None,
    evaluate: Evaluate | None,
    measure: Callable[[nn.Module], float] | None,
) -> None:
    """Find what would fail later, now."""
    flow = find_layers(model, example)
    clashes = [
        FoundUnsupported(name, "a name of hwgen's quantized model", "rename the layer")
        for name, _ in model.named_children()
        if hasattr(QuantModel, name)
    ]
    if clashes:
        raise UnsupportedError(clashes)
    check_finite(model)
    if recipe.prune is not None:
        check_pruning(
            flow,
            recipe.prune,
            calibration=bool(calibration),
            train=train is not None,
            evaluate=evaluate is not None,
            measure=measure is not None,
        )
    if recipe.quantize is not None and calibration is None:
        raise HwgenError(
            "Calibration must be given to quantize, not None; "
            "pass calibration=[batch, ...], a few batches of real inputs"
        )
