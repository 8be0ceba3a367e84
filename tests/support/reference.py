"""The reference: every op once more, dumb on purpose, and golden held to it.

One pixel and one tap at a time; one element at a time, as a fraction, where something is rounded.
"""

import itertools
import math
from bisect import bisect_right
from fractions import Fraction
from math import floor

import numpy as np

from hwgen.formats import Binary
from hwgen.golden import run, trace
from hwgen.network import (
    Add,
    Affine,
    ArgMax,
    AvgPool1d,
    AvgPool2d,
    Concat,
    Conv1d,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Maximum,
    MaxPool1d,
    MaxPool2d,
    Minimum,
    Multiply,
    PositionScale,
    Requantize,
    Table,
    Threshold,
)
from support.sources import SOURCE


def pixels(shape):
    return itertools.product(range(shape[1]), range(shape[2]))


def reference_conv2d(op, shape, x):
    (sy, sx), ((py, _), (px, _)), (dy, dx) = op.stride, op.padding, op.dilation
    values, zero_point, is_binary = x
    count, width = op.weight.shape[0] // op.groups, op.weight.shape[1]
    out = np.empty((len(values), *shape), dtype=np.int64)
    for m, (row, column) in itertools.product(range(shape[0]), pixels(shape)):
        first = m // count * width  # of the input channels of this output's group
        total = np.full(len(values), op.bias[m])
        for i, j in itertools.product(*map(range, op.weight.shape[2:])):
            r, c = row * sy - py + i * dy, column * sx - px + j * dx
            if 0 <= r < values.shape[2] and 0 <= c < values.shape[3]:
                seen = values[:, first : first + width, r, c] - zero_point
                total += seen @ op.weight[m, :, i, j]
            elif is_binary:  # the padding is -1
                total -= op.weight[m, :, i, j].sum()
        out[:, m, row, column] = total
    return out


def reference_linear(op, shape, x):
    values, zero_point, _ = x
    return (values - zero_point) @ op.weight.T + op.bias


def windows(op, shape, values):
    """Yield where each output pixel is, and what lies in its window but not on the padding."""
    for row, column in pixels(shape):
        seen = []
        for axis, at in ((0, row), (1, column)):
            start, apart = at * op.stride[axis] - op.padding[axis][0], 1
            if hasattr(op, "dilation"):
                apart = op.dilation[axis]
            places = [start + n * apart for n in range(op.kernel[axis])]
            seen.append([place for place in places if 0 <= place < values.shape[2 + axis]])
        yield (row, column), values[:, :, seen[0]][..., seen[1]]


def reference_max_pool2d(op, shape, x):
    out = np.empty((len(x[0]), *shape), dtype=np.int64)
    for (row, column), window in windows(op, shape, x[0]):
        out[:, :, row, column] = window.max(axis=(2, 3))
    return out


def reference_avg_pool2d(op, shape, x):
    values, zero_point, _ = x
    out = np.empty((len(values), *shape), dtype=np.int64)
    for (row, column), window in windows(op, shape, values - zero_point):
        out[:, :, row, column] = window.sum(axis=(2, 3))
    return out


def reference_add(op, shape, *inputs):
    return each(
        shape,
        lambda *values: sum(m * x for m, x in zip(op.multipliers, values, strict=True)),
        *inputs,
    )


def each(shape, function, *inputs):
    """Return a function of one element of each input, less its zero point."""
    out = np.empty((len(inputs[0][0]), *shape), dtype=np.int64)
    for at in np.ndindex(out.shape):
        found = []
        for values, zero_point, _ in inputs:
            own = tuple(n if extent > 1 else 0 for n, extent in zip(at, values.shape, strict=True))
            found.append(int(values[own]) - zero_point)
        out[at] = function(*found)
    return out


def reference_affine(op, shape, x):
    values, zero_point, _ = x
    out = np.empty_like(values)
    for at in np.ndindex(values.shape):
        out[at] = int(op.weight[at[1]]) * (int(values[at]) - zero_point) + int(op.bias[at[1]])
    return out


def reference_extreme(choose):
    return lambda op, shape, a, b: each(shape, choose, (a[0], 0, a[2]), (b[0], 0, b[2]))


def reference_concat(op, shape, *inputs):
    out = np.empty((len(inputs[0][0]), *shape), dtype=np.int64)
    channel = 0
    for values, *_ in inputs:
        for own in range(values.shape[1]):
            out[:, channel] = values[:, own]
            channel += 1
    assert channel == shape[0]
    return out


def reference_arg_max(op, shape, x):
    return np.array([[row.index(max(row))] for row in x[0].tolist()], dtype=np.int64)


def round_quotient(value, shift, rounding):
    """Return an integer over 2**shift, rounded; twice where so it is called."""
    if rounding == "double":
        first = min(shift, 31)
        once = round_fraction(Fraction(value, 1 << first), "half_up")
        return round_fraction(Fraction(once, 1 << (shift - first)), "half_away")
    return round_fraction(Fraction(value, 1 << shift), rounding)


def round_fraction(value, rounding):
    if rounding == "half_even":
        return round(value)
    if rounding == "half_up":
        return floor(value + Fraction(1, 2))
    return floor(abs(value) + Fraction(1, 2)) * (1 if value >= 0 else -1)


def reference_requantize(op, shape, x):
    values, zero_point, _ = x
    channels = values.shape[1]
    multiplier = np.broadcast_to(op.multiplier, channels).tolist()
    shift = np.broadcast_to(op.shift, channels).tolist()
    out = np.empty_like(values)
    for at in np.ndindex(values.shape):
        product = (int(values[at]) - zero_point) * multiplier[at[1]]
        rounded = op.zero_point + round_quotient(product, shift[at[1]], op.rounding)
        out[at] = min(max(rounded, op.lo), op.hi)
    return out


def reference_table(op, shape, x):
    values, out = x[0], np.empty(x[0].shape, dtype=np.int64)
    for place, value in np.ndenumerate(values):
        row = op.entries[place[1] if len(op.entries) > 1 else 0]
        out[place] = row[value - op.lo]
    return out


def reference_threshold(op, shape, x):
    values = x[0]
    rows = op.thresholds.tolist() * (values.shape[1] if len(op.thresholds) == 1 else 1)
    out = np.empty_like(values)
    for at in np.ndindex(values.shape):
        reached = bisect_right(rows[at[1]], int(values[at]))
        out[at] = (-1, 1)[reached] if op.format == Binary() else op.base + reached
    return out


def as_images(of, planar):
    """Return a reference of what has a length, by that of images of height 1."""

    def reference_of(op, shape, x):
        fields = {"stride": (1, *op.stride), "padding": ((0, 0), *op.padding)}
        if hasattr(op, "dilation"):
            fields["dilation"] = (1, *op.dilation)
        if hasattr(op, "weight"):
            names = ("bias", "weight_format", "weight_scale", "groups")
            fields |= {name: getattr(op, name) for name in names}
            fields["weight"] = op.weight[:, :, None]
        else:
            fields["kernel"] = (1, *op.kernel)
        image = (x[0][:, :, None], *x[1:])
        return planar(of(**fields), (shape[0], 1, shape[1]), image)[:, :, 0]

    return reference_of


def reference_position_scale(op, shape, x):
    values, zero_point, _ = x
    out = np.empty((len(values), *shape), dtype=np.int64)
    for place in itertools.product(*map(range, shape[1:])):
        factor = math.prod(axis[at] for axis, at in zip(op.factors, place, strict=True))
        out[(..., *place)] = (values[(..., *place)] - zero_point) * factor
    return out


def reference_rearranged(op, shape, x):
    """By index numbers, each op's own element by element."""
    values, before = x[0], x[0].shape[1:]
    out = np.empty((len(values), *shape), dtype=np.int64)
    for place in np.ndindex(shape):
        source = SOURCE[type(op)](op, place, before, shape)
        out[(slice(None), *place)] = op.value if source is None else values[(slice(None), *source)]
    return out


REFERENCE = {
    PositionScale: reference_position_scale,
    **dict.fromkeys(SOURCE, reference_rearranged),
    Conv1d: as_images(Conv2d, reference_conv2d),
    MaxPool1d: as_images(MaxPool2d, reference_max_pool2d),
    AvgPool1d: as_images(AvgPool2d, reference_avg_pool2d),
    Conv2d: reference_conv2d,
    Linear: reference_linear,
    MaxPool2d: reference_max_pool2d,
    AvgPool2d: reference_avg_pool2d,
    Add: reference_add,
    Concat: reference_concat,
    Multiply: lambda op, shape, a, b: each(shape, lambda x, y: x * y, a, b),
    Maximum: reference_extreme(max),
    Minimum: reference_extreme(min),
    Affine: reference_affine,
    Flatten: lambda op, shape, x: x[0].reshape(len(x[0]), -1),
    Requantize: reference_requantize,
    Threshold: reference_threshold,
    Table: reference_table,
    ArgMax: reference_arg_max,
}


def reference(network, x):
    """Return every value of the network, by name."""
    values = {}
    for node in network.nodes:
        types = [(name, network.tensors[name]) for name in node.inputs]
        inputs = [(values[name], t.zero_point, t.format == Binary()) for name, t in types]
        shape = network.tensors[node.name].shape
        if isinstance(node.op, Input):
            values[node.name] = x
        else:
            values[node.name] = REFERENCE[type(node.op)](node.op, shape, *inputs)
    return values


def check(network, x, label):
    """Hold trace and run to the reference, and every value to its proven range."""
    expected, got = reference(network, x), trace(network, x)
    assert list(got) == [node.name for node in network.nodes]
    for name, tensor in network.tensors.items():
        assert got[name].dtype == np.int64
        assert got[name].shape == (len(x), *tensor.shape)
        assert np.array_equal(got[name], expected[name]), f"{label}: {name}"
        ends = got[name].reshape(len(x), tensor.shape[0], -1)
        assert (ends.min(axis=(0, 2)) >= tensor.lows).all(), f"{label}: {name} below its range"
        assert (ends.max(axis=(0, 2)) <= tensor.highs).all(), f"{label}: {name} above its range"
    last = network.nodes[-1].name
    assert np.array_equal(run(network, x), expected[last]), f"{label}: run differs from trace"
