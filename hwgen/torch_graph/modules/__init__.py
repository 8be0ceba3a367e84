"""Modules of our own, for what a forward computes without one."""

__all__ = ["Add", "ArgMax", "Concat", "Rearrange", "TransposedConv1d", "TransposedConv2d"]

from hwgen.torch_graph.modules.joins import Add, Concat
from hwgen.torch_graph.modules.rearrange import Rearrange
from hwgen.torch_graph.modules.transposed import TransposedConv1d, TransposedConv2d
from hwgen.torch_graph.modules.values import ArgMax
