"""What the host may compute where nothing but the output comes after it."""

__all__ = ["host_layer_of", "is_host_call"]

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from hwgen.torch_graph.functions.call import argument
from hwgen.torch_graph.modules import HostLayer

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
