"""Quantizers of weights: one interface, one file a method."""

__all__ = [
    "AsymmetricWeights",
    "BinaryWeights",
    "BoundedWeights",
    "CodebookWeights",
    "LevelWeights",
    "LinearWeights",
    "PowerOfTwoWeights",
    "TernaryWeights",
    "WeightQuantizer",
    "factor_format",
    "freeze_weights",
    "largest_bias",
    "levels_of",
    "make_weights",
]

from hwgen.compression.quantize.weights.asymmetric import AsymmetricWeights
from hwgen.compression.quantize.weights.base import WeightQuantizer
from hwgen.compression.quantize.weights.binary import BinaryWeights
from hwgen.compression.quantize.weights.bounded import BoundedWeights, largest_bias
from hwgen.compression.quantize.weights.codebook import CodebookWeights
from hwgen.compression.quantize.weights.levels import LevelWeights, levels_of
from hwgen.compression.quantize.weights.linear import LinearWeights
from hwgen.compression.quantize.weights.make import factor_format, make_weights
from hwgen.compression.quantize.weights.power_of_two import PowerOfTwoWeights, freeze_weights
from hwgen.compression.quantize.weights.ternary import TernaryWeights
