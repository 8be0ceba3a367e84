"""Refitting: ops cut down to the shapes that their inputs have come to have."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hwgen.network import (
    Add,
    Affine,
    AvgPool1d,
    AvgPool2d,
    Linear,
    Node,
    Op,
    PositionScale,
    Requantize,
    Threshold,
)
from hwgen.network.inference import Tensor, infer
from hwgen.network.ops import Conv

IntArray = npt.NDArray[np.int64]


def kept(nodes: tuple[Node, ...], ends: Iterable[str]) -> tuple[Node, ...]:
    """Return the nodes that some need, in order; the first one stays."""
    needed = set(ends)
    for node in reversed(nodes):
        if node.name in needed:
            needed.update(node.inputs)
    return tuple(node for node in nodes if node.name in needed or node is nodes[0])


def refit(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Return the nodes with every op fitted to its inputs.

    Raises
    ------
    HwgenError : an op has no meaning for its inputs, however it is cut
    """
    tensors: dict[str, Tensor] = {}
    made = []
    for node in nodes:
        inputs = [tensors[name] for name in node.inputs if name in tensors]
        op = fitted(node.op, inputs)
        tensors[node.name] = infer(op, inputs)
        made.append(replace(node, op=op))
    return tuple(made)


def wrapped(values: IntArray, *shape: int) -> IntArray:
    """Return an array of another shape: cut where it is smaller, repeated where it is larger."""
    indices = (np.arange(n) % size for n, size in zip(shape, values.shape, strict=True))
    return values[np.ix_(*indices)]


def fitted(op: Op, inputs: Sequence[Tensor]) -> Op:
    """Return an op for these inputs."""
    if not inputs:
        return op
    x = inputs[0]
    if isinstance(op, Conv) and len(x.shape) == op.rank + 1:
        return fitted_conv(op, x)
    if isinstance(op, Linear):
        return replace(op, weight=wrapped(op.weight, len(op.bias), x.channels))
    if isinstance(op, AvgPool1d | AvgPool2d) and len(x.shape) == len(op.kernel) + 1:
        room = (n + sum(p) for n, p in zip(x.shape[1:], op.padding, strict=True))
        return replace(op, kernel=tuple(map(min, op.kernel, room)))
    if isinstance(op, PositionScale) and len(op.factors) == len(x.shape) - 1:
        sizes = zip(op.factors, x.shape[1:], strict=True)
        return replace(op, factors=tuple((axis * size)[:size] for axis, size in sizes))
    if isinstance(op, Requantize) and max(op.multiplier.size, op.shift.size) > 1:
        rows = (values[: x.channels] for values in (op.multiplier, op.shift))
        return replace(op, **dict(zip(("multiplier", "shift"), rows, strict=True)))
    if isinstance(op, Threshold) and len(op.thresholds) > 1:
        return replace(op, thresholds=op.thresholds[: x.channels])
    if isinstance(op, Affine):
        scale = op.weight_scale if op.weight_scale.size == 1 else op.weight_scale[: x.channels]
        weight, bias = op.weight[: x.channels], op.bias[: x.channels]
        return replace(op, weight=weight, bias=bias, weight_scale=scale)
    if isinstance(op, Add) and len(inputs) > 1 and all(x.scale.size == 1 for x in inputs):
        return fitted_add(op, inputs)
    return op


def fitted_conv(op: Conv, x: Tensor) -> Conv:
    """Return a convolution of as many input channels, with the groups that these allow."""
    out, _, *kernel = op.weight.shape
    if op.groups > 1 and op.weight.shape[1] == 1:  # stays depthwise
        each = out // op.groups
        groups, out = x.channels, min(out, x.channels * each)
        if out % groups:
            groups = math.gcd(groups, out)
    else:
        groups = math.gcd(op.groups, x.channels)
    room = [
        min(k, (n + sum(p) - 1) // d + 1)
        for k, n, p, d in zip(kernel, x.shape[1:], op.padding, op.dilation, strict=True)
    ]
    scale = op.weight_scale if op.weight_scale.size == 1 else op.weight_scale[:out]
    return replace(
        op,
        weight=wrapped(op.weight, out, x.channels // groups, *room),
        bias=op.bias[:out],
        weight_scale=scale,
        groups=groups,
    )


def fitted_add(op: Add, inputs: Sequence[Tensor]) -> Add:
    """Return a sum of as many inputs, whose factors suit the scales that now meet."""
    multipliers = op.multipliers[: len(inputs)]
    scales = np.array([float(x.scale[0]) for x in inputs])
    units = scales * np.broadcast_to(op.factors[: len(inputs)], len(inputs)) / np.abs(multipliers)
    if units.max() - units.min() < 1e-3 * units.max():
        return Add(multipliers, op.factors[: len(inputs)])
    return Add(multipliers, np.abs(multipliers) / scales * scales[0])
