"""Operators of TFLite that take two values or more."""

__all__ = ["JOINS"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from hwgen.errors import StoreError
from hwgen.formats import Fixed
from hwgen.importers.sums import find_sum
from hwgen.importers.tflite.arithmetic import NONE, rescaled
from hwgen.importers.tflite.builder import Builder, Refusal
from hwgen.importers.tflite.file import TfliteOperator
from hwgen.importers.tflite.settings import Convert, check_equal_grids, counted, fused, option
from hwgen.importers.tflite.tables import INTEGERS, add_table
from hwgen.network import Add, Concat, Multiply, Permute, Reshape
from hwgen.network.ops import IntArray

LEFT_SHIFT = 20  # of the inputs of a sum
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Pair:
    """An operator on two values of int8, element by element.

    y : the integers that come of two arrays of integers, which are spread over each other
    signs : of a sum, of each input; () of a product
    """

    builder: Builder
    operator: TfliteOperator
    y: Callable[[IntArray, IntArray], IntArray]
    signs: tuple[int, ...]

    @property
    def out(self) -> int:
        """The tensor that comes of it."""
        return self.operator.outputs[0]


def _sum(sign: int) -> Convert:
    """Return what adds a sum, or a difference."""

    def convert(builder: Builder, operator: TfliteOperator) -> None:
        (out,), (a, b) = operator.outputs, operator.inputs
        scales = builder.scale(a), builder.scale(b)
        twice = 2 * max(scales)
        by, lo, hi = twice / ((1 << LEFT_SHIFT) * builder.scale(out)), *_clamp(builder, operator)

        def scaled(x: IntArray, n: int) -> IntArray:
            zero = builder.zero_point(operator.inputs[n])
            return rescaled((x - zero) << LEFT_SHIFT, scales[n] / twice)

        def y(one: IntArray, other: IntArray) -> IntArray:
            raw = scaled(one, 0) + sign * scaled(other, 1)
            found: IntArray = np.clip(builder.zero_point(out) + rescaled(raw, by), lo, hi)
            return found

        _add_pair(Pair(builder, operator, y, (1, sign)))

    return convert


def _mul(builder: Builder, operator: TfliteOperator) -> None:
    (out,), (a, b) = operator.outputs, operator.inputs
    real, (lo, hi) = _product_scale(builder, operator), _clamp(builder, operator)

    def y(one: IntArray, other: IntArray) -> IntArray:
        product = (one - builder.zero_point(a)) * (other - builder.zero_point(b))
        found: IntArray = np.clip(builder.zero_point(out) + rescaled(product, real), lo, hi)
        return found

    _add_pair(Pair(builder, operator, y, ()))


def _product_scale(builder: Builder, operator: TfliteOperator) -> float:
    """Return the scale of a product over that of the output, in float32 as the reference does."""
    (out,), (a, b) = operator.outputs, operator.inputs
    x, y, z = (np.float32(builder.scale(n)) for n in (a, b, out))
    return float(x * y / z)


def _clamp(builder: Builder, operator: TfliteOperator) -> tuple[int, int]:
    return builder.clamp(operator.outputs[0], fused(operator))


def _add_pair(pair: Pair) -> None:
    """Add what computes an operator on two values: a table where only one of them varies."""
    builder, operator, out = pair.builder, pair.operator, pair.out
    if {builder.format(n) for n in (*operator.inputs, out)} != {Fixed(8)}:
        raise Refusal(f"a {operator.kind} of {builder.tensor(out).type}", "quantize to int8")
    a, b = operator.inputs
    made = tuple(np.broadcast_shapes(*(builder.tensor(n).shape for n in (a, b))))
    if made != builder.tensor(out).shape:
        raise StoreError(f"output must be of shape {made}")
    constants = [builder.tensor(n).data is not None for n in (a, b)]
    if all(constants):
        raise Refusal(f"a {operator.kind} of two constants", "compute it beforehand")
    if a == b:
        add_table(builder, operator, a, pair.y(INTEGERS, INTEGERS)[None])
    elif constants[1]:
        rows = _constant(builder, b, out)
        add_table(builder, operator, a, pair.y(INTEGERS[None], rows))
    elif constants[0]:
        rows = _constant(builder, a, out)
        add_table(builder, operator, b, pair.y(rows, INTEGERS[None]))
    else:
        _add_two(pair)


def _constant(builder: Builder, number: int, out: int) -> IntArray:
    """Return a constant as (1, 1), or (channels, 1) of the channels of the output."""
    data, channels = builder.constant(number), builder.shape(out)[0]
    if data.size not in (1, channels) or data.size > 1 and data.shape[-1] != channels:
        raise Refusal(f"a constant of shape {data.shape}", "make it one number, or one a channel")
    return data.reshape(-1, 1).astype(np.int64)


def _add_two(pair: Pair) -> None:
    builder, out, name = pair.builder, pair.out, pair.builder.tensor(pair.out).name
    numbers, y, signs = (
        list(pair.operator.inputs),
        pair.y(INTEGERS[:, None], INTEGERS[None]),
        pair.signs,
    )
    if builder.tensor(numbers[0]).shape != builder.tensor(out).shape:  # the larger one first
        numbers, y, signs = numbers[::-1], y.T, signs[::-1]
    if builder.tensor(numbers[0]).shape != builder.tensor(out).shape:
        raise Refusal(f"a {pair.operator.kind} that spreads both of its inputs")
    values = [builder.value(numbers[0]), _spread(builder, numbers[1], out)]
    if not signs:
        real = _product_scale(builder, pair.operator)
        sums = builder.add(Multiply(), values, name, "acc")
        requantize = builder.requantize(out, [real], fused(pair.operator))
        builder.finish(pair.operator, requantize, [sums])
        return
    scales = [builder.scale(n) for n in numbers]
    zeros = builder.zero_point(numbers[0]), builder.zero_point(numbers[1])
    inputs = INTEGERS - zeros[0], INTEGERS - zeros[1]
    found = find_sum(y, scales[0] / scales[1], inputs, (signs[0], signs[1]))
    if found is None:
        raise Refusal(f"a {pair.operator.kind} of scales that are too far apart")
    sums = builder.add(Add((found.a, found.b)), values, name, "acc")
    builder.finish(pair.operator, counted(builder, out, found.thresholds, int(y.min())), [sums])


def _spread(builder: Builder, number: int, out: int) -> str:
    """Return the node that gives a tensor, with as many axes as the output."""
    shape, target = builder.tensor(number).shape, builder.shape(out)
    if len(shape) == len(target) + 1:
        return builder.value(number)
    own = shape[-1], *(1,) * (len(target) - len(shape)), *shape[:-1]
    op = Reshape(tuple(own[: len(target)]))
    return builder.add(op, [builder.value(number)], builder.tensor(number).name, "spread")


def _concatenation(builder: Builder, operator: TfliteOperator) -> None:
    """Add what puts values of one grid side by side; along other axes than the last with the axes
    in another order before and after."""
    (out,), rank = operator.outputs, len(builder.tensor(operator.outputs[0]).shape)
    axis = option(operator, "Axis") % rank
    for x in operator.inputs:
        check_equal_grids(builder, x, out)
    if fused(operator) != NONE:
        raise Refusal("a CONCATENATION with an activation")
    if axis == 0:
        raise Refusal("a CONCATENATION of batches", "concatenate another axis")
    if any(len(builder.tensor(x).shape) != rank for x in operator.inputs):
        raise StoreError("inputs must have as many axes as the output")
    values, name = [builder.value(x) for x in operator.inputs], builder.tensor(out).name
    if len(values) == 1:
        builder.gives(out, values[0])
        return
    if axis == rank - 1:
        builder.finish(operator, Concat(), values)
        return
    axes = (axis, *(n for n in range(rank - 1) if n != axis))
    back = tuple(axes.index(n) for n in range(rank - 1))
    values = [builder.add(Permute(axes), [value], name, "first") for value in values]
    joined = builder.add(Concat(), values, name, "joined")
    builder.finish(operator, Permute(back), [joined])


JOINS: Mapping[str, Convert] = {
    "ADD": _sum(1),
    "SUB": _sum(-1),
    "MUL": _mul,
    "CONCATENATION": _concatenation,
}
