"""Modules of our own, for what a forward computes without one."""

__all__ = ["Add", "ArgMax", "AvgPool", "Concat", "MaxPool", "PositionScale", "Rearrange", "ZeroPad"]

from hwgen.torch_graph.modules.joins import Add, Concat
from hwgen.torch_graph.modules.rearrange import Rearrange
from hwgen.torch_graph.modules.values import ArgMax
from hwgen.torch_graph.modules.windows import AvgPool, MaxPool, PositionScale, ZeroPad
