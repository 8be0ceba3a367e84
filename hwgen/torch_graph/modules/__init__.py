"""Modules of our own, for what a forward computes without one."""

__all__ = ["Add", "ArgMax", "Clamp", "Concat", "Elementwise"]

from hwgen.torch_graph.modules.elementwise import Clamp, Elementwise
from hwgen.torch_graph.modules.joins import Add, Concat
from hwgen.torch_graph.modules.values import ArgMax
