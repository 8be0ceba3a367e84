"""Modules of our own, for what a forward computes without one."""

__all__ = ["Above", "Add", "ArgMax", "Concat", "HostLayer"]

from hwgen.torch_graph.modules.ends import HostLayer
from hwgen.torch_graph.modules.joins import Add, Concat
from hwgen.torch_graph.modules.values import Above, ArgMax
