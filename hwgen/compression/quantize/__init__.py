"""Quantization: fake quantizers that train in float32 and evaluate in exact integers."""

__all__ = [
    "ACCUMULATING",
    "QuantAbove",
    "QuantActivation",
    "QuantAdd",
    "QuantAffine",
    "QuantAvgPool",
    "QuantConcat",
    "QuantConv",
    "QuantConv1d",
    "QuantConv2d",
    "QuantHostLayer",
    "QuantInput",
    "QuantLinear",
    "QuantMaximum",
    "QuantMinimum",
    "QuantModel",
    "QuantMultiply",
    "QuantPositionScale",
    "QuantRearrange",
    "QuantSign",
    "QuantTable",
    "QuantZeroPad",
    "QuantizationPoint",
    "Quantizer",
    "Weighted",
    "check_quantizing",
    "equalizable",
    "expanded_masks",
    "fold_batch_norm",
    "freeze_weights",
    "place_layers",
    "quant_graph_of",
    "quant_inputs",
    "quantize_layers",
    "run_watched",
]

from hwgen.compression.quantize.convert import check_quantizing, place_layers, quantize_layers
from hwgen.compression.quantize.equalize import equalizable
from hwgen.compression.quantize.fold import fold_batch_norm
from hwgen.compression.quantize.layers import (
    QuantAbove,
    QuantAdd,
    QuantAffine,
    QuantAvgPool,
    QuantConcat,
    QuantConv,
    QuantConv1d,
    QuantConv2d,
    QuantHostLayer,
    QuantLinear,
    QuantMaximum,
    QuantMinimum,
    QuantMultiply,
    QuantPositionScale,
    QuantRearrange,
    QuantTable,
    QuantZeroPad,
    Weighted,
)
from hwgen.compression.quantize.model import QuantModel, quant_graph_of, quant_inputs, run_watched
from hwgen.compression.quantize.points import ACCUMULATING, QuantizationPoint
from hwgen.compression.quantize.quantizers import QuantActivation, QuantInput, Quantizer
from hwgen.compression.quantize.sign import QuantSign
from hwgen.compression.quantize.transposed import expanded_masks
from hwgen.compression.quantize.weights import freeze_weights
