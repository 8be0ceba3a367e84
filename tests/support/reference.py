"""The reference: every op once more, dumb on purpose, and golden held to it.

One pixel and one tap at a time; one element at a time, as a fraction, where something is rounded.
"""

import itertools
from bisect import bisect_right
from fractions import Fraction
from math import floor

import numpy as np

from hwgen.formats import Binary
from hwgen.golden import run, trace
from hwgen.network import (
    Add,
    ArgMax,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Input,
    Linear,
    MaxPool2d,
    Requantize,
    Threshold,
)
from hwgen.network.rearranged import REARRANGED
from hwgen.planning.layers.orders import constant_of, order_of


def pixels(shape):
    return itertools.product(range(shape[1]), range(shape[2]))


def reference_conv2d(op, shape, x):
    (sy, sx), (py, px), (dy, dx) = op.stride, op.padding, op.dilation
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
        r, c = row * op.stride[0] - op.padding[0], column * op.stride[1] - op.padding[1]
        yield (
            (row, column),
            values[:, :, max(r, 0) : r + op.kernel[0], max(c, 0) : c + op.kernel[1]],
        )


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


def reference_add(op, shape, a, b):
    out = np.empty((len(a[0]), *shape), dtype=np.int64)
    for at in np.ndindex(out.shape):
        m0, m1 = op.multipliers
        out[at] = m0 * (int(a[0][at]) - a[1]) + m1 * (int(b[0][at]) - b[1])
    return out


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
        value = Fraction((int(values[at]) - zero_point) * multiplier[at[1]], 1 << shift[at[1]])
        rounded = op.zero_point + round_fraction(value, op.rounding)
        out[at] = min(max(rounded, op.lo), op.hi)
    return out


def reference_threshold(op, shape, x):
    values = x[0]
    rows = op.thresholds.tolist() * (values.shape[1] if len(op.thresholds) == 1 else 1)
    out = np.empty_like(values)
    for at in np.ndindex(values.shape):
        reached = bisect_right(rows[at[1]], int(values[at]))
        out[at] = (-1, 1)[reached] if op.format == Binary() else op.base + reached
    return out


def reference_rearrange(op, shape, x):
    """One element at a time, by its place, as hardware is made."""
    values = x[0]
    flat = values.reshape(len(values), -1)
    out = np.empty((len(values), int(np.prod(shape))), dtype=np.int64)
    for to, place in enumerate(order_of(op, values.shape[1:], shape).tolist()):
        out[:, to] = constant_of(op) if place < 0 else flat[:, place]
    return out.reshape(len(values), *shape)


REFERENCE = {
    Conv2d: reference_conv2d,
    Linear: reference_linear,
    MaxPool2d: reference_max_pool2d,
    AvgPool2d: reference_avg_pool2d,
    Add: reference_add,
    Concat: reference_concat,
    Flatten: lambda op, shape, x: x[0].reshape(len(x[0]), -1),
    Requantize: reference_requantize,
    Threshold: reference_threshold,
    ArgMax: reference_arg_max,
    **dict.fromkeys(REARRANGED, reference_rearrange),
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
