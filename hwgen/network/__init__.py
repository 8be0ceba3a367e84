"""The integer dataflow graph: ops, graph, inference, text form and store."""

__all__ = [
    "OPS",
    "Add",
    "ArgMax",
    "AvgPool2d",
    "Concat",
    "Conv2d",
    "Flatten",
    "Gather",
    "Input",
    "Linear",
    "MaxPool2d",
    "Network",
    "Node",
    "Op",
    "Pad",
    "Permute",
    "PixelShuffle",
    "PixelUnshuffle",
    "Requantize",
    "Reshape",
    "Size",
    "Slice",
    "Tensor",
    "Threshold",
    "Upsample",
    "load",
    "save",
]

from hwgen.network.graph import Network, Node
from hwgen.network.inference import Tensor
from hwgen.network.ops import (
    OPS,
    Add,
    ArgMax,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Gather,
    Input,
    Linear,
    MaxPool2d,
    Op,
    Pad,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    Requantize,
    Reshape,
    Slice,
    Threshold,
    Upsample,
)
from hwgen.network.size import Size
from hwgen.network.store import load, save
