"""Parameters, MACs and bits of a model, counted as its integer network will have them."""

__all__ = ["Counts", "count"]

import math
from dataclasses import dataclass

from torch import nn

from hwgen.compression.quantize.layers import Weighted
from hwgen.torch_graph.float_graph import FloatGraph, FloatNode, Shape
from hwgen.torch_graph.support import TRANSPOSED, WEIGHTED

FLOAT_BITS = 32


@dataclass(frozen=True)
class Counts:
    """Size of a network.

    parameters : weights, and one bias per output channel (batch norm is folded into them)
    macs : multiplications of one input; taps on the padding count
    bits : that parameters are stored in, zeros included: of a float model 32 each; of a quantized
        one weights in their formats with their codebooks, biases as wide as the layer's largest
    """

    parameters: int
    macs: int
    bits: int


def count(graph: FloatGraph) -> Counts:
    """Return the counts of the graph of a float model, or of a `QuantModel`."""
    layers = [la for la in graph.layers if isinstance(la.module, (*WEIGHTED, Weighted))]
    weights = [layer.module.get_parameter("weight") for layer in layers]
    shapes = {**graph.entries, **{layer.path: layer.shape for layer in graph.layers}}
    return Counts(
        parameters=sum(weight.numel() + weight.shape[0] for weight in weights),
        macs=sum(
            math.prod(_shape(layer, shapes)) * math.prod(weight.shape[1:])
            for layer, weight in zip(layers, weights, strict=True)
        ),
        bits=sum(_bits(layer.module) for layer in layers),
    )


def _shape(layer: FloatNode, shapes: dict[str, Shape]) -> Shape:
    """Return how often a layer uses each of its weights: once an output, or an input."""
    if isinstance(layer.module, TRANSPOSED):
        return layer.shape[0], *shapes[layer.inputs[0]][1:]
    return layer.shape


def _bits(module: nn.Module) -> int:
    weight = module.get_parameter("weight")
    if not isinstance(module, Weighted):
        return FLOAT_BITS * (weight.numel() + weight.shape[0])
    format, biases = module.format, module.integer_bias().tolist()
    width = max(int(bias if bias >= 0 else ~bias).bit_length() + 1 for bias in map(int, biases))
    return weight.numel() * format.storage_bits + format.table_bits + width * len(biases)
