"""From layers to cells: every window of a frame, and what follows each sum."""

__all__ = ["may_unroll", "unrolled"]

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hwgen.formats import bits_for
from hwgen.network.fields import IntArray
from hwgen.network.ops import (
    Add,
    Affine,
    AvgPool1d,
    AvgPool2d,
    Concat,
    Conv1d,
    Conv2d,
    Linear,
    Maximum,
    MaxPool1d,
    MaxPool2d,
    Minimum,
    Requantize,
    Table,
    Threshold,
)
from hwgen.planning.layers.dot_output import dot_output_of
from hwgen.planning.layers.layer import Layer
from hwgen.planning.layers.orders import CONSTANT, Order
from hwgen.planning.layers.run import Run
from hwgen.planning.lowering.constants import adder_graph
from hwgen.planning.lowering.unrolled.builder import Builder, Range, Ref, constant
from hwgen.planning.lowering.unrolled.carries import absorbed
from hwgen.planning.lowering.unrolled.epilogues import finished, may_finish
from hwgen.planning.lowering.unrolled.retiming import staged
from hwgen_rtl_templates.circuit import Circuit
from hwgen_rtl_templates.unrolled import UnrolledParameters

MOST_PRODUCTS = 1 << 16  # of a frame, by weights other than zero
Values: TypeAlias = "npt.NDArray[np.object_]"  # refs, (height, width, channels)


def products(layer: Layer) -> int:
    """Return how many products of a frame have a weight other than zero."""
    return 0 if layer.weight is None else int(np.count_nonzero(layer.weight)) * layer.pixels


def may_unroll(layers: Sequence[Layer]) -> bool:
    """Say whether layers can be made of cells, and of not too many."""
    return 0 < sum(map(products, layers)) <= MOST_PRODUCTS and all(
        type(layer.op) in MADE and may_finish(layer) for layer in layers
    )


def unrolled(layer: Layer, levels: int) -> UnrolledParameters:
    """Return the component of a run of layers.

    Parameters
    ----------
    levels : adders that may stand one behind the other between two registers
    """
    made = circuit(layer)
    bits, is_signed = bits_for(layer.y.lo, layer.y.hi)
    return UnrolledParameters(
        made, staged(made, levels), *bits_for(layer.x.lo, layer.x.hi), bits, is_signed
    )


@lru_cache(maxsize=16)  # all ways to place registers have the same
def circuit(layer: Layer) -> Circuit:
    """Return what a run of layers computes of a frame of its one input."""
    assert isinstance(layer.op, Run)
    inside = layer.op.inside
    first = inside[0]
    builder = Builder([(first.x.lo, first.x.hi)] * math.prod(first.x_frame))
    entered = np.array(builder.inputs(), dtype=object)
    values: dict[str, Values] = {layer.sources[0]: entered}
    for one in inside:
        xs = [
            values[source].reshape(frame[1], frame[2], frame[0])
            for source, frame in zip(one.sources, one.x_frames, strict=True)
        ]
        values[one.name] = MADE[type(one.op)](builder, one, xs)
    return absorbed(builder.finish(values[inside[-1].name].ravel().tolist()))


class _Products:
    """y = x @ matrix, again and again."""

    def __init__(self, builder: Builder, matrix: IntArray, ends: Sequence[Range]) -> None:
        """Solve a matrix, (inputs, outputs), for inputs of these ranges."""
        self._builder, self._matrix = builder, np.ascontiguousarray(matrix, dtype=np.int64)
        lows, highs = zip(*ends, strict=True)
        self._graph = adder_graph(self._matrix.tobytes(), self._matrix.shape, lows, highs)
        rows = [*np.eye(len(matrix), dtype=np.int64)]
        for adder in self._graph.adders:
            b = rows[adder.b] << max(0, adder.shift)
            rows.append((rows[adder.a] << max(0, -adder.shift)) + (-b if adder.negate else b))
        self._up, self._down = np.maximum(rows, 0), np.minimum(rows, 0)

    def of(self, x: Sequence[Ref]) -> list[tuple[Ref, int]]:
        """Return each output as a value and a constant to be added."""
        builder, given = self._builder, np.array([v.lo if v.term is None else 0 for v in x])
        terms = [constant(0) if v.term is None else v for v in x]
        low, high = (np.array([getattr(v, side) for v in terms]) for side in ("lo", "hi"))
        los = (self._up @ low + self._down @ high).tolist()
        his = (self._up @ high + self._down @ low).tolist()
        for adder, lo, hi in zip(self._graph.adders, los[len(x) :], his[len(x) :], strict=True):
            a, b = terms[adder.a] << max(0, -adder.shift), terms[adder.b] << max(0, adder.shift)
            terms.append(builder.add(a, -b if adder.negate else b, (lo, hi)))
        found = []
        for tap, more in zip(self._graph.taps, (given @ self._matrix).tolist(), strict=True):
            value = constant(0) if tap.term is None else terms[tap.term] << tap.shift
            found.append((-value if tap.negate else value, more))
        return found


def _windows(layer: Layer, x: Values) -> Values:
    """Return what each output pixel sees: (height, width, vertical, horizontal, channels)."""
    pad = constant(layer.pad_value)
    sides = [*layer.padding, (0, 0)]
    if layer.padded:
        padded = np.full(
            [n + sum(side) for n, side in zip(x.shape, sides, strict=True)], pad, dtype=object
        )
        (above, _), (left, _) = layer.padding
        padded[above : above + x.shape[0], left : left + x.shape[1]] = x
        x = padded
    _, height, width = layer.y_frame
    rows = np.arange(height)[:, None] * layer.stride[0] + (
        np.arange(layer.kernel[0])[None] * layer.dilation[0]
    )
    columns = np.arange(width)[:, None] * layer.stride[1] + (
        np.arange(layer.kernel[1])[None] * layer.dilation[1]
    )
    found: Values = x[rows[:, None, :, None], columns[None, :, None, :]]
    return found


def _weighted(builder: Builder, layer: Layer, xs: Sequence[Values]) -> Values:
    """Return the sums of windows, of an average with weights of one, and what follows them."""
    groups, weight = layer.groups, layer.weight
    if weight is None:  # each channel is on its own
        groups, weight = layer.outputs, np.ones((layer.outputs, layer.inputs), dtype=np.int64)
    seen = _windows(layer, xs[0])
    each = xs[0].shape[2] // groups
    ends = _ends(xs[0])
    found = np.empty((*seen.shape[:2], layer.outputs), dtype=object)
    for group, matrix in enumerate(weight.reshape(groups, layer.outputs // groups, -1)):
        own = slice(group * each, (group + 1) * each)
        made = _Products(builder, matrix.T, ends[own] * (matrix.shape[1] // each))
        for place in np.ndindex(*seen.shape[:2]):
            window = seen[place][..., own].ravel().tolist()
            for n, (value, more) in enumerate(made.of(window), group * len(matrix)):
                found[(*place, n)] = _of_sum(builder, layer, n, value, more)
    return found


def _ends(x: Values) -> list[Range]:
    """Return the range of each channel over all pixels."""
    return [
        (min(v.lo for v in column), max(v.hi for v in column))
        for column in x.reshape(-1, x.shape[2]).T
    ]


def _of_sum(builder: Builder, layer: Layer, channel: int, value: Ref, more: int = 0) -> Ref:
    """Return what becomes of a sum of elements, value + more."""
    sums = dot_output_of(layer)
    offset = int(sums.offsets[channel % len(sums.offsets)]) + sums.step * more
    total = value << (sums.step.bit_length() - 1)  # 1, or 2 where elements stand for -1 and +1
    return finished(builder, layer, channel, total, offset)


def _largest(builder: Builder, layer: Layer, xs: Sequence[Values]) -> Values:
    seen = _windows(layer, xs[0])
    found = np.empty((*seen.shape[:2], layer.outputs), dtype=object)
    down: dict[tuple[Ref, ...], Ref] = {}  # of a column of a window, which neighbours share
    for place in np.ndindex(*found.shape):
        window = seen[place[:2]][..., place[2]]
        columns = []
        for column in map(tuple, window.T.tolist()):
            if column not in down:
                down[column] = _most(builder, column)
            columns.append(down[column])
        found[place] = _of_element(builder, layer, place[2], _most(builder, columns))
    return found


def _most(builder: Builder, values: Sequence[Ref], *, least: bool = False) -> Ref:
    """Return the largest of some values, by pairs, or the smallest."""
    left = list(values)
    while len(left) > 1:
        pairs = [
            builder.extreme(a, b, least=least) for a, b in zip(left[::2], left[1::2], strict=False)
        ]
        left = pairs + left[len(pairs) * 2 :]
    return left[0]


def _of_element(builder: Builder, layer: Layer, channel: int, value: Ref) -> Ref:
    """Return what becomes of an element that is an accumulator, perhaps in another encoding."""
    return _of_sum(builder, layer, channel, value) if layer.epilogue else value


def _alone(builder: Builder, layer: Layer, xs: Sequence[Values]) -> Values:
    return _each(layer, xs, lambda n, x: _of_element(builder, layer, n, x))


def _each(layer: Layer, xs: Sequence[Values], made: Callable[..., Ref]) -> Values:
    """Return what is made of each channel number and the elements of all inputs there."""
    _, height, width = layer.y_frame
    found = np.empty((height, width, layer.outputs), dtype=object)
    spread = [np.broadcast_to(x, found.shape) for x in xs]
    for place in np.ndindex(*found.shape):
        found[place] = made(place[2], *(x[place] for x in spread))
    return found


def _sum(builder: Builder, layer: Layer, xs: Sequence[Values]) -> Values:
    op: Any = layer.op
    encodings = layer.x_encodings
    offset = sum(
        by * (encoding.base - x.zero_point)
        for by, x, encoding in zip(op.multipliers, layer.xs, encodings, strict=True)
    )
    by = [m * encoding.step for m, encoding in zip(op.multipliers, encodings, strict=True)]
    ends = [(x.lo, x.hi) for x in layer.xs]
    products = _Products(builder, np.array(by)[:, None], ends)

    def made(channel: int, *x: Ref) -> Ref:
        ((value, more),) = products.of(x)
        return finished(builder, layer, channel, value, offset + more)

    return _each(layer, xs, made)


def _joined(builder: Builder, layer: Layer, xs: Sequence[Values]) -> Values:
    return np.concatenate(xs, axis=2)


def _chosen(builder: Builder, layer: Layer, xs: Sequence[Values]) -> Values:
    least = isinstance(layer.op, Minimum)
    return _each(layer, xs, lambda n, *x: _most(builder, x, least=least))


def _ordered(builder: Builder, layer: Layer, xs: Sequence[Values]) -> Values:
    assert isinstance(layer.op, Order)
    flat, places = xs[0].ravel(), layer.op.places
    value = constant((layer.op.value - layer.y_encoding.base) // layer.y_encoding.step)
    found = [value if place == CONSTANT else flat[place] for place in places.tolist()]
    channels, height, width = layer.y_frame
    return np.array([*found, None], dtype=object)[:-1].reshape(height, width, channels)


Made = Callable[[Builder, Layer, Sequence[Values]], Values]
MADE: dict[type, Made] = {
    **dict.fromkeys((Linear, Conv1d, Conv2d, Affine, AvgPool1d, AvgPool2d), _weighted),
    **dict.fromkeys((MaxPool1d, MaxPool2d), _largest),
    **dict.fromkeys((Requantize, Threshold, Table), _alone),
    **dict.fromkeys((Maximum, Minimum), _chosen),
    Add: _sum,
    Concat: _joined,
    Order: _ordered,
}
