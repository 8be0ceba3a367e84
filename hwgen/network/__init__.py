"""The integer dataflow graph: ops, graph, inference, text form and store."""

__all__ = [
    "OPS",
    "Add",
    "ArgMax",
    "AvgPool2d",
    "Concat",
    "Conv2d",
    "Flatten",
    "Input",
    "Linear",
    "MaxPool2d",
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
    ArgMax,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Input,
    Linear,
    MaxPool2d,
    Op,
    Requantize,
    Table,
    Threshold,
)
from hwgen.network.size import Size
from hwgen.network.store import load, save
