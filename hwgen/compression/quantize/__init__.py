"""Quantization: fake quantizers that train in float32 and evaluate in exact integers."""

__all__ = [
    "ACCUMULATING",
    "QuantAbove",
    "QuantActivation",
    "QuantAdd",
    "QuantAvgPool2d",
    "QuantConcat",
    "QuantConv2d",
    "QuantHostLayer",
    "QuantInput",
    "QuantLinear",
    "QuantModel",
    "QuantSign",
    "QuantizationPoint",
    "Quantizer",
    "Weighted",
    "check_quantizing",
    "equalizable",
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
    QuantAvgPool2d,
    QuantConcat,
    QuantConv2d,
    QuantHostLayer,
    QuantLinear,
    Weighted,
)
from hwgen.compression.quantize.model import QuantModel, quant_graph_of, quant_inputs, run_watched
from hwgen.compression.quantize.points import ACCUMULATING, QuantizationPoint
from hwgen.compression.quantize.quantizers import QuantActivation, QuantInput, Quantizer
from hwgen.compression.quantize.sign import QuantSign
from hwgen.compression.quantize.weights import freeze_weights
