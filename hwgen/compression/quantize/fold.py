"""Batch-norm folding: w * gamma / sqrt(var + eps), exactly what evaluation does."""

__all__ = ["fold_batch_norm"]

import copy
from dataclasses import replace

import torch
from torch import nn

from hwgen.torch_graph.float_graph import FloatGraph, FloatNode


def fold_batch_norm(graph: FloatGraph) -> FloatGraph:
    """Return the graph with every batch norm folded into the Conv2d or Linear before it.

    Every Conv2d and Linear of the result is a copy and has a bias. The graph must come from
    `float_graph_of`, which sees to it that a batch norm follows one of the two, alone.
    """
    folded: dict[str, FloatNode] = {}
    values: dict[str, str] = {}  # of batch norms: the layer whose value is now theirs
    for layer in graph.layers:
        module = layer.module
        inputs = tuple(values.get(name, name) for name in layer.inputs)
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            _fold(folded[inputs[0]].module, module)
            values[layer.path] = inputs[0]
            continue
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module = copy.deepcopy(module)
            if module.bias is None:
                module.bias = nn.Parameter(module.weight.new_zeros(module.weight.shape[0]))
        folded[layer.path] = replace(layer, module=module, inputs=inputs)
    returns = graph.returns
    ends = tuple(values.get(path, path) for path in returns.values)
    return replace(graph, layers=tuple(folded.values()), returned=replace(returns, values=ends))


@torch.no_grad()
def _fold(module: nn.Module, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
    weight, bias = module.get_parameter("weight"), module.get_parameter("bias")
    assert norm.running_mean is not None and norm.running_var is not None
    factor = torch.rsqrt(norm.running_var.double() + norm.eps)
    if norm.weight is not None:
        factor = factor * norm.weight.double()
    shifted = (bias.double() - norm.running_mean.double()) * factor
    if norm.bias is not None:
        shifted = shifted + norm.bias.double()
    weight.copy_(weight.double() * factor.reshape(-1, *[1] * (weight.dim() - 1)))
    bias.copy_(shifted)
