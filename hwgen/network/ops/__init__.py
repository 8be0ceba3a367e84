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
    "Affine",
    "ArgMax",
    "AvgPool",
    "AvgPool1d",
    "AvgPool2d",
    "Concat",
    "Conv",
    "Conv1d",
    "Conv2d",
    "Factors",
    "Flatten",
    "FloatArray",
    "Gather",
    "Input",
    "IntArray",
    "Linear",
    "MaxPool",
    "MaxPool1d",
    "MaxPool2d",
    "Maximum",
    "Minimum",
    "Multiply",
    "Op",
    "Pad",
    "Padding",
    "Permute",
    "PixelShuffle",
    "PixelUnshuffle",
    "Pool",
    "PositionScale",
    "Requantize",
    "Reshape",
    "Slice",
    "Table",
    "Threshold",
    "Upsample",
    "same_op",
]

from hwgen.network.fields import Factors, FloatArray, IntArray, Padding
from hwgen.network.ops.base import MAX_CHANNELS, MAX_ELEMENTS, Op, same_op
from hwgen.network.ops.entry import Input
from hwgen.network.ops.joins import Add, Concat
from hwgen.network.ops.pairs import Maximum, Minimum, Multiply
from hwgen.network.ops.pools import (
    AvgPool,
    AvgPool1d,
    AvgPool2d,
    MaxPool,
    MaxPool1d,
    MaxPool2d,
    Pool,
    PositionScale,
)
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
from hwgen.network.ops.table import Table
from hwgen.network.ops.values import ROUNDINGS, ArgMax, Requantize, Threshold
from hwgen.network.ops.weighted import Affine, Conv, Conv1d, Conv2d, Linear

OPS: tuple[type[Op], ...] = (
    Input,
    Conv2d,
    Linear,
    Affine,
    MaxPool2d,
    AvgPool2d,
    Add,
    Concat,
    Multiply,
    Maximum,
    Minimum,
    Flatten,
    Requantize,
    Threshold,
    ArgMax,
    Conv1d,
    MaxPool1d,
    AvgPool1d,
    Table,
    PositionScale,
    Pad,
    Slice,
    Permute,
    Reshape,
    Upsample,
    PixelShuffle,
    PixelUnshuffle,
    Gather,
)
