"""What is zero in a model, by kind, counted as its integer network will have it."""

__all__ = ["Sparsity", "Zeros", "sparsity"]

from dataclasses import dataclass

import torch
from torch import Tensor

from hwgen.compression.prune.channel_groups import WEIGHTED
from hwgen.compression.prune.stripes import has_stripes
from hwgen.compression.quantize.layers import QuantConv, Weighted
from hwgen.torch_graph.float_graph import FloatGraph


@dataclass(frozen=True)
class Zeros:
    """How many are zero, of how many."""

    zero: int
    total: int

    @property
    def share(self) -> float:
        """Share of zeros, 0 of nothing."""
        return self.zero / self.total if self.total else 0.0


@dataclass(frozen=True)
class Sparsity:
    """Zeros of all convolutions and linear layers; of a quantized model, of its integers.

    Attributes
    ----------
    weights : single ones
    filters : all weights of an output channel
    channels : all weights of an input channel (or feature), in every filter
    shapes : a tap (channel, kh, kw), in every filter
    stripes : a position (kh, kw) of a filter, of convolutions of more than one tap
    """

    weights: Zeros
    filters: Zeros
    channels: Zeros
    shapes: Zeros
    stripes: Zeros


@torch.no_grad()
def sparsity(graph: FloatGraph) -> Sparsity:
    """Return the zeros of the graph of a float model, or of a `QuantModel`."""
    found: dict[str, list[Tensor]] = {
        name: [] for name in ("weights", "filters", "channels", "shapes", "stripes")
    }
    for weight, striped in _weights(graph):
        zero = weight == 0
        found["weights"].append(zero)
        found["filters"].append(zero.all((1, 2)))
        found["channels"].append(zero.all(2).all(0))
        found["shapes"].append(zero.all(0))
        if striped:
            found["stripes"].append(zero.all(1))
    return Sparsity(
        **{
            name: Zeros(sum(int(m.sum()) for m in masks), sum(m.numel() for m in masks))
            for name, masks in found.items()
        }
    )


def _weights(graph: FloatGraph) -> list[tuple[Tensor, bool]]:
    """Return each layer's weights, (filters, channels, taps), and whether it has stripes."""
    pairs: list[tuple[Tensor, bool]] = []
    for module in (layer.module for layer in graph.layers):
        if isinstance(module, Weighted):
            weight = module.integer_weight()
            striped = isinstance(module, QuantConv) and weight[0, 0].numel() > 1
            pairs.append((weight, striped))
        elif isinstance(module, WEIGHTED):
            pairs.append((module.get_parameter("weight"), has_stripes(module)))
    return [(w.flatten(2) if w.dim() > 2 else w[:, :, None], striped) for w, striped in pairs]
