"""From a user's module to the graph of the layers that it runs.

Everything hwgen has no meaning for is found here, all at once.
"""

__all__ = ["check_finite", "evaluating", "float_graph_of", "trace_graph"]

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from hwgen.errors import FormatError, FoundUnsupported, HwgenError, NetworkError, UnsupportedError
from hwgen.torch_graph.batches import Batch, shapes_of
from hwgen.torch_graph.float_graph import (
    FloatGraph,
)
from hwgen.torch_graph.hidden import find_hidden
from hwgen.torch_graph.modules import Elementwise
from hwgen.torch_graph.pads import fold_pads
from hwgen.torch_graph.reader import Reader
from hwgen.torch_graph.self_check import check_same
from hwgen.torch_graph.support import (
    DROPPED,
    KEPT,
    SUPPORTED,
    TRANSPOSED,
    instead,
)
from hwgen.torch_graph.swaps import fold_swaps
from hwgen.torch_graph.threads import thrifty_threads
from hwgen.torch_graph.tracer import Traced, Tracer, why


def trace_graph(
    model: nn.Module, example: Batch, leaves: tuple[type[nn.Module], ...] = ()
) -> Traced:
    """Return the live part of the model's `fx.Graph` in evaluation mode, and the shapes in it.

    Raises
    ------
    UnsupportedError : the forward depends on values, so that it has no graph; names its line
    """
    try:
        with evaluating(model):
            return Tracer((*TRANSPOSED, *leaves, Elementwise), example).traced(model)
    except HwgenError:
        raise
    except Exception as error:  # whatever the user's forward raises when it meets a proxy
        found = [
            FoundUnsupported(path, type(module).__name__, instead(type(module).__name__))
            for path, module in model.named_modules()
            if not list(module.children()) and type(module) not in (*KEPT, *DROPPED, *leaves)
            if type(module).__module__.startswith("torch.nn")
        ]
        what = f"a forward that torch.fx cannot trace ({why(error)})"
        way = "write it without ifs, loops and conversions that depend on the values of tensors"
        found.append(FoundUnsupported("forward", what, way))
        raise UnsupportedError(found, SUPPORTED) from error


def float_graph_of(model: nn.Module, example: Batch) -> FloatGraph:
    """Return the graph of the layers that the model runs in evaluation mode.

    Functions become modules of the same meaning, pools `MaxPool` and `AvgPool`; zeros that are put
    around a value become padding of what takes it; Dropout and Identity disappear. Modules with
    weights are the model's own, not copies.

    Parameters
    ----------
    example : (batch, channels, height, width), (batch, channels, length) or (batch, features), a
        float tensor; of several inputs a tuple of them, in the order of forward's arguments

    Raises
    ------
    UnsupportedError : with everything that is not supported
    NetworkError : the example does not fit the model
    """
    _check_example(example)
    with evaluating(model), thrifty_threads(model, example):
        traced = trace_graph(model, example)
        reader = Reader(traced, model, shapes_of(example))
        found = [*find_hidden(model), *reader.found]
        if found:
            raise UnsupportedError(found, SUPPORTED)
        if traced.problem is not None:
            raise traced.problem
        graph = FloatGraph(tuple(reader.layers), reader.entries, reader.returned)
        graph = fold_pads(fold_swaps(graph))
        check_same(graph, model, example)
    return graph


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put every module in evaluation mode, without gradients, and back as it was afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def check_finite(model: nn.Module) -> None:
    """Refuse NaN and infinity in parameters and buffers.

    Raises
    ------
    FormatError : names the layer
    """
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            path, _, what = name.rpartition(".")
            raise FormatError(
                f"{path or 'model'}: {what} must be finite, not NaN or infinity; "
                "train with a smaller learning rate or mend the checkpoint"
            )


def _check_example(given: object) -> None:
    examples = given if isinstance(given, tuple) else (given,)
    for example in examples:
        _check_tensor(example)
    if len({len(example) for example in examples}) > 1 or not examples:
        raise NetworkError("Examples of several inputs must be batches of one size")


def _check_tensor(example: object) -> None:
    if not isinstance(example, Tensor) or not example.is_floating_point():
        kind = str(example.dtype) if isinstance(example, Tensor) else type(example).__name__
        raise NetworkError(f"Example must be a float tensor, not {kind}")
    if example.dim() not in (2, 3, 4) or example.shape[0] == 0:
        raise NetworkError(
            "Example must have shape (batch, channels, height, width), (batch, channels, length) "
            f"or (batch, features), not {tuple(example.shape)}"
        )
