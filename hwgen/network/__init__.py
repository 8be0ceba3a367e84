"""The integer dataflow graph: ops, graph, inference, text form and store."""

__all__ = [
    "OPS",
    "Add",
    "ArgMax",
    "AvgPool2d",
    "Concat",
    "Conv2d",
    "Flatten",
    "HostStep",
    "Input",
    "Linear",
    "MaxPool2d",
    "Network",
    "Node",
    "Op",
    "Output",
    "Requantize",
    "Size",
    "Tensor",
    "Threshold",
    "load",
    "save",
]

from hwgen.network.ends import Output
from hwgen.network.graph import Network, Node
from hwgen.network.host_steps import HostStep
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
    Threshold,
)
from hwgen.network.size import Size
from hwgen.network.store import load, save
