"""Functions and methods that a forward calls, as modules of the same meaning."""

__all__ = [
    "Call",
    "host_layer_of",
    "is_comparison",
    "is_host_call",
    "is_size",
    "modules_of",
    "operands",
    "takes_constants",
]

import operator

from torch import fx

from hwgen.torch_graph.functions.activations import ACTIVATIONS
from hwgen.torch_graph.functions.arithmetic import ARITHMETIC
from hwgen.torch_graph.functions.call import Call, Calls, Modules, first
from hwgen.torch_graph.functions.ends import (
    COMPARISONS,
    host_layer_of,
    is_comparison,
    is_host_call,
)
from hwgen.torch_graph.functions.joins import JOINS
from hwgen.torch_graph.functions.pads import PADS
from hwgen.torch_graph.functions.pools import POOLS
from hwgen.torch_graph.functions.shapes import SHAPES

FUNCTIONS: Calls = {**ACTIVATIONS, **ARITHMETIC, **JOINS, **SHAPES, **POOLS, **PADS, **COMPARISONS}


def is_size(node: fx.Node) -> bool:
    """Say whether the node is about a shape: x.size(), x.size(0), x.shape, x.shape[0]."""
    if node.op == "call_method":
        return node.target == "size"
    if node.op != "call_function":
        return False
    if node.target is getattr:
        return node.args[1] == "shape"
    return node.target is operator.getitem and _is_node_size(node.args[0])


def operands(node: fx.Node) -> list[object]:
    """Return what a call takes as tensors: of adding both sides, of torch.cat the list."""
    if node.op == "call_module" or node.target not in FUNCTIONS:  # a module, whatever its name
        return first(node)
    return FUNCTIONS[node.target].operands(node)


def modules_of(call: Call) -> Modules | None:
    """Return modules that, one after another, mean what a call does; None if there are none."""
    known = FUNCTIONS.get(call.node.target)
    return None if known is None else known.modules(call)


def takes_constants(node: fx.Node) -> bool:
    """Say whether operands of a call may be constants."""
    known = FUNCTIONS.get(node.target)
    return node.op != "call_module" and known is not None and known.constants


def _is_node_size(value: object) -> bool:
    return isinstance(value, fx.Node) and is_size(value)
