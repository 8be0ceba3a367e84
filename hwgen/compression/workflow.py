"""The workflow: train, prune, fine-tune, quantize, train again, with a record of every step."""

__all__ = ["Compressed", "Example", "StepRecord", "compress"]

import math
import numbers
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hwgen.compression.alarm import find_alarms
from hwgen.compression.calibration_data import argument_names, input_batches
from hwgen.compression.history import Recorder, StepRecord
from hwgen.compression.prune import PruningState, check_pruning, holding, prune
from hwgen.compression.quantize import QuantModel, check_quantizing
from hwgen.compression.recipes.recipe import Recipe
from hwgen.compression.resume.checkpoints import Checkpoints, code_hash, state_hash
from hwgen.compression.resume.run_folder import RunFolder
from hwgen.compression.stages import Stages
from hwgen.compression.user_functions import (
    Evaluate,
    Train,
    checked_evaluate,
    checked_train,
    warn_at_chance,
)
from hwgen.errors import FoundUnsupported, HwgenError, HwgenWarning, UnsupportedError
from hwgen.showing import Shown, counted
from hwgen.torch_graph.adopt import adopt
from hwgen.torch_graph.batches import Batch, as_batch, mapped, tensors_of
from hwgen.torch_graph.float_graph import FloatGraph
from hwgen.torch_graph.modules import ArgMax
from hwgen.torch_graph.threads import thrifty_threads
from hwgen.torch_graph.trace import check_finite, float_graph_of

Example = Tensor | Sequence[Tensor] | Mapping[str, Tensor]


@dataclass(frozen=True, repr=False)
class Compressed(Shown):
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

    def _line(self) -> str:
        first, last = self.history[0], self.history[-1]
        said = [
            ", ".join(dict.fromkeys(record.step for record in self.history)),
            f"{last.parameters:,} of {counted(first.parameters, 'parameter')}",
            f"{last.bytes:,} of {counted(first.bytes, 'byte')}",
        ]
        if first.accuracy is not None and last.accuracy is not None:
            said.append(f"accuracy {last.accuracy:.2%} of {first.accuracy:.2%}")
        if self.warnings:
            said.append(counted(len(self.warnings), "warning"))
        return "; ".join(said)


def compress(
    model: nn.Module,
    recipe: Recipe,
    *,
    example: Example | None = None,
    train: Train | None = None,
    evaluate: Evaluate | None = None,
    calibration: Iterable[object] | None = None,
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
    model : any module of supported layers, with or without branches. `DataParallel` and
        `torch.compile` come off; what `torch.nn.utils.prune` masks stays zero; weights of other
        types and on other devices become float32 on the CPU, where that is exact
    recipe : what to do
    example : (batch, channels, height, width) or (batch, features), a float tensor; of several
        inputs a tuple of them or a dict by the names of forward's arguments. By default, of one
        input, the first of `calibration`
    train : `train(model, epochs)` trains any module in place, by the user's own loss and data,
        and makes its optimizer anew from `model.parameters()`. It is called in training mode with
        the pruned model and with the quantized one. If it returns a module, that one's weights
        are taken. None: post-training quantization only
    evaluate : `evaluate(model)` returns the accuracy, at most 1; it is called in evaluation mode
    calibration : batches of real inputs, needed to quantize: one tensor, or tensors, arrays, or
        pairs of them and labels, such as a DataLoader gives; of several inputs tuples or dicts of
        a tensor each, or pairs of these and labels
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
        A `train` or `evaluate` that returns what it should not; says what
    FormatError : NaN or infinity in weights or activations; names the layer
    NetworkError : the example or calibration data does not fit the model
    """
    folder = None if checkpoints is None else RunFolder(checkpoints, fresh=fresh)
    user = adopt(model)
    work = user.module
    with thrifty_threads(work, example):  # the batches may be computed as they come
        given = as_batch(work, example)
        names = argument_names(work, given)
        batches = None if calibration is None else input_batches(calibration, given, names, work)
    if example is None:
        given = _example(batches)
    if isinstance(given, Tensor | tuple):
        given = mapped(given, _plain)
    graph = _check(work, recipe, given, batches, train, evaluate, measure)
    masks = {la.path: user.masks[la.path] for la in graph.layers if la.path in user.masks}
    if user.unheld:
        warnings.warn(
            f"{', '.join(user.unheld)}: zeros that torch.nn.utils.prune made stay only in weights "
            "of Conv2d and Linear; training may change these",
            HwgenWarning,
            stacklevel=2,
        )
    train = None if train is None else checked_train(train, user)
    evaluate = None if evaluate is None else checked_evaluate(evaluate, user)
    kept = Checkpoints()
    if folder is not None:
        kept = folder.begin(_identity(work, masks, recipe, given, batches, made_from or {}))
    recorder = Recorder(graph, given, evaluate, kept, progress)
    costed = measure

    def cost(of: nn.Module) -> float:
        assert costed is not None
        return kept.number("cost", of, lambda: _cost_of(costed(of)))

    epochs = recipe.epochs or 0

    def trained(on: nn.Module) -> nn.Module:
        assert train is not None
        on.train()
        with holding(on, masks):
            kept.train(on, epochs, lambda: train(on, epochs))
        return on

    if epochs:
        work = recorder.step("train", trained, work)
    else:
        work = recorder.step("float", lambda on: on, work)
    warn_at_chance(recorder.history[0].accuracy, _classes(graph))
    state = PruningState(
        *(work, given, recorder.graph),
        masks=masks,
        calibration=batches or (),
        train=train,
        checkpoints=kept,
    )
    stopped = sufficed = ""
    known = None if measure is None else cost
    if recipe.prune is not None:

        def record(name: str, do: Callable[[nn.Module], nn.Module], on: nn.Module) -> StepRecord:
            recorder.step(name, do, on)
            return recorder.history[-1]

        state, stopped = prune(state, recipe.prune, record, known, evaluate)
        work = state.model
    if recipe.quantize is not None:
        stages = Stages(
            recipe.quantize, recorder, kept, given, batches or (), state.masks, train, known
        )
        work, sufficed = stages.run(work)
    alarms: tuple[str, ...] = ()
    if recorder.reference is not None and isinstance(work, QuantModel):
        assert recipe.quantize is not None
        alarms = find_alarms(recorder.reference, recorder.measured, work, recipe.quantize)
    for alarm in alarms:
        warnings.warn(alarm, HwgenWarning, stacklevel=2)
    return Compressed(work, tuple(recorder.history), stopped, sufficed, alarms)


def _plain(x: Any) -> Any:
    """Return a float tensor as float32 on the CPU; anything else as it is, to be refused."""
    floats = isinstance(x, Tensor) and x.is_floating_point()
    return x.detach().to("cpu", torch.float32) if floats else x


def _example(batches: tuple[Batch, ...] | None) -> Batch:
    if not batches:
        raise HwgenError(
            "Calibration must hold at least one batch of real inputs; "
            "pass calibration=[batch, ...], or example="
        )
    return mapped(batches[0], lambda x: x[:1])


def _classes(graph: FloatGraph) -> int:
    """Return how many classes a model tells apart: its outputs, or what a last argmax takes."""
    if len(graph.ends) > 1:
        return 0
    last = next(la for la in graph.layers if la.path == graph.ends[0])
    shapes = {**graph.entries, **{la.path: la.shape for la in graph.layers}}
    shape = shapes[last.inputs[0]] if isinstance(last.module, ArgMax) else last.shape
    return shape[0] if len(shape) == 1 else 0


def _cost_of(returned: object) -> float:
    """Return what `measure` returned, as a number.

    Raises
    ------
    HwgenError : it is none
    """
    if not isinstance(returned, numbers.Real) or math.isnan(returned):
        raise HwgenError(f"measure(model) must return a cost, a number, not {returned!r}")
    return float(returned)


def _identity(
    model: nn.Module,
    masks: Mapping[str, Tensor],
    recipe: Recipe,
    example: Batch,
    batches: tuple[Batch, ...] | None,
    made_from: Mapping[str, object],
) -> dict[str, str]:
    """Return what checkpoints are made of, by the name that a message gives it."""
    data = {
        f"{number}{f'.{place}' * bool(place)}": x
        for number, batch in enumerate(batches or ())
        for place, x in enumerate(tensors_of(batch))
    }
    examples = (f"{tuple(x.shape[1:])} {x.dtype}" for x in tensors_of(example))
    return {
        "version of hwgen": code_hash("compression", "torch_graph", "formats"),
        "version of torch": torch.__version__,
        "recipe": repr(recipe),
        "model": f"{model} {state_hash(model)} {state_hash(masks)}",
        "example": " and ".join(examples),
        "calibration data": state_hash(data),
        **{name: repr(value) for name, value in made_from.items()},
    }


def _check(
    model: nn.Module,
    recipe: Recipe,
    example: Batch,
    calibration: tuple[Batch, ...] | None,
    train: Train | None,
    evaluate: Evaluate | None,
    measure: Callable[[nn.Module], float] | None,
) -> FloatGraph:
    """Find what would fail later, now; return the graph of the model."""
    graph = float_graph_of(model, example)
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
            graph,
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
        check_quantizing(graph, recipe.quantize, calibration)
    return graph
