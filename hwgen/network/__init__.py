"""The integer dataflow graph: ops, graph, inference, text form and store."""

__all__ = [
    "OPS",
    "Conv2d",
    "Flatten",
    "Input",
    "Linear",
    "MaxPool2d",
    "Network",
    "Node",
    "Op",
    "Requantize",
    "Tensor",
    "load",
    "save",
]

from hwgen.network.graph import Network, Node
from hwgen.network.inference import Tensor
from hwgen.network.ops import (
    OPS,
    Conv2d,
    Flatten,
    Input,
    Linear,
    MaxPool2d,
    Op,
    Requantize,
)
from hwgen.network.store import load, save
