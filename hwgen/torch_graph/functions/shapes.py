"""Functions that change the shape of a value, or the order of its elements."""

__all__ = ["SHAPES"]

import torch
from torch import nn

from hwgen.torch_graph.functions.call import Call, Calls, Function, Modules
from hwgen.torch_graph.tracer import RESHAPING


def _reshape(call: Call) -> Modules | None:
    """Those that flatten are written torch.flatten(x, 1) by the tracer."""
    flattens = call.node.target is torch.flatten and call.node.args[1:] == (1,)
    return (nn.Flatten(),) if flattens or call.dimensions is None else None


SHAPES: Calls = dict.fromkeys(RESHAPING, Function(_reshape))
