"""Functions of one value."""

__all__ = ["ACTIVATIONS", "MANY", "spellings"]

import operator
from collections.abc import Callable
from math import inf
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwgen.torch_graph.functions.call import Call, Calls, Function, Modules
from hwgen.torch_graph.modules import Clamp, Elementwise

NEEDED = object()  # no default


def _dropout(call: Call) -> Modules | None:
    return None if call.argument(2, "training", True) else (nn.Identity(),)


def _as(kind: Callable[..., nn.Module], **defaults: Any) -> Function:
    """Return a function that is a module of the settings that it is called with.

    Parameters
    ----------
    defaults : the settings behind the value, in their order
    """

    def modules(call: Call) -> Modules | None:
        settings = {
            name: call.argument(place, name, default)
            for place, (name, default) in enumerate(defaults.items(), start=1)
        }
        if any(isinstance(value, fx.Node) or value is NEEDED for value in settings.values()):
            return None
        if not set(call.node.kwargs) <= {*defaults, "input", "self", "inplace"}:
            return None
        return (kind(**settings),)

    return Function(modules)


def _rrelu(call: Call) -> Modules | None:
    lower, upper = call.argument(1, "lower", 1 / 8), call.argument(2, "upper", 1 / 3)
    return None if call.argument(3, "training", False) else (nn.RReLU(lower, upper),)


def _clamp(call: Call) -> Modules | None:
    return _between(call.argument(1, "min"), call.argument(2, "max"))


def _between(lo: Any, hi: Any) -> Modules | None:
    ends = (-inf if lo is None else lo, inf if hi is None else hi)
    if any(isinstance(end, bool) or not isinstance(end, (int, float)) for end in ends):
        return None
    least, most = map(float, ends)
    return (Clamp(least, most),) if least <= most else None


class _Power:
    """x ** exponent, by a constant."""

    def __init__(self, exponent: float):
        self.exponent = exponent

    def __call__(self, x: Tensor) -> Tensor:
        return torch.pow(x, self.exponent)


def _power(call: Call) -> Modules | None:
    exponent = call.argument(1, "exponent")
    if isinstance(exponent, bool) or not isinstance(exponent, (int, float)):
        return None
    return (Elementwise(_Power(exponent)),)


def _square(call: Call) -> Modules | None:
    """A product of a value with itself; of two values it is none."""
    a, b = call.argument(0, "input"), call.argument(1, "other")
    same = isinstance(a, fx.Node) and a is b and set(call.node.kwargs) <= {"input", "other"}
    return (Elementwise(torch.square),) if same else None


MODULES: dict[str, Function] = {  # by the name in torch.nn.functional
    "leaky_relu": _as(nn.LeakyReLU, negative_slope=0.01),
    "rrelu": Function(_rrelu),
    "elu": _as(nn.ELU, alpha=1.0),
    "celu": _as(nn.CELU, alpha=1.0),
    "selu": _as(nn.SELU),
    "sigmoid": _as(nn.Sigmoid),
    "logsigmoid": _as(nn.LogSigmoid),
    "tanh": _as(nn.Tanh),
    "hardsigmoid": _as(nn.Hardsigmoid),
    "softplus": _as(nn.Softplus, beta=1.0, threshold=20.0),
    "softsign": _as(nn.Softsign),
    "gelu": _as(nn.GELU, approximate="none"),
    "silu": _as(nn.SiLU),
    "hardswish": _as(nn.Hardswish),
    "mish": _as(nn.Mish),
    "tanhshrink": _as(nn.Tanhshrink),
    "softshrink": _as(nn.Softshrink, lambd=0.5),
    "hardshrink": _as(nn.Hardshrink, lambd=0.5),
    "threshold": _as(nn.Threshold, threshold=NEEDED, value=NEEDED),
    "relu6": _as(nn.ReLU6),
    "hardtanh": _as(nn.Hardtanh, min_val=-1.0, max_val=1.0),
}
PLAIN = (  # in torch, and methods
    *("abs", "neg", "square", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt"),
    *("rsqrt", "reciprocal", "sign", "sin", "cos", "tan", "sinh", "cosh", "asinh", "atan", "erf"),
    *("sinc", "logit", "floor", "ceil", "trunc", "absolute", "negative"),
)


def spellings(name: str) -> set[Any]:
    """Return what a function is called: in torch, in nn.functional, and as a method."""
    found: set[Any] = set()
    for spelled in (name, f"{name}_"):
        found |= {getattr(home, spelled) for home in (F, torch) if hasattr(home, spelled)}
        found |= {spelled} if hasattr(Tensor, spelled) else set()
    return found


def _plain(function: Callable[[Tensor], Tensor]) -> Function:
    return _as(lambda: Elementwise(function))


MANY: dict[str, Function] = {  # by a name that has several spellings
    **MODULES,
    **{name: _plain(getattr(torch, name)) for name in PLAIN},
    "relu": Function(lambda call: (nn.ReLU(),)),
    "clamp": Function(_clamp),
    "clip": Function(_clamp),
    "clamp_min": Function(lambda call: _between(call.argument(1, "min"), None)),
    "clamp_max": Function(lambda call: _between(None, call.argument(1, "max"))),
    "pow": Function(_power),
}
ACTIVATIONS: Calls = {
    **{spelled: known for name, known in MANY.items() for spelled in spellings(name)},
    F.dropout: Function(_dropout),
    F.dropout2d: Function(_dropout),
    operator.pow: Function(_power),
    operator.neg: _plain(torch.neg),
    operator.abs: _plain(torch.abs),
    **dict.fromkeys(
        (operator.mul, torch.mul, torch.multiply, "mul", "multiply"), Function(_square)
    ),
}
