"""Operators of TFLite that move elements: each says what becomes of an array of element numbers."""

__all__ = ["MOVES"]

import math
from collections.abc import Callable, Mapping

import numpy as np

from hwgen.errors import StoreError
from hwgen.importers.tflite.builder import Builder, Refusal
from hwgen.importers.tflite.file import TfliteOperator
from hwgen.importers.tflite.orders import CONSTANT, MOST, Order
from hwgen.importers.tflite.settings import Convert, check_equal_grids, option
from hwgen.network.ops import IntArray

MODES = ("reflect", "symmetric")  # of MIRROR_PAD, as NumPy calls them
Move = Callable[[Builder, TfliteOperator, IntArray], IntArray]
"""What an operator makes of (batch, ...) element numbers, `CONSTANT` for a constant of its own"""


def _reshape(builder: Builder, operator: TfliteOperator, index: IntArray) -> IntArray:
    shape = builder.tensor(operator.outputs[0]).shape
    if index.size != math.prod(shape):
        raise StoreError(f"{shape} has not as many elements as {index.shape}")
    return index.reshape(shape)


def _transpose(builder: Builder, operator: TfliteOperator, index: IntArray) -> IntArray:
    axes = [int(axis) for axis in builder.constant(operator.inputs[1]).reshape(-1)]
    return index.transpose(axes)


def _paddings(builder: Builder, operator: TfliteOperator) -> list[tuple[int, int]]:
    """Return how many elements each axis of the file gets before and behind."""
    shape = builder.tensor(operator.inputs[0]).shape
    sides = [(int(a), int(b)) for a, b in builder.constant(operator.inputs[1]).reshape(-1, 2)]
    if len(sides) != len(shape) or any(not 0 <= n <= MOST for pair in sides for n in pair):
        raise StoreError("paddings must be two for each axis, and not below zero")
    if math.prod(n + a + b for n, (a, b) in zip(shape, sides, strict=True)) > MOST:
        raise Refusal(f"a {operator.kind} of more than {MOST} elements")
    return sides


def _pad(builder: Builder, operator: TfliteOperator, index: IntArray) -> IntArray:
    return np.pad(index, _paddings(builder, operator), constant_values=CONSTANT)


def _mirror_pad(builder: Builder, operator: TfliteOperator, index: IntArray) -> IntArray:
    mode, paddings = MODES[option(operator, "Mode")], _paddings(builder, operator)
    for size, sides in zip(index.shape, paddings, strict=True):
        if max(sides) > size - (mode == "reflect"):
            raise StoreError(f"paddings must lie in an axis of {size}, not be {sides}")
    return np.pad(index, paddings, mode=mode)  # type: ignore[call-overload,no-any-return]


def _resize(builder: Builder, operator: TfliteOperator, index: IntArray) -> IntArray:
    """The nearest neighbour, as the reference finds it in float32."""
    _, *made = builder.image(operator.outputs[0])
    if made[0] * math.prod(index.shape[2:]) > MOST:
        raise Refusal(f"a RESIZE_NEAREST_NEIGHBOR of more than {MOST} elements")
    aligned, centred = option(operator, "AlignCorners"), option(operator, "HalfPixelCenters")
    for axis, count in enumerate(made, 1):
        size = index.shape[axis]
        ends = (size - 1, count - 1) if aligned and count > 1 else (size, count)
        scale = np.float32(ends[0]) / np.float32(ends[1])
        offset = np.float32(0.5 if centred else 0)
        at = (np.arange(count, dtype=np.float32) + offset) * scale
        nearest = np.floor(at + np.float32(0.5)) if aligned else np.floor(at)
        index = index.take(nearest.astype(np.int64).clip(0, size - 1), axis)
    return index


def _depth_to_space(builder: Builder, operator: TfliteOperator, index: IntArray) -> IntArray:
    by = option(operator, "BlockSize")
    batch, height, width, channels = index.shape
    parts = index.reshape(batch, height, width, by, by, channels // (by * by))
    return parts.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height * by, width * by, -1)


def _space_to_depth(builder: Builder, operator: TfliteOperator, index: IntArray) -> IntArray:
    by = option(operator, "BlockSize")
    batch, height, width, channels = index.shape
    parts = index.reshape(batch, height // by, by, width // by, by, channels)
    return parts.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height // by, width // by, -1)


def _slice(builder: Builder, operator: TfliteOperator, index: IntArray) -> IntArray:
    starts, counts = (builder.constant(n).reshape(-1).tolist() for n in operator.inputs[1:3])
    for axis, (start, count) in enumerate(zip(starts, counts, strict=True)):
        size = index.shape[axis]
        count = size - start if count == -1 else count
        if not 0 <= start < start + count <= size:
            raise StoreError(f"slice must lie in an axis of {size}")
        index = index.take(range(start, start + count), axis)
    return index


def _strided_slice(builder: Builder, operator: TfliteOperator, index: IntArray) -> IntArray:
    if option(operator, "EllipsisMask") or option(operator, "NewAxisMask"):
        raise Refusal("a STRIDED_SLICE with an ellipsis or a new axis", "reshape instead")
    begins, ends, steps = (builder.constant(n).reshape(-1).tolist() for n in operator.inputs[1:4])
    slices: list[slice | int] = []
    for axis, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        bit = 1 << axis
        if option(operator, "ShrinkAxisMask") & bit:
            slices.append(begin)
            continue
        first = None if option(operator, "BeginMask") & bit else begin
        last = None if option(operator, "EndMask") & bit else end
        slices.append(slice(first, last, step))
    return index[tuple(slices)]


def _convert(move: Move) -> Convert:
    """Return what notes the order of an operator's output."""

    def convert(builder: Builder, operator: TfliteOperator) -> None:
        x, (out,) = operator.inputs[0], operator.outputs
        made = _moved(builder, operator, move, builder.order(x))
        builder.orders[out] = made

    return convert


def _moved(builder: Builder, operator: TfliteOperator, move: Move, order: Order) -> Order:
    x, (out,) = operator.inputs[0], operator.outputs
    check_equal_grids(builder, x, out)
    builder.free(out)
    before, after = builder.tensor(x).shape, builder.tensor(out).shape
    if math.prod(after) > MOST:
        raise Refusal(f"a {operator.kind} of more than {MOST} elements")
    if before[:1] != (1,) or after[:1] != (1,):
        raise Refusal(f"a {operator.kind} from {before} to {after}", "leave the batch at 1")
    index = move(builder, operator, order.index[None])
    if index.shape != after:
        raise StoreError(f"{operator.kind} of {before} gives {index.shape}, not {after}")
    return Order(order.source, index[0], order.value)


def _padded(builder: Builder, operator: TfliteOperator) -> None:
    """Note the order of a tensor with constants around it, and where these are zeros how many."""
    x, (out,) = operator.inputs[0], operator.outputs
    value = builder.zero_point(out)
    if len(operator.inputs) > 2:
        (value,) = builder.constant(operator.inputs[2]).reshape(-1).tolist()
    order = builder.order(x)
    if order.has_constants and order.value != value:
        builder.value(x)
        order = Order.same(x, builder.shape(x))
    made = _moved(builder, operator, _pad, order)
    builder.orders[out] = Order(made.source, made.index, value)
    _, *around = _paddings(builder, operator)
    if len(around) == 3 and around[2] == (0, 0) and value == builder.zero_point(x):
        builder.pads[out] = x, (around[0], around[1])


MOVES: Mapping[str, Convert] = {
    "RESHAPE": _convert(_reshape),
    "SQUEEZE": _convert(_reshape),
    "EXPAND_DIMS": _convert(_reshape),
    "TRANSPOSE": _convert(_transpose),
    "PAD": _padded,
    "PADV2": _padded,
    "MIRROR_PAD": _convert(_mirror_pad),
    "RESIZE_NEAREST_NEIGHBOR": _convert(_resize),
    "DEPTH_TO_SPACE": _convert(_depth_to_space),
    "SPACE_TO_DEPTH": _convert(_space_to_depth),
    "SLICE": _convert(_slice),
    "STRIDED_SLICE": _convert(_strided_slice),
}
