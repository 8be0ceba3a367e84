"""The workflow: prune, fine-tune, quantize, train again, with a record of every step."""

__all__ = ["Compressed", "StepRecord", "compress"]

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from hwgen.compression.counts import count
from hwgen.compression.prune import check_prunable, prune_channels
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
    step : "float", "prune", "fine-tune", "quantize" or "qat", "freeze 0.5"
    parameters : weights, and one bias per output channel, as the integer network holds them
    macs : of one input
    accuracy : what `evaluate` returned, None without it
    seconds : that the step took, without its evaluation
    """

    step: str
    parameters: int
    macs: int
    accuracy: float | None
    seconds: float


@dataclass(frozen=True)
class Compressed:
    """The compressed module, in evaluation mode, and how it came about."""

    module: nn.Module
    history: tuple[StepRecord, ...]


def compress(
    model: nn.Module,
    recipe: Recipe,
    *,
    example: Tensor,
    train: Train | None = None,
    evaluate: Evaluate | None = None,
    calibration: Iterable[Tensor] | None = None,
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
    progress : called with the name of each step as it starts

    Raises
    ------
    UnsupportedError : before anything starts, with everything that is not supported
    HwgenError : no calibration data, or nothing left of a layer; names the layer
    FormatError : NaN or infinity in weights or activations; names the layer
    NetworkError : the example or calibration data does not fit the model
    """
    work = copy.deepcopy(model) if list(model.children()) else nn.Sequential(copy.deepcopy(model))
    _check(work, recipe, example, calibration)
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
        accuracy = None if evaluate is None else float(evaluate(done))
        done.eval()
        history.append(StepRecord(name, counts.parameters, counts.macs, accuracy, seconds))
        return done

    def trained(epochs: int) -> Callable[[nn.Module], nn.Module]:
        def do(on: nn.Module) -> nn.Module:
            assert train is not None
            on.train()
            train(on, epochs)
            return on

        return do

    work = step("float", lambda on: on, work)
    if recipe.prune is not None:
        prune = recipe.prune

        def pruned(on: nn.Module) -> nn.Module:
            with thrifty_threads(on, example):
                prune_channels(on, prune, example)
            return on

        work = step("prune", pruned, work)
        if train is not None and prune.epochs:
            work = step("fine-tune", trained(prune.epochs), work)
    if recipe.quantize is not None:
        quantize = recipe.quantize

        def quantized(on: nn.Module) -> nn.Module:
            with evaluating(on), thrifty_threads(on, example):
                return quantize_layers(find_layers(on, example), quantize, calibration or ())

        work = step("quantize", quantized, work)
        if train is not None and quantize.epochs:
            if not quantize.incremental:
                work = step("qat", trained(quantize.epochs), work)
            for share in quantize.incremental:

                def frozen(on: nn.Module, share: float = share) -> nn.Module:
                    freeze_weights(on, share)
                    return on if share == 1 else trained(quantize.epochs)(on)

                work = step(f"freeze {share:.4g}", frozen, work)
    return Compressed(work, tuple(history))


def _check(
    model: nn.Module, recipe: Recipe, example: Tensor, calibration: Iterable[Tensor] | None
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
        check_prunable(flow, recipe.prune)
    if recipe.quantize is not None and calibration is None:
        raise HwgenError(
            "Calibration must be given to quantize, not None; "
            "pass calibration=[batch, ...], a few batches of real inputs"
        )
