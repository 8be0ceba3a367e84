"""What may be the last: what the host computes of outputs, and comparisons with a number."""

__all__ = ["COMPARISONS", "host_layer_of", "is_comparison", "is_host_call"]

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from hwgen.torch_graph.functions.call import Call, Calls, Function, Modules, argument
from hwgen.torch_graph.modules import Above, HostLayer

Shape = tuple[int, ...]

MODULES: dict[type[nn.Module], str] = {
    nn.Softmax: "softmax",
    nn.LogSoftmax: "log_softmax",
    nn.Softmin: "softmin",
    nn.Softmax2d: "softmax",
    nn.Sigmoid: "sigmoid",
    nn.LogSigmoid: "log_sigmoid",
}
FUNCTIONS: dict[Any, str] = {
    **dict.fromkeys((torch.softmax, F.softmax, "softmax"), "softmax"),
    **dict.fromkeys((torch.log_softmax, F.log_softmax, "log_softmax"), "log_softmax"),
    F.softmin: "softmin",
    **dict.fromkeys((torch.sigmoid, F.sigmoid, torch.special.expit, "sigmoid"), "sigmoid"),
    F.logsigmoid: "log_sigmoid",
}
ALONE = ("sigmoid", "log_sigmoid")
Get = Callable[[str], nn.Module]


STRICT = (operator.gt, torch.gt, torch.greater, "gt", "greater")
LOOSE = (operator.ge, torch.ge, torch.greater_equal, "ge", "greater_equal")
TYPES = ("float", "double", "int", "long", "bool")  # of what a comparison gives


def is_comparison(node: fx.Node) -> bool:
    """Say whether a call compares with a bound, or gives what one says another type."""
    if node.op == "call_method" and node.target in TYPES:
        return all(is_comparison(source) for source in node.all_input_nodes)
    return node.op in ("call_function", "call_method") and node.target in (*STRICT, *LOOSE)


def _above(strict: bool, call: Call) -> Modules | None:
    bound = call.argument(1, "other")
    known = isinstance(bound, int | float) and not isinstance(bound, bool)
    return (Above(bound, strict),) if known and isinstance(call.node.args[0], fx.Node) else None


def _typed(call: Call) -> Modules | None:
    return (nn.Identity(),) if is_comparison(call.node) else None


COMPARISONS: Calls = {
    **dict.fromkeys(STRICT, Function(partial(_above, True))),
    **dict.fromkeys(LOOSE, Function(partial(_above, False))),
    **dict.fromkeys(TYPES, Function(_typed)),
}


def is_host_call(node: fx.Node, get_module: Get) -> bool:
    """Say whether a call is of something that the host may compute."""
    if node.op == "call_module":
        return type(get_module(str(node.target))) in MODULES
    return node.op in ("call_function", "call_method") and node.target in FUNCTIONS


def host_layer_of(node: fx.Node, get_module: Get, shape: Shape | None) -> HostLayer | None:
    """Return what the host computes for a call, or None where it knows nothing of the kind.

    Parameters
    ----------
    get_module : the user's module of a path
    shape : of the value that the call takes, without the batch; None where it is not known
    """
    if node.op == "call_module":
        module = get_module(str(node.target))
        kind, dim = MODULES.get(type(module)), getattr(module, "dim", None)
        typed = None
    else:
        kind, dim = FUNCTIONS.get(node.target), argument(node, 1, "dim")
        typed = node.kwargs.get("dtype")
    if kind is None or typed is not None:
        return None
    if kind in ALONE:
        return HostLayer(kind)
    if shape is None:
        return None
    dim = 1 if dim is None else dim  # as torch chooses it for 2 and 4 dimensions
    if not isinstance(dim, int):
        return None
    axis = dim - 1 if dim > 0 else dim + len(shape)
    return HostLayer(kind, axis) if 0 <= axis < len(shape) and dim != 0 else None
