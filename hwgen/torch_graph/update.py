"""The graph of a model that was trained, copied or made smaller since it was traced.

None of these changes which layer takes the values of which others. So nothing is traced again: the
modules are those that the model has now, and the shapes are found by running them.
"""

__all__ = ["update_graph", "with_shapes"]

from dataclasses import replace

import torch
from torch import Tensor, nn

from hwgen.errors import UnsupportedError
from hwgen.torch_graph.batches import Batch, mapped, shapes_of
from hwgen.torch_graph.float_graph import FloatGraph, FloatNode, Shape
from hwgen.torch_graph.hidden import find_hidden
from hwgen.torch_graph.modules import Affine
from hwgen.torch_graph.self_check import check_same
from hwgen.torch_graph.support import OWNED
from hwgen.torch_graph.threads import thrifty_threads
from hwgen.torch_graph.trace import evaluating, float_graph_of


def update_graph(graph: FloatGraph, model: nn.Module, example: Batch) -> FloatGraph:
    """Return the graph of a model, with its modules and shapes of now.

    A model that does not compute what the graph says, because someone changed more of it than its
    weights, is traced as `float_graph_of` does.

    Parameters
    ----------
    graph : of the model as it was, or of a copy of it
    example : as `float_graph_of` takes it

    Raises
    ------
    UnsupportedError, NetworkError : from `float_graph_of`
    """
    with evaluating(model), thrifty_threads(model, example):
        now = _on_modules_of(graph, model)
        if now is not None and not find_hidden(model) and _is_same(now, model, example):
            return with_shapes(now, example)
    return float_graph_of(model, example)


@torch.no_grad()
def with_shapes(graph: FloatGraph, example: Batch) -> FloatGraph:
    """Return the graph with the shapes that its modules give now.

    Parameters
    ----------
    example : (batch, ...), of which the first input is run
    """
    shapes: dict[str, Shape] = {}

    def note(layer: FloatNode, value: Tensor) -> None:
        shapes[layer.path] = tuple(value.shape[1:])

    graph.run(mapped(example, lambda x: x[:1]), note)
    layers = (replace(layer, shape=shapes[layer.path]) for layer in graph.layers)
    entries = dict(zip(graph.entries, shapes_of(example), strict=True))
    return replace(graph, layers=tuple(layers), entries=entries)


def _on_modules_of(graph: FloatGraph, model: nn.Module) -> FloatGraph | None:
    """Return the graph on the modules with weights that a model has; None if it lacks one."""
    layers = []
    for layer in graph.layers:
        if isinstance(layer.module, Affine):  # of numbers that may have been trained
            return None
        if isinstance(layer.module, OWNED):
            try:
                module = model.get_submodule(layer.path)
            except AttributeError:
                return None
            if type(module) is not type(layer.module):
                return None
            layer = replace(layer, module=module)
        layers.append(layer)
    return graph.with_layers(layers)


def _is_same(graph: FloatGraph, model: nn.Module, example: Batch) -> bool:
    try:
        check_same(graph, model, example)
    except UnsupportedError:
        return False
    return True
