"""Operators on every number by itself, and sums of two values."""

__all__ = ["ELEMENTWISE"]

from collections.abc import Callable
from fractions import Fraction
from math import isqrt

from hwgen.errors import StoreError
from hwgen.importers.growing import Refusal
from hwgen.importers.onnx.builder import Builder
from hwgen.importers.onnx.curves import CURVES, FUNCTIONS, curve, elu, function
from hwgen.importers.onnx.file import OnnxNode
from hwgen.importers.onnx.operators.pairs import product, sum_of
from hwgen.importers.onnx.steps import Affine, Clamp, Fractions, Slope, as_fractions
from hwgen.importers.onnx.values import Computed, Constant

ROOT_BITS = 240  # of a root that is not rational
SELU = 1.67326319217681884765625, 1.05070102214813232421875  # alpha, gamma
Convert = Callable[[Builder, OnnxNode], None]


def _both(builder: Builder, node: OnnxNode) -> tuple[Computed, Fractions, bool] | None:
    """Return a value, the constant beside it, and whether the constant is in front.

    None where both are computed.
    """
    a, b = builder.get(node, 0), builder.get(node, 1)
    if isinstance(a, Constant) and not isinstance(b, Constant):
        return b, builder.per_channel(a.data, b), True
    if isinstance(b, Constant):
        value = builder.computed(node)
        return value, builder.per_channel(b.data, value), False
    return None


def _add(builder: Builder, node: OnnxNode) -> None:
    found = _both(builder, node)
    if found is None:
        builder.give(node, sum_of(builder, node, negative=False))
        return
    value, constant, _ = found
    builder.give(node, builder.step(value, Affine(as_fractions([1]), constant)))


def _sub(builder: Builder, node: OnnxNode) -> None:
    found = _both(builder, node)
    if found is None:
        builder.give(node, sum_of(builder, node, negative=True))
        return
    value, constant, in_front = found
    sign = -1 if in_front else 1
    offset = as_fractions(-sign * constant)
    builder.give(node, builder.step(value, Affine(as_fractions([sign]), offset)))


def _mul(builder: Builder, node: OnnxNode) -> None:
    found = _both(builder, node)
    if found is None:
        builder.give(node, product(builder, node))
        return
    value, constant, _ = found
    builder.give(node, builder.step(value, Affine(constant, as_fractions([0]))))


def _div(builder: Builder, node: OnnxNode) -> None:
    found = _both(builder, node)
    if found is None or found[2]:
        raise Refusal("a division by what is computed", "divide by a constant")
    value, constant, _ = found
    if (constant == 0).any():
        raise StoreError("divisor must not be zero")
    builder.give(node, builder.step(value, Affine(as_fractions(1 / constant), as_fractions([0]))))


def _root(value: Fraction) -> Fraction:
    """Return the square root, exactly where it is rational, and to `ROOT_BITS` bits elsewhere."""
    p, q = isqrt(value.numerator), isqrt(value.denominator)
    if p * p == value.numerator and q * q == value.denominator:
        return Fraction(p, q)
    shift = 2 * ROOT_BITS + 2 * max(0, value.denominator.bit_length())
    return Fraction(isqrt((value.numerator << shift) // value.denominator), 1 << (shift // 2))


def _batch_normalization(builder: Builder, node: OnnxNode) -> None:
    value = builder.computed(node)
    axis = value.channel_axis
    wide = [-1 if n == axis else 1 for n in range(len(value.shape))]
    factor, bias, mean, variance = (
        builder.per_channel(
            builder.constant(node, index, "batch normalization's numbers").data.reshape(wide), value
        )
        for index in range(1, 5)
    )
    epsilon = as_fractions([node.attributes.get("epsilon", 1e-5)])
    spread = as_fractions(variance + epsilon)
    if (spread <= 0).any():
        raise StoreError("variances must be positive")
    scale = as_fractions(factor / as_fractions([_root(v) for v in spread]))
    builder.give(node, builder.step(value, Affine(scale, as_fractions(bias - mean * scale))))


def _relu(builder: Builder, node: OnnxNode) -> None:
    builder.give(node, builder.step(builder.computed(node), Clamp(lo=Fraction(0))))


def _clip(builder: Builder, node: OnnxNode) -> None:
    ends: list[Fraction | None] = []
    for index, name in ((1, "min"), (2, "max")):
        if builder.has(node, index):
            number = builder.constant(node, index, "clips").data.ravel().tolist()
        else:
            number = [node.attributes[name]] if name in node.attributes else []
        infinite = bool(number) and abs(number[0]) == float("inf")
        ends.append(None if not number or infinite else as_fractions(number[:1])[0])
    lo, hi = ends
    if lo is not None and hi is not None and lo > hi:
        raise StoreError(f"a Clip must not end before it begins: [{float(lo)}, {float(hi)}]")
    builder.give(node, builder.step(builder.computed(node), Clamp(lo, hi)))


def _slope(builder: Builder, node: OnnxNode, slope: Fractions) -> None:
    builder.give(node, builder.step(builder.computed(node), Slope(slope)))


def _leaky_relu(builder: Builder, node: OnnxNode) -> None:
    _slope(builder, node, as_fractions([node.attributes.get("alpha", 0.01)]))


def _p_relu(builder: Builder, node: OnnxNode) -> None:
    slope = builder.constant(node, 1, "slopes").data
    _slope(builder, node, builder.per_channel(slope, builder.computed(node)))


def _hard_sigmoid(builder: Builder, node: OnnxNode) -> None:
    alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
    inner = builder.step(builder.computed(node), Affine.of(alpha, beta))
    builder.give(node, builder.step(inner, Clamp(Fraction(0), Fraction(1))))


def _elu(builder: Builder, node: OnnxNode) -> None:
    default, gamma = SELU if node.kind == "Selu" else (1.0, 1.0)
    alpha = as_fractions([node.attributes.get("alpha", default)])[0]
    if node.kind == "Selu":
        gamma = node.attributes.get("gamma", gamma)
    step = elu(alpha, as_fractions([gamma])[0]) if alpha > 0 and gamma > 0 else None
    if step is None:
        raise Refusal(f"{node.kind} with a setting of at most 0", "use positive ones")
    builder.give(node, builder.step(builder.computed(node), step))


def _curve(builder: Builder, node: OnnxNode) -> None:
    builder.give(node, builder.step(builder.computed(node), curve(node.kind)))


def _function(builder: Builder, node: OnnxNode) -> None:
    builder.give(node, builder.step(builder.computed(node), function(node.kind, node.attributes)))


def _neg(builder: Builder, node: OnnxNode) -> None:
    builder.give(node, builder.step(builder.computed(node), Affine.of(-1)))


def _bound(lower: bool) -> Convert:
    """Return the converter of Max, which bounds from below, or of Min."""

    def convert(builder: Builder, node: OnnxNode) -> None:
        found = _both(builder, node) if len(node.inputs) == 2 else None
        if found is None or found[1].size > 1:
            raise Refusal(f"{node.kind} of what is computed", "use one number as the bound")
        end = found[1][0]
        builder.give(
            node, builder.step(found[0], Clamp(end if lower else None, None if lower else end))
        )

    return convert


ELEMENTWISE: dict[str, Convert] = {
    "Add": _add,
    "Sub": _sub,
    "Mul": _mul,
    "Div": _div,
    "Neg": _neg,
    "BatchNormalization": _batch_normalization,
    "Relu": _relu,
    "Clip": _clip,
    "LeakyRelu": _leaky_relu,
    "PRelu": _p_relu,
    "HardSigmoid": _hard_sigmoid,
    "Elu": _elu,
    "Selu": _elu,
    "Max": _bound(True),
    "Min": _bound(False),
    **dict.fromkeys(CURVES, _curve),
    **dict.fromkeys(FUNCTIONS, _function),
}
