"""What functions of one value are: clamps between two real numbers, and curves of any other shape.

A clamp is part of the requantizer before it; a curve becomes a table.
"""

__all__ = ["CLAMPS", "CURVES", "SCALABLE", "Interval", "clamp_of"]

from collections.abc import Callable
from math import inf
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwgen.torch_graph.modules.elementwise import Clamp, Elementwise

Interval = tuple[float, float]  # of real numbers; ends may be infinite

CLAMPS: dict[type[nn.Module], Callable[[Any], Interval]] = {
    nn.ReLU: lambda m: (0.0, inf),
    nn.ReLU6: lambda m: (0.0, 6.0),
    nn.Hardtanh: lambda m: (float(m.min_val), float(m.max_val)),
    Clamp: lambda m: (float(m.lo), float(m.hi)),
}

CURVES: dict[type[nn.Module], Callable[[Any, Tensor], Tensor]] = {
    nn.LeakyReLU: lambda m, x: F.leaky_relu(x, m.negative_slope),
    nn.PReLU: lambda m, x: F.prelu(x, m.weight.to(x.dtype)),
    nn.RReLU: lambda m, x: F.leaky_relu(x, (m.lower + m.upper) / 2),  # as in evaluation
    nn.ELU: lambda m, x: F.elu(x, m.alpha),
    nn.CELU: lambda m, x: F.celu(x, m.alpha),
    nn.SELU: lambda m, x: F.selu(x),
    nn.Sigmoid: lambda m, x: torch.sigmoid(x),
    nn.LogSigmoid: lambda m, x: F.logsigmoid(x),
    nn.Tanh: lambda m, x: torch.tanh(x),
    nn.Hardsigmoid: lambda m, x: F.hardsigmoid(x),
    nn.Softplus: lambda m, x: F.softplus(x, m.beta, m.threshold),
    nn.Softsign: lambda m, x: F.softsign(x),
    nn.GELU: lambda m, x: F.gelu(x, approximate=m.approximate),
    nn.SiLU: lambda m, x: F.silu(x),
    nn.Hardswish: lambda m, x: F.hardswish(x),
    nn.Mish: lambda m, x: F.mish(x),
    nn.Tanhshrink: lambda m, x: F.tanhshrink(x),
    nn.Softshrink: lambda m, x: F.softshrink(x, m.lambd),
    nn.Hardshrink: lambda m, x: F.hardshrink(x, m.lambd),
    nn.Threshold: lambda m, x: F.threshold(x, m.threshold, m.value),
    Elementwise: lambda m, x: m.function(x),
}

# f(a * x) = a * f(x) for every positive a
SCALABLE = (nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.RReLU)


def clamp_of(module: nn.Module) -> Interval | None:
    """Return the ends between which a module clamps, None where it is no clamp."""
    known = CLAMPS.get(type(module))
    return None if known is None else known(module)
