"""Quantizers of weights: one interface, one file a method."""

__all__ = ["BoundedWeights", "LinearWeights", "WeightQuantizer", "largest_bias", "make_weights"]

from hwgen.compression.quantize.weights.base import WeightQuantizer
from hwgen.compression.quantize.weights.bounded import BoundedWeights, largest_bias
from hwgen.compression.quantize.weights.linear import LinearWeights
from hwgen.compression.quantize.weights.make import make_weights
