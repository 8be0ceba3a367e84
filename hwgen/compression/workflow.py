"""The workflow: train, prune, fine-tune, quantize, train again, with a record of every step."""

__all__ = ["Compressed", "StepRecord", "compress"]

import copy
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from hwgen.compression.alarm import find_alarms
from hwgen.compression.checkpoints import Checkpoints, code_hash, state_hash
from hwgen.compression.history import Recorder, StepRecord
from hwgen.compression.prune import Subject, check_pruning, prune
from hwgen.compression.quantize import QuantModel, check_quantizing
from hwgen.compression.recipe import Recipe
from hwgen.compression.run_folder import RunFolder
from hwgen.compression.stages import Stages
from hwgen.compression.threads import thrifty_threads
from hwgen.compression.trace import check_finite, find_layers
from hwgen.errors import FoundUnsupported, HwgenError, HwgenWarning, UnsupportedError

Train = Callable[[nn.Module, int], None]
Evaluate = Callable[[nn.Module], float]


@dataclass(frozen=True)
class Compressed:
    """The compressed module, in evaluation mode, and how it came about.

    Attributes
    ----------
    stopped : why pruning ended where it did; empty without pruning
    sufficed : the stage of quantization that kept accuracy within `QuantizeRecipe.drop`; empty
        without it, or where none did
    warnings : what stands out in the signal to noise of the last step, each with what would help;
        they are Python warnings as well
    """

    module: nn.Module
    history: tuple[StepRecord, ...]
    stopped: str = ""
    sufficed: str = ""
    warnings: tuple[str, ...] = ()


def compress(
    model: nn.Module,
    recipe: Recipe,
    *,
    example: Tensor | None = None,
    train: Train | None = None,
    evaluate: Evaluate | None = None,
    calibration: Iterable[Tensor] | None = None,
    measure: Callable[[nn.Module], float] | None = None,
    progress: Callable[[str], None] | None = None,
    checkpoints: str | Path | None = None,
    fresh: bool = False,
    made_from: Mapping[str, object] | None = None,
) -> Compressed:
    """Compress a trained model; the model itself is left as it is.

    The module of the result, where the recipe quantizes, computes in `eval()` exactly what the
    hardware computes: it returns scale * (q - zero_point) in float64.

    Parameters
    ----------
    model : any module of supported layers, with or without branches
    recipe : what to do
    example : (batch, channels, height, width) or (batch, features), a float tensor; by default the
        first of `calibration`
    train : `train(model, epochs)` trains any module in place, by the user's own loss and data,
        and makes its optimizer anew from `model.parameters()`. It is called in training mode with
        the pruned model and with the quantized one. None: post-training quantization only
    evaluate : `evaluate(model)` returns the accuracy; it is called in evaluation mode
    calibration : batches of real inputs, needed to quantize
    measure : `measure(model)` returns the cost of a pruned float model, for a target cost; where
        the recipe quantizes with a budget, of a quantized one
    progress : called with the name of each step as it starts
    checkpoints : a folder where the result of each training, evaluation and measurement is kept.
        Called again after whatever ended it, `compress` goes on behind the last of them, to the
        same bits, if these functions draw random numbers from the global generators or from ones
        that they make anew. The random states are set to those that the first run began with
    fresh : begin anew, whatever checkpoints there are
    made_from : what else checkpoints depend on, such as {"seed": 0}

    Raises
    ------
    UnsupportedError : before anything starts, with everything that is not supported
    HwgenError : no calibration data, or nothing left of a layer; names the layer. Checkpoints of
        another model, recipe, example or calibration data; names which
    FormatError : NaN or infinity in weights or activations; names the layer
    NetworkError : the example or calibration data does not fit the model
    """
    folder = None if checkpoints is None else RunFolder(checkpoints, fresh=fresh)
    work = copy.deepcopy(model) if list(model.children()) else nn.Sequential(copy.deepcopy(model))
    with thrifty_threads(work, example):  # the batches may be computed as they come
        batches = None if calibration is None else tuple(calibration)
    if example is None:
        example = _example(batches)
    _check(work, recipe, example, batches, train, evaluate, measure)
    kept = Checkpoints()
    if folder is not None:
        kept = folder.begin(_identity(work, recipe, example, batches, made_from or {}))
    recorder = Recorder(example, evaluate, kept, progress)
    costed = measure

    def cost(of: nn.Module) -> float:
        assert costed is not None
        return kept.number("cost", of, lambda: costed(of))

    def trained(on: nn.Module) -> nn.Module:
        assert train is not None
        on.train()
        kept.train(on, recipe.epochs, lambda: train(on, recipe.epochs))
        return on

    if recipe.epochs:
        work = recorder.step("train", trained, work)
    else:
        work = recorder.step("float", lambda on: on, work)
    subject = Subject(work, example, calibration=batches or (), train=train, checkpoints=kept)
    stopped = sufficed = ""
    known = None if measure is None else cost
    if recipe.prune is not None:

        def record(name: str, do: Callable[[nn.Module], nn.Module], on: nn.Module) -> StepRecord:
            recorder.step(name, do, on)
            return recorder.history[-1]

        subject, stopped = prune(subject, recipe.prune, record, known, evaluate)
        work = subject.model
    if recipe.quantize is not None:
        stages = Stages(
            recipe.quantize, recorder, kept, example, batches or (), subject.masks, train, known
        )
        work, sufficed = stages.run(work)
    alarms: tuple[str, ...] = ()
    if recorder.reference is not None and isinstance(work, QuantModel):
        assert recipe.quantize is not None
        alarms = find_alarms(recorder.reference, recorder.measured, work, recipe.quantize)
    for alarm in alarms:
        warnings.warn(alarm, HwgenWarning, stacklevel=2)
    return Compressed(work, tuple(recorder.history), stopped, sufficed, alarms)


def _example(batches: tuple[Tensor, ...] | None) -> Tensor:
    if not batches or not isinstance(batches[0], Tensor) or not batches[0].dim():
        raise HwgenError(
            "Calibration must hold at least one batch of real inputs; "
            "pass calibration=[batch, ...], or example="
        )
    return batches[0][:1]


def _identity(
    model: nn.Module,
    recipe: Recipe,
    example: Tensor,
    batches: tuple[Tensor, ...] | None,
    made_from: Mapping[str, object],
) -> dict[str, str]:
    """Return what checkpoints are made of, by the name that a message gives it."""
    numbered = enumerate(batches or ())
    data = {str(number): batch for number, batch in numbered if isinstance(batch, Tensor)}
    return {
        "version of hwgen": code_hash("compression", "formats"),
        "version of torch": torch.__version__,
        "recipe": repr(recipe),
        "model": f"{model} {state_hash(model)}",
        "example": f"{tuple(example.shape[1:])} {example.dtype}",
        "calibration data": state_hash(data),
        **{name: repr(value) for name, value in made_from.items()},
    }


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
    if recipe.epochs and train is None:
        raise HwgenError("Recipe trains the float model; pass train=, or leave its epochs out")
    if recipe.prune is not None:
        check_pruning(
            flow,
            recipe.prune,
            calibration=bool(calibration),
            train=train is not None,
            evaluate=evaluate is not None,
            measure=measure is not None,
        )
    if recipe.quantize is not None:
        if calibration is None:
            raise HwgenError(
                "Calibration must be given to quantize, not None; "
                "pass calibration=[batch, ...], a few batches of real inputs"
            )
        if recipe.quantize.drop is not None and evaluate is None:
            raise HwgenError("A drop of accuracy needs evaluate; pass it, or leave drop out")
        check_quantizing(flow, recipe.quantize, calibration)
