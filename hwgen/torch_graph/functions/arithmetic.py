"""Functions of two values, or of a value and a constant: sums, products, the larger and smaller."""

__all__ = ["ADD", "ARITHMETIC"]

import math
import operator

import torch
from torch import Tensor, fx, nn

from hwgen.torch_graph.functions.call import Call, Calls, Function, Modules, argument
from hwgen.torch_graph.modules import Add, Affine, Maximum, Minimum, Multiply

ADD = (operator.add, operator.iadd, torch.add, "add", "add_")
SUB = (operator.sub, operator.isub, torch.sub, torch.subtract, "sub", "sub_", "subtract")
MUL = (operator.mul, operator.imul, torch.mul, torch.multiply, "mul", "mul_", "multiply")
DIV = (operator.truediv, operator.itruediv, torch.div, torch.divide, torch.true_divide)
Shape = tuple[int, ...]


def _both(node: fx.Node) -> list[object]:
    return [argument(node, 0, "input"), argument(node, 1, "other")]


def _swapped(node: fx.Node) -> list[object]:
    return _both(node)[::-1]


def _factor(value: object) -> float | None:
    """Return a number, None where it is none or of no use."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and value else None


def _spread(constant: Tensor, shape: Shape | None) -> Tensor | None:
    """Return a constant as (1,) or (channels,) numbers; None where it spreads over values in
    another way.

    shape : of the values, with the batch
    """
    if not torch.isfinite(constant).all():
        return None
    if constant.numel() == 1:
        return constant.reshape(1)
    if shape is None or constant.dim() > len(shape):
        return None
    full = (1,) * (len(shape) - constant.dim()) + tuple(constant.shape)
    return constant.reshape(-1) if full == (1, shape[1], *[1] * (len(shape) - 2)) else None


def _affine(call: Call, at: int, factor: Tensor, offset: Tensor) -> Modules | None:
    """Return what makes factor * x + offset of operand `at`."""
    each = [_spread(constant.double(), call.shapes[at]) for constant in (factor, offset)]
    weight, bias = each
    if weight is None or bias is None:
        return None
    same = bool((weight == 1).all()) and not bool(bias.any())
    return (nn.Identity(),) if same else (Affine(weight, bias),)


def _sum(call: Call, sign: float) -> Modules | None:
    """Return a + sign * alpha * b."""
    by = _factor(call.node.kwargs.get("alpha", 1))
    if by is None or not set(call.node.kwargs) <= {"input", "other", "alpha"}:
        return None
    one, by = torch.ones(1), by * sign
    a, b = call.constants
    if a is not None:
        return _affine(call, 1, one * by, a)
    return (Add((1.0, by)),) if b is None else _affine(call, 0, one, b * by)


def _product(call: Call) -> Modules | None:
    a, b = call.constants
    nothing = torch.zeros(1)
    if a is not None:
        return _affine(call, 1, a, nothing)
    return (Multiply(),) if b is None else _affine(call, 0, b, nothing)


def _quotient(call: Call) -> Modules | None:
    a, b = call.constants
    if a is not None or b is None or call.node.kwargs.get("rounding_mode") is not None:
        return None
    return _affine(call, 0, 1 / b.double(), torch.zeros(1))


def _negative(call: Call) -> Modules | None:
    return _affine(call, 0, -torch.ones(1), torch.zeros(1))


def _larger(call: Call) -> Modules | None:
    return (Maximum(),) if call.constants == (None, None) else None


def _smaller(call: Call) -> Modules | None:
    return (Minimum(),) if call.constants == (None, None) else None


def _expand(call: Call) -> Modules | None:
    """What it is multiplied with spreads it anyway."""
    return (nn.Identity(),)


_ADD = Function(lambda call: _sum(call, 1.0), _both, constants=True)
_SUB = Function(lambda call: _sum(call, -1.0), _both, constants=True)
_MAX, _MIN = (Function(of, _both, constants=True) for of in (_larger, _smaller))
ARITHMETIC: Calls = {
    **dict.fromkeys(ADD, _ADD),
    **dict.fromkeys(SUB, _SUB),
    torch.rsub: Function(lambda call: _sum(call, -1.0), _swapped, constants=True),
    **dict.fromkeys(MUL, Function(_product, _both, constants=True)),
    **dict.fromkeys(
        (*DIV, "div", "div_", "divide", "true_divide"), Function(_quotient, _both, constants=True)
    ),
    **dict.fromkeys((operator.neg, torch.neg, torch.negative, "neg", "neg_"), Function(_negative)),
    **dict.fromkeys((torch.maximum, torch.max, "maximum", "max"), _MAX),
    **dict.fromkeys((torch.minimum, torch.min, "minimum", "min"), _MIN),
    **dict.fromkeys(("expand", "expand_as"), Function(_expand)),
}
