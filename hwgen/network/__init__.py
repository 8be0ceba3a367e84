"""The integer dataflow graph: ops, graph, inference, text form and store."""

__all__ = [
    "OPS",
    "Add",
    "ArgMax",
    "AvgPool1d",
    "AvgPool2d",
    "Concat",
    "Conv1d",
    "Conv2d",
    "Flatten",
    "Input",
    "Linear",
    "MaxPool1d",
    "MaxPool2d",
    "Network",
    "Node",
    "Op",
    "Requantize",
    "Size",
    "Tensor",
    "Threshold",
    "load",
    "save",
]

from hwgen.network.graph import Network, Node
from hwgen.network.inference import Tensor
from hwgen.network.ops import (
    OPS,
    Add,
    ArgMax,
    AvgPool1d,
    AvgPool2d,
    Concat,
    Conv1d,
    Conv2d,
    Flatten,
    Input,
    Linear,
    MaxPool1d,
    MaxPool2d,
    Op,
    Requantize,
    Threshold,
)
from hwgen.network.size import Size
from hwgen.network.store import load, save
