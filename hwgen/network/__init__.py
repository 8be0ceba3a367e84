"""The integer dataflow graph: ops, graph, inference, text form and store."""

__all__ = [
    "OPS",
    "Add",
    "Affine",
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
    "Maximum",
    "Minimum",
    "Multiply",
    "Network",
    "Node",
    "Op",
    "Requantize",
    "Size",
    "Table",
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
    Affine,
    ArgMax,
    AvgPool1d,
    AvgPool2d,
    Concat,
    Conv1d,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Maximum,
    MaxPool1d,
    MaxPool2d,
    Minimum,
    Multiply,
    Op,
    Requantize,
    Table,
    Threshold,
)
from hwgen.network.size import Size
from hwgen.network.store import load, save
