"""Cross-layer equalization: channels of neighbouring layers brought to like ranges.

    W1[i] / s_i,  b1[i] / s_i,  W2[:, i] * s_i  with  s_i = sqrt(r1_i * r2_i) / r2_i

where r1_i = max |W1[i]| and r2_i = max |W2[:, i]|. ReLU, leaky ones, pools and flatten between the
two let a positive factor through, so the float network computes the same. Nagel et al., "Data-Free
Quantization Through Weight Equalization and Bias Correction" (ICCV 2019), section 4.1.
"""

__all__ = ["equalizable", "equalize"]

import copy
from dataclasses import replace
from math import isinf

import torch
from torch import Tensor, nn

from hwgen.compression.quantize.points import QuantizationPoint
from hwgen.torch_graph.float_graph import FloatGraph, FloatNode
from hwgen.torch_graph.modules import AvgPool, MaxPool, ZeroPad
from hwgen.torch_graph.one_value import SCALABLE
from hwgen.torch_graph.support import CONVOLUTIONS, WEIGHTED

THROUGH = (*SCALABLE, MaxPool, AvgPool, ZeroPad, nn.Flatten)
ROUNDS = 20
CONVERGED = 1e-3  # largest change of a factor from 1


@torch.no_grad()
def equalize(graph: FloatGraph) -> FloatGraph:
    """Return the graph with equalized weights; layers that anything else looks at stay.

    Parameters
    ----------
    graph : from `fold_batch_norm`; left as it is
    """
    layers = tuple(
        replace(layer, module=copy.deepcopy(layer.module))
        if isinstance(layer.module, WEIGHTED)
        else layer
        for layer in graph.layers
    )
    done = graph.with_layers(layers)
    pairs = [(first.module, second.module) for first, second in _pairs(done)]
    for _ in range(ROUNDS):
        changes = [_equalize_pair(first, second) for first, second in pairs]
        if max(changes, default=0.0) < CONVERGED:
            break
    return done


def equalizable(graph: FloatGraph) -> set[str]:
    """Return the paths of layers whose channels would be equalized with those of the next."""
    return {first.path for first, _ in _pairs(graph)}


def _pairs(graph: FloatGraph) -> list[tuple[FloatNode, FloatNode]]:
    """Return pairs of layers with nothing but scalable layers between, each taken once."""
    by_path = {layer.path: layer for layer in graph.layers}
    uses = graph.uses()
    pairs: list[tuple[FloatNode, FloatNode]] = []
    for layer in graph.layers:
        if not isinstance(layer.module, WEIGHTED):
            continue
        at: FloatNode | None = by_path.get(layer.inputs[0])
        while at is not None and uses[at.path] == 1:
            if isinstance(at.module, WEIGHTED):
                pairs.append((at, layer))
                break
            at = by_path.get(at.inputs[0]) if _lets_through(at.module) else None
    return pairs


def _lets_through(module: nn.Module | None) -> bool:
    """Say whether a module does the same to values that are all larger by a factor."""
    if isinstance(module, QuantizationPoint):
        ends = all(end == 0 or isinf(end) for end in module.clamp)
        return ends and (module.curve is None or _lets_through(module.curve))
    return isinstance(module, THROUGH)


def _equalize_pair(first: nn.Module, second: nn.Module) -> float:
    """Scale a pair, and return how far the largest factor is from 1."""
    w1, b1 = first.get_parameter("weight"), first.get_parameter("bias")
    w2 = second.get_parameter("weight")
    by_input = _by_input(w2, w1.shape[0], second)
    r1, r2 = w1.double().abs().flatten(1).amax(1), by_input.abs().flatten(1).amax(1).double()
    alive = (r1 > 0) & (r2 > 0)
    factor = torch.where(alive, torch.sqrt(r1 / r2.clamp(min=1e-300)), torch.ones_like(r1))
    w1.copy_(w1.double() / factor.reshape(-1, *[1] * (w1.dim() - 1)))
    b1.copy_(b1.double() / factor)
    w2.copy_(w2.double() * _per_weight(factor, w2, second))
    return float((factor - 1).abs().max())


def _by_input(weight: Tensor, channels: int, module: nn.Module) -> Tensor:
    """Return (channels, all weights that a channel meets)."""
    if isinstance(module, CONVOLUTIONS):
        groups = module.groups
        split = weight.reshape(groups, -1, *weight.shape[1:]).transpose(1, 2)
        return split.flatten(0, 1).flatten(1)
    return weight.reshape(len(weight), channels, -1).transpose(0, 1).flatten(1)


def _per_weight(factor: Tensor, weight: Tensor, module: nn.Module) -> Tensor:
    """Return each weight's factor, shaped to broadcast against the weights."""
    if isinstance(module, CONVOLUTIONS):
        each = factor.reshape(module.groups, -1).repeat_interleave(
            weight.shape[0] // module.groups, 0
        )
        return each.reshape(*each.shape, *[1] * (weight.dim() - 2))
    return factor.repeat_interleave(weight.shape[1] // factor.numel())[None]
