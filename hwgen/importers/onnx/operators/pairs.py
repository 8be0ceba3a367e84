"""Sums and products of two values."""

__all__ = ["product", "sum_of"]

from dataclasses import replace
from fractions import Fraction

import numpy as np

from hwgen.importers.growing import Refusal
from hwgen.importers.onnx.builder import Builder
from hwgen.importers.onnx.file import OnnxNode
from hwgen.importers.onnx.steps import Affine, Product, as_fractions
from hwgen.importers.onnx.values import Computed, Sum, Value, same_layout
from hwgen.network import Add, Multiply

MOST_MULTIPLIER = 1 << 15  # of a sum's input


def _pair(builder: Builder, node: OnnxNode) -> tuple[Value, Value]:
    """Return two settled inputs that fit each other: the second may be one number a channel, one a
    pixel, or one for all, of the first."""
    a, b = (
        builder.settled(builder.computed(node, index), node.inputs[index]) for index in range(2)
    )
    if len(a.shape) == len(b.shape) and a.axes != b.axes:
        b = builder.laid_out(b, a.axes, f"{node.outputs[0]}.in")
    if same_layout(a, b):
        return a, b
    for wide, small in ((a, b), (b, a)):
        if _spreads(small, wide):
            return wide, small
    raise Refusal(
        f"{node.kind} of shapes {a.shape} and {b.shape}",
        "give both one shape, or one of them a number a channel, a pixel or for all",
    )


def _spreads(small: Value, wide: Value) -> bool:
    """Say whether a value is one number a channel, one a pixel, or one for all."""
    if len(small.shape) != len(wide.shape) or wide.order is not None or small.order is not None:
        return False
    channel = wide.channel_axis
    spatial = [n for n in range(1, len(wide.shape)) if n != channel]
    for same in ([channel], spatial, []):
        if all(
            small.shape[n] == (wide.shape[n] if n in same else 1) for n in range(1, len(wide.shape))
        ):
            return True
    return False


def product(builder: Builder, node: OnnxNode) -> Computed:
    """Return the product of two values; of two functions of one value it is one of that."""
    a, b = (builder.computed(node, index) for index in range(2))
    one = isinstance(a, Value) and isinstance(b, Value) and same_layout(a, b) and a.node == b.node
    if one and not (a.pools or b.pools):  # type: ignore[union-attr]
        assert isinstance(a, Value) and isinstance(b, Value)
        steps = Product(a.steps, b.steps)
        return builder.step(Value(a.node, a.shape, a.axes, order=a.order, host=a.host), steps)
    wide, small = _pair(builder, node)
    (fa, oa), (fb, ob) = (_affine(value) for value in (wide, small))
    if oa or ob:
        raise Refusal("a product of values whose grid has no zero", "quantize both inputs")
    wide, small = (
        builder.plain_binary(v, f"{node.outputs[0]}.in{n}") for n, v in enumerate((wide, small))
    )
    found = builder.add(Multiply(), [wide.node, small.node], node.outputs[0])
    return Value(found, wide.shape, wide.axes, (Affine.of(fa * fb),), order=wide.order)


def sum_of(builder: Builder, node: OnnxNode, negative: bool) -> Value | Sum:
    """Return the sum of two values, or the first less the second."""
    negated = builder.unused(f"{node.outputs[0]}.negated")
    if negative:
        taken = builder.settled(builder.computed(node, 1), node.inputs[1])
        builder.known[negated] = _negative(builder, taken, node.inputs[1])
        node = replace(node, inputs=(node.inputs[0], negated))
    a, b = _pair(builder, node)
    (fa, oa), (fb, ob) = (_affine(value) for value in (a, b))
    if min(fa, fb) <= 0:
        raise Refusal("a sum with a factor below 0", "quantize both inputs")
    ratio = fa / fb
    if max(ratio.numerator, ratio.denominator) >= MOST_MULTIPLIER:
        return Sum(a, b, a.shape, a.axes, order=a.order)
    multipliers = ratio.numerator, ratio.denominator
    found = builder.add(Add(multipliers), [a.node, b.node], node.outputs[0])
    unit = Affine(as_fractions([fa / multipliers[0]]), as_fractions([oa + ob]))
    return Value(found, a.shape, a.axes, (unit,), order=a.order)


def _affine(value: Value) -> tuple[Fraction, Fraction]:
    (step,) = value.steps
    assert isinstance(step, Affine)
    if step.factor.size > 1 or step.offset.size > 1:
        raise Refusal("a sum of one scale a channel", "use one scale for all channels")
    return step.factor[0], step.offset[0]


def _negative(builder: Builder, value: Value, name: str) -> Value:
    """Return what is taken off, as a value to be added."""
    channels = builder.type(value).channels
    node = builder.negated(value.node, np.ones(channels, bool), f"{name}.negated")
    (step,) = value.steps
    assert isinstance(step, Affine)
    found = Value(node, value.shape, value.axes, (Affine(step.factor, -step.offset),))
    settled = builder.settled(found, f"{name}.negated")
    return Value(settled.node, value.shape, value.axes, settled.steps, order=value.order)
