"""Modules of our own, for what a forward computes without one."""

__all__ = [
    "Above",
    "Add",
    "Affine",
    "ArgMax",
    "AvgPool",
    "Clamp",
    "Concat",
    "Elementwise",
    "HostLayer",
    "MaxPool",
    "Maximum",
    "Minimum",
    "Multiply",
    "PositionScale",
    "Rearrange",
    "TransposedConv1d",
    "TransposedConv2d",
    "ZeroPad",
]

from hwgen.torch_graph.modules.affine import Affine
from hwgen.torch_graph.modules.elementwise import Clamp, Elementwise
from hwgen.torch_graph.modules.ends import HostLayer
from hwgen.torch_graph.modules.joins import Add, Concat, Maximum, Minimum, Multiply
from hwgen.torch_graph.modules.rearrange import Rearrange
from hwgen.torch_graph.modules.transposed import TransposedConv1d, TransposedConv2d
from hwgen.torch_graph.modules.values import Above, ArgMax
from hwgen.torch_graph.modules.windows import AvgPool, MaxPool, PositionScale, ZeroPad
