"""Functions and methods that a forward calls, as modules of the same meaning."""

__all__ = ["is_size", "modules_of", "operands"]

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from hwgen.torch_graph.float_graph import Add, ArgMax, Concat
from hwgen.torch_graph.tracer import RESHAPING

RELU = (F.relu, F.relu_, torch.relu, torch.relu_, "relu", "relu_")
ADD = (operator.add, operator.iadd, torch.add, "add", "add_")
CAT = (torch.cat, torch.concat, torch.concatenate)


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
    found: list[object] = [*node.all_input_nodes]
    if node.op == "call_module":  # whatever its name
        return found[:1]
    if node.target in ADD:
        return [_argument(node, 0, "input", None), _argument(node, 1, "other", None)]
    if node.target in CAT:
        values = _argument(node, 0, "tensors", ())
        return list(values) if isinstance(values, (list, tuple)) else [values]
    return found[:1]


def modules_of(node: fx.Node, dimensions: int | None) -> tuple[nn.Module, ...] | None:
    """Return modules that, one after another, mean what a call does; None if there are none.

    Parameters
    ----------
    dimensions : of its first input with the batch, None if it is not known
    """
    target = node.target
    if target in RELU:
        return (nn.ReLU(),)
    if target in ADD:
        return (Add(),) if set(node.kwargs) <= {"input", "other"} else None
    if target in CAT:
        dim = _argument(node, 1, "dim", node.kwargs.get("axis", 0))
        return (Concat(),) if _is_channels(dim, dimensions) else None
    if target in (torch.argmax, "argmax"):
        keepdim = bool(_argument(node, 2, "keepdim", False))
        dim = _argument(node, 1, "dim", None)
        return (ArgMax(keepdim),) if _is_channels(dim, dimensions) else None
    if target in RESHAPING:  # those that flatten are written torch.flatten(x, 1) by the tracer
        flattens = target is torch.flatten and node.args[1:] == (1,)
        return (nn.Flatten(),) if flattens or dimensions is None else None
    if target in (F.dropout, F.dropout2d) and not _argument(node, 2, "training", True):
        return (nn.Identity(),)
    return _pool(node)


def _pool(node: fx.Node) -> tuple[nn.Module, ...] | None:
    target = node.target
    if target in (F.max_pool2d, torch.max_pool2d):
        kernel = _argument(node, 1, "kernel_size", None)
        pool = nn.MaxPool2d(
            kernel,
            _argument(node, 2, "stride", None) or kernel,
            _argument(node, 3, "padding", 0),
            _argument(node, 4, "dilation", 1),
            _argument(node, 6, "return_indices", False),
            _argument(node, 5, "ceil_mode", False),
        )
        return (pool,)
    if target is F.avg_pool2d:
        kernel = _argument(node, 1, "kernel_size", None)
        average = nn.AvgPool2d(
            kernel,
            _argument(node, 2, "stride", None) or kernel,
            _argument(node, 3, "padding", 0),
            _argument(node, 4, "ceil_mode", False),
            _argument(node, 5, "count_include_pad", True),
            _argument(node, 6, "divisor_override", None),
        )
        return (average,)
    if target is F.adaptive_avg_pool2d:
        return (nn.AdaptiveAvgPool2d(_argument(node, 1, "output_size", None)),)
    if target in (torch.mean, "mean"):
        dims = _argument(node, 1, "dim", None)
        if not isinstance(dims, (tuple, list)) or "dtype" in node.kwargs:
            return None
        if sorted(d % 4 for d in dims if isinstance(d, int)) != [2, 3]:
            return None
        keepdim = bool(_argument(node, 2, "keepdim", False))
        return (nn.AdaptiveAvgPool2d(1),) if keepdim else (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return None


def _is_channels(dim: object, dimensions: int | None) -> bool:
    if not isinstance(dim, int) or isinstance(dim, bool):
        return False
    return dim == 1 or (dim < 0 and dimensions is not None and dim + dimensions == 1)


def _is_node_size(value: object) -> bool:
    return isinstance(value, fx.Node) and is_size(value)


def _argument(node: fx.Node, position: int, name: str, default: Any) -> Any:
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)
