"""Quantization: fake quantizers that train in float32 and evaluate in exact integers."""

__all__ = [
    "QuantActivation",
    "QuantAdd",
    "QuantAvgPool2d",
    "QuantConcat",
    "QuantConv2d",
    "QuantInput",
    "QuantLinear",
    "QuantModel",
    "QuantSign",
    "Quantizer",
    "Weighted",
    "check_quantizing",
    "fold_batch_norm",
    "freeze_weights",
    "quantize_layers",
]

from hwgen.compression.quantize.convert import check_quantizing, quantize_layers
from hwgen.compression.quantize.fold import fold_batch_norm
from hwgen.compression.quantize.layers import (
    QuantAdd,
    QuantAvgPool2d,
    QuantConcat,
    QuantConv2d,
    QuantLinear,
    Weighted,
)
from hwgen.compression.quantize.model import QuantModel
from hwgen.compression.quantize.quantizers import QuantActivation, QuantInput, Quantizer
from hwgen.compression.quantize.sign import QuantSign
from hwgen.compression.quantize.weights import freeze_weights
