"""Functions of one value."""

__all__ = ["ACTIVATIONS"]

import torch
import torch.nn.functional as F
from torch import nn

from hwgen.torch_graph.functions.call import Call, Calls, Function, Modules


def _dropout(call: Call) -> Modules | None:
    return None if call.argument(2, "training", True) else (nn.Identity(),)


_RELU = Function(lambda call: (nn.ReLU(),))
ACTIVATIONS: Calls = {
    **dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_, "relu", "relu_"), _RELU),
    F.dropout: Function(_dropout),
    F.dropout2d: Function(_dropout),
}
