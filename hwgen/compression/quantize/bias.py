"""Bias correction: takes out the shift that quantization gives the mean of a layer's output.

    b <- b + E[W x] - E[W' x']

with W' x' the quantized layer on what the quantized layers before it give, already corrected, and
the expectation over the calibration data: Nagel et al., "Data-Free Quantization Through Weight
Equalization and Bias Correction" (ICCV 2019), section 4.2, empirically as in its appendix D.
"""

__all__ = ["correct_bias"]

from collections.abc import Sequence

import torch
from torch import Tensor

from hwgen.compression.quantize.layers import Weighted
from hwgen.torch_graph.batches import Batch, joined, mapped
from hwgen.torch_graph.float_graph import FloatGraph, FloatNode
from hwgen.torch_graph.modules import Affine
from hwgen.torch_graph.support import WEIGHTED

INPUTS = 256  # of the calibration data, as many as are kept at every layer


@torch.no_grad()
def correct_bias(graph: FloatGraph, quantized: FloatGraph, batches: Sequence[Batch]) -> None:
    """Change the biases of quantized layers, in their order.

    Parameters
    ----------
    graph : of float layers, of the same paths
    quantized : of quantized layers, in evaluation mode
    batches : of the calibration data
    """
    every = joined(batches)
    x = mapped(every, lambda t: t[:: -(-t.shape[0] // INPUTS)])
    means: dict[str, Tensor] = {}

    def note(layer: FloatNode, value: Tensor) -> None:
        if isinstance(layer.module, (*WEIGHTED, Affine)):
            means[layer.path] = _mean(value)

    graph.run(x, note)
    values = quantized.entering(x)
    for layer in quantized.layers:
        inputs = [values[name] for name in layer.inputs]
        value = layer.module(*inputs)
        if isinstance(layer.module, Weighted):
            shift = means[layer.path] - _mean(value)
            layer.module.bias.add_(shift)
            value = layer.module(*inputs)
        values[layer.path] = value


def _mean(value: Tensor) -> Tensor:
    """Return the mean of each channel, (channels,) float64."""
    return value.double().transpose(0, 1).flatten(1).mean(1)
