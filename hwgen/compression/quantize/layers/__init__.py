"""Layers that give accumulators: convolution, fully connected, average pool, sum; and the joins.

In `train()` they compute in float32, on fake-quantized weights. In `eval()` they compute what the
hardware computes: each takes scale * (q - zero_point) in float64, recovers the integers, and
works on those, exactly. Accumulators stay below 2**50, so that float64 holds every partial sum.
"""

__all__ = [
    "QuantAbove",
    "QuantAdd",
    "QuantAffine",
    "QuantAvgPool",
    "QuantConcat",
    "QuantConv",
    "QuantConv1d",
    "QuantConv2d",
    "QuantHostLayer",
    "QuantLinear",
    "QuantMaximum",
    "QuantMinimum",
    "QuantMultiply",
    "QuantPositionScale",
    "QuantRearrange",
    "QuantTable",
    "QuantZeroPad",
    "Weighted",
]

from hwgen.compression.quantize.layers.add import QuantAdd
from hwgen.compression.quantize.layers.concat import QuantConcat, QuantMaximum, QuantMinimum
from hwgen.compression.quantize.layers.ends import QuantAbove, QuantHostLayer
from hwgen.compression.quantize.layers.pairs import QuantMultiply
from hwgen.compression.quantize.layers.pools import QuantAvgPool, QuantPositionScale, QuantZeroPad
from hwgen.compression.quantize.layers.rearrange import QuantRearrange
from hwgen.compression.quantize.layers.table import QuantTable
from hwgen.compression.quantize.layers.weighted import (
    QuantAffine,
    QuantConv,
    QuantConv1d,
    QuantConv2d,
    QuantLinear,
    Weighted,
)
