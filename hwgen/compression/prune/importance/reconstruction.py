"""Greedy reconstruction: the channels whose absence the next layers feel least.

With v[c] the share that channel c has in the next layers' sums on real inputs, the removed set T
grows by the c with the least || sum over T and c of v ||**2: channels that cancel go together. A
channel's score is its place in that order. After Luo et al., "ThiNet: A Filter Level Pruning
Method for Deep Neural Network Compression" (ICCV 2017). The norm is read off the Gram matrix of v.
"""

__all__ = ["greedy_order", "reconstruction"]

import torch
from torch import Tensor, nn

from hwgen.compression.prune.channel_groups import WEIGHTED, ChannelGroups, is_depthwise
from hwgen.compression.prune.state import PruningState, real_inputs
from hwgen.torch_graph.float_graph import FloatGraph, FloatNode
from hwgen.torch_graph.trace import evaluating

FRAMES = 64  # inputs that are measured
SAMPLES = 1 << 12  # sums of a layer that are measured
SEED = 0


def reconstruction(
    state: PruningState, graph: FloatGraph, groups: ChannelGroups
) -> dict[int, float]:
    """Return each channel's place in the order of removal.

    Raises
    ------
    HwgenError : no calibration data
    """
    frames = real_inputs(state, "Importance reconstruction", FRAMES)
    taken = {name for layer in graph.layers for name in layer.inputs}
    values: dict[str, Tensor] = {}
    with evaluating(state.model):

        def watch(layer: FloatNode, value: Tensor) -> None:
            if layer.path in taken:
                values[layer.path] = value

        graph.run(frames, watch)
        scores: dict[int, float] = {}
        for channels in groups.removable().values():
            gram = _gram(channels, graph, groups, values)
            for place, index in enumerate(greedy_order(gram)):
                scores[channels[index]] = float(place)
    return scores


def greedy_order(gram: Tensor) -> list[int]:
    """Return the order in which channels go.

    Parameters
    ----------
    gram : (channels, channels), the products of what each has a share in
    """
    left = list(range(len(gram)))
    order: list[int] = []
    with_gone = torch.zeros(len(gram), dtype=gram.dtype)
    while left:
        # || gone + v ||**2 = || gone ||**2 + 2 * gone . v + || v ||**2
        best = min(left, key=lambda c: float(2 * with_gone[c] + gram[c, c]))
        left.remove(best)
        order.append(best)
        with_gone += gram[best]
    return order


def _gram(
    channels: list[int], graph: FloatGraph, groups: ChannelGroups, values: dict[str, Tensor]
) -> Tensor:
    gram = torch.zeros(len(channels), len(channels), dtype=torch.float64)
    for layer in graph.layers:
        module = layer.module
        if not isinstance(module, WEIGHTED) or is_depthwise(module):
            continue
        own = groups.of(layer.inputs[0])
        if set(own).isdisjoint(channels):
            continue
        rows = _shares(module, values[layer.inputs[0]], own, channels)
        gram += rows @ rows.T
    return gram


def _shares(module: nn.Module, x: Tensor, own: list[int], channels: list[int]) -> Tensor:
    """Return what some channels give to a sample of a layer's sums, (channels, samples) float64.

    Parameters
    ----------
    x : what enters the layer, (inputs, channels, ...)
    own : the number of each channel of x
    channels : numbers to say it of
    """
    bias = module(torch.zeros_like(x[:1]))  # which is no channel's
    generator = torch.Generator().manual_seed(SEED)
    numbers = torch.tensor(own)
    rows, chosen = [], None
    for channel in channels:
        part = torch.zeros_like(x)
        part[:, numbers == channel] = x[:, numbers == channel]
        sums = (module(part) - bias).double().flatten()
        if chosen is None:
            chosen = torch.randperm(len(sums), generator=generator)[:SAMPLES]
        rows.append(sums[chosen])
    return torch.stack(rows)
