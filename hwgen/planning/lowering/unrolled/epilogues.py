"""What follows a sum, as cells: bias and rounding are one constant, a cut and a clamp the rest."""

__all__ = ["finished", "may_finish"]

import numpy as np

from hwgen.errors import InternalError
from hwgen.network.ops import Requantize, Table, Threshold
from hwgen.planning.layers.layer import Layer
from hwgen.planning.lowering.epilogue import before_table, thresholds_for
from hwgen.planning.lowering.unrolled.builder import Builder, Ref
from hwgen.planning.lowering.unrolled.requantizers import line_through
from hwgen_rtl_templates.circuit import low_zeros

MOST_ENTRIES = 256  # of a table that is made of look-up tables a value
FEW = 1  # thresholds that are compared with


def may_finish(layer: Layer) -> bool:
    """Say whether what follows a layer's sums can be made of cells."""
    if not layer.epilogue or thresholds_for(layer) is not None:
        return True
    op = layer.epilogue[-1]
    if isinstance(op, Table):
        before = before_table(layer)
        return before.y.hi - before.y.lo < MOST_ENTRIES and may_finish(before)
    return isinstance(op, Requantize) and op.rounding in ("half_up", "half_even")


def finished(builder: Builder, layer: Layer, channel: int, total: Ref, offset: int) -> Ref:
    """Return the element that becomes of an accumulator, total + offset, of a channel."""
    if not layer.epilogue:
        encoding = layer.y_encoding
        value = builder.offset(total, offset - encoding.base)
        return value if encoding.step == 1 else builder.floor(value, 0, 1)
    op = layer.epilogue[-1]
    if isinstance(op, Requantize):
        simple = _cut(builder, op, layer, channel, total, offset)
        if simple is not None:
            return simple
    steps = thresholds_for(layer)
    if steps is not None:
        slope = 0.0
        if isinstance(op, Requantize):
            multiplier, shift = _own(op, channel)
            slope = multiplier / 2**shift
        return _counted(builder, layer, steps, channel, total, offset, slope)
    if isinstance(op, Table):
        return _looked_up(builder, layer, op, channel, total, offset)
    assert isinstance(op, Requantize)
    if layer.y.lo == layer.y.hi:
        return builder.clamp(total, layer.y.lo, layer.y.hi)
    return _multiplied(builder, op, layer, channel, total, offset)


def _own(op: Requantize, channel: int) -> tuple[int, int]:
    """Return multiplier and shift of a channel, the multiplier odd where the shift allows it."""
    multiplier, shift = (
        int(values[channel if values.size > 1 else 0]) for values in (op.multiplier, op.shift)
    )
    common = min(shift, low_zeros(multiplier))
    return multiplier >> common, shift - common


def _cut(
    builder: Builder, op: Requantize, layer: Layer, channel: int, total: Ref, offset: int
) -> Ref | None:
    """Return what a requantizer of a power of two makes; None of another one."""
    multiplier, _ = _own(op, channel)
    if multiplier == 1 and op.rounding in ("half_up", "half_even"):
        return _multiplied(builder, op, layer, channel, total, offset)
    return None


def _multiplied(
    builder: Builder, op: Requantize, layer: Layer, channel: int, total: Ref, offset: int
) -> Ref:
    """Return what a requantizer makes by its own multiplier."""
    assert op.lo is not None and op.hi is not None
    multiplier, shift = _own(op, channel)
    if shift == 0 or op.rounding == "half_up":
        half = 1 << shift >> 1
        more = (offset - layer.acc.zero_point) * multiplier + half
        value = builder.floor(times(builder, total, multiplier), more, shift)
    else:
        moved = builder.offset(total, offset - layer.acc.zero_point)
        value = builder.to_even(times(builder, moved, multiplier), shift)
    low, high = op.lo - op.zero_point, op.hi - op.zero_point
    return builder.offset(builder.clamp(value, low, high), op.zero_point)


def _counted(
    builder: Builder,
    layer: Layer,
    steps: Threshold,
    channel: int,
    total: Ref,
    offset: int,
    slope: float,
) -> Ref:
    """Return what counts the thresholds that an accumulator reaches."""
    row = steps.thresholds[channel if len(steps.thresholds) > 1 else 0] - offset
    below = int((row <= total.lo).sum())
    open_ = tuple(row[(row > total.lo) & (row <= total.hi)].tolist())
    count = _counts(builder, total, open_, slope)
    step, encoding = steps.format.step, layer.y_encoding
    base = steps.base + step * below - encoding.base
    if step == encoding.step:
        return builder.offset(count, base // step)
    return builder.offset(count << (step.bit_length() - 1), base)


def _counts(builder: Builder, total: Ref, thresholds: tuple[int, ...], slope: float) -> Ref:
    """Return how many thresholds, which all lie in its range, a value reaches."""
    line = None
    if len(thresholds) > FEW and (np.diff(thresholds) > 0).all():
        pitch = (thresholds[-1] - thresholds[0]) / (len(thresholds) - 1)
        line = line_through(thresholds, slope or 1 / pitch)
    if line is None:
        return builder.reached(total, thresholds)
    value = builder.floor(times(builder, total, line.multiplier), line.offset, line.places)
    return builder.clamp(value, 0, len(thresholds))


def times(builder: Builder, value: Ref, multiplier: int) -> Ref:
    """Return a multiple, by the signed digits of what is positive and multiplies."""
    found: Ref | None = None
    place, left, part = 0, multiplier, 0
    while left:
        if left & 1:
            digit = 2 - (left & 3)  # 1, or -1 where the next bit is set as well
            left, part = left - digit, part + (digit << place)
            term = (value if digit > 0 else -value) << place
            ends = sorted((part * value.lo, part * value.hi))
            found = builder.add(found, term, (ends[0], ends[1])) if found else term
        left, place = left >> 1, place + 1
    if found is None:
        raise InternalError("A multiplier must be positive")
    return found


def _looked_up(
    builder: Builder, layer: Layer, op: Table, channel: int, total: Ref, offset: int
) -> Ref:
    """Return an entry of a table, of what comes before it."""
    first = before_table(layer)
    value = finished(builder, first, channel, total, offset)
    encoding = layer.y_encoding
    row = op.entries[channel if len(op.entries) > 1 else 0]
    elements = ((row - encoding.base) // encoding.step).tolist()
    return builder.look(value, op.lo, elements)
