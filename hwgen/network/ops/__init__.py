"""The ops of a network: frozen data, no behaviour.

What an op means is said once per meaning, in tables keyed by the op's class: shape and range
(`network.inference`), golden (`golden`), and hardware (`planning`, `codegen`). A test holds every
table to cover every op of `OPS`.

Arrays are int64 (weights, biases, multipliers, shifts, thresholds) or float64 (scales) and
read-only.
"""

__all__ = [
    "MAX_CHANNELS",
    "MAX_ELEMENTS",
    "OPS",
    "ROUNDINGS",
    "Add",
    "ArgMax",
    "AvgPool2d",
    "Concat",
    "Conv2d",
    "Flatten",
    "FloatArray",
    "Gather",
    "Input",
    "IntArray",
    "Linear",
    "MaxPool2d",
    "Op",
    "Pad",
    "Permute",
    "PixelShuffle",
    "PixelUnshuffle",
    "Requantize",
    "Reshape",
    "Slice",
    "Threshold",
    "Upsample",
    "same_op",
]

from hwgen.network.fields import FloatArray, IntArray
from hwgen.network.ops.base import MAX_CHANNELS, MAX_ELEMENTS, Op, same_op
from hwgen.network.ops.entry import Input
from hwgen.network.ops.joins import Add, Concat
from hwgen.network.ops.pools import AvgPool2d, MaxPool2d
from hwgen.network.ops.rearrange import (
    Gather,
    Pad,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    Reshape,
    Slice,
    Upsample,
)
from hwgen.network.ops.shapes import Flatten
from hwgen.network.ops.values import ROUNDINGS, ArgMax, Requantize, Threshold
from hwgen.network.ops.weighted import Conv2d, Linear

OPS: tuple[type[Op], ...] = (
    Input,
    Conv2d,
    Linear,
    MaxPool2d,
    AvgPool2d,
    Add,
    Concat,
    Flatten,
    Requantize,
    Threshold,
    ArgMax,
    Pad,
    Slice,
    Permute,
    Reshape,
    Upsample,
    PixelShuffle,
    PixelUnshuffle,
    Gather,
)
