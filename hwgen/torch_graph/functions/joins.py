"""Concatenation, and the largest of all values."""

__all__ = ["JOINS"]

import torch
from torch import fx

from hwgen.torch_graph.functions.call import Call, Calls, Function, Modules, argument, is_channels
from hwgen.torch_graph.modules import ArgMax, Concat


def _list(node: fx.Node) -> list[object]:
    values = argument(node, 0, "tensors", ())
    return list(values) if isinstance(values, (list, tuple)) else [values]


def _cat(call: Call) -> Modules | None:
    dim = call.argument(1, "dim", call.node.kwargs.get("axis", 0))
    return (Concat(),) if is_channels(dim, call.dimensions) else None


def _argmax(call: Call) -> Modules | None:
    keepdim = bool(call.argument(2, "keepdim", False))
    return (ArgMax(keepdim),) if is_channels(call.argument(1, "dim"), call.dimensions) else None


JOINS: Calls = {
    **dict.fromkeys((torch.cat, torch.concat, torch.concatenate), Function(_cat, _list)),
    torch.argmax: Function(_argmax),
    "argmax": Function(_argmax),
}
