"""Shrinking: a smaller network that still fails.

Candidates are made from the current network, the boldest first; those that are not legal, not
smaller, or do not fail are passed over, and the search begins anew from each one that does, until
none is left or time is up.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from hwgen.errors import HwgenError
from hwgen.formats import Fixed
from hwgen.network import (
    AvgPool1d,
    AvgPool2d,
    Input,
    Linear,
    MaxPool1d,
    MaxPool2d,
    Network,
    Node,
    Op,
    Output,
    Requantize,
    Threshold,
)
from hwgen.network.ops import Conv
from support.fuzz.refit import kept, refit

Change = Callable[[Op], Op]


def shrink(network: Network, fails: Callable[[Network], bool], *, seconds: float) -> Network:
    """Return a smaller network that fails as well, or the network itself.

    Parameters
    ----------
    fails : says whether a network fails in the same way
    seconds : after which the smallest one found so far is returned
    """
    deadline = time.monotonic() + seconds
    tried = set[tuple[object, ...]]()
    while True:
        for candidate in candidates(network):
            if time.monotonic() > deadline:
                return network
            key = fingerprint(candidate)
            if key in tried or size(candidate) >= size(network):
                continue
            tried.add(key)
            if fails(candidate):
                network = candidate
                break
        else:
            return network


def size(network: Network) -> int:
    """Return how much there is to a network: ends, nodes, values, weights, unusual settings."""
    total = len(network.ends)
    for node in network.nodes:
        tensor = network.tensors[node.name]
        levels = tensor.format.hi - tensor.format.lo if tensor.format else 0
        total += 200 + math.prod(tensor.shape) + levels.bit_length()
        total += 2 * bool(tensor.zero_point)
        if isinstance(node.op, Requantize):
            of = node.op.format
            total += (node.op.lo != of.lo) + (node.op.hi != of.hi)
        for value in vars(node.op).values():
            if isinstance(value, np.ndarray):
                total += value.size + sum(int(n).bit_length() for n in value.flat)
            elif isinstance(value, tuple):
                total += _sum(value)
            elif isinstance(value, str):
                total += value != "half_up"
    return total


def _sum(value: object) -> float:
    """Return the sum of the magnitudes of numbers in tuples, and in those in them."""
    if isinstance(value, tuple):
        return sum(map(_sum, value))
    return abs(value) if isinstance(value, int | float) else 0


def fingerprint(network: Network) -> tuple[object, ...]:
    """Return what tells networks apart."""
    return network.ends, *(
        (
            node.name,
            node.inputs,
            *(
                value.tobytes() if isinstance(value, np.ndarray) else str(value)
                for value in vars(node.op).values()
            ),
        )
        for node in network.nodes
    )


def candidates(network: Network) -> Iterator[Network]:
    """Yield legal networks made from one by cutting, bypassing and simplifying."""
    return (made for made in _changed(network) if made is not None)


def _changed(network: Network) -> Iterator[Network | None]:
    for end in network.ends if len(network.ends) > 1 else ():
        yield legal(network.nodes, tuple(other for other in network.ends if other is not end))
    for nodes in (*cut(network), *bypassed(network)):
        yield legal(nodes, network.ends)
    for change in CHANGES:
        for names in ({node.name for node in network.nodes}, *([n.name] for n in network.nodes)):
            nodes = tuple(
                replace(node, op=changed(node.op, change)) if node.name in names else node
                for node in network.nodes
            )
            yield legal(nodes, network.ends)


def legal(nodes: tuple[Node, ...], ends: Sequence[Output]) -> Network | None:
    """Return the network of nodes whose ops are cut down to the shapes they now meet, if legal; its
    outputs are those that are left, or the last node."""
    names = {node.name for node in nodes}
    left = [end for end in ends if end.node in names] or [Output(nodes[-1].name)]
    try:
        return Network(refit(kept(nodes, (end.node for end in left))), left)
    except (HwgenError, ValueError, IndexError, ZeroDivisionError):
        return None


def changed(op: Op, change: Change) -> Op:
    """Return the op changed, or as it is where that is no op."""
    try:
        return change(op)
    except HwgenError:
        return op


def cut(network: Network) -> Iterator[tuple[Node, ...]]:
    """Yield the network up to each node, and from each node on, which then is the input."""
    nodes = network.nodes
    for end in range(2, len(nodes)):
        yield nodes[:end]
    for start in range(len(nodes) - 2, 0, -1):
        tensor = network.tensors[nodes[start].name]
        if tensor.format is not None and tensor.scale.size == 1:
            op = Input(tensor.shape, tensor.format, tensor.scale, tensor.zero_point)
            yield (Node(nodes[start].name, op), *nodes[start + 1 :])


def bypassed(network: Network) -> Iterator[tuple[Node, ...]]:
    """Yield the network with the users of one value given an earlier one instead, the earliest
    first; and with one input of a join left away."""
    nodes = network.nodes
    for back in range(len(nodes) - 2, 0, -1):
        for first in range(len(nodes) - 1 - back):
            yield renamed(nodes, {nodes[first + back].name: nodes[first].name})
    for node in nodes:
        for position in range(len(node.inputs) if len(node.inputs) > 2 else 0):
            inputs = node.inputs[:position] + node.inputs[position + 1 :]
            yield tuple(replace(n, inputs=inputs) if n is node else n for n in nodes)


def renamed(nodes: tuple[Node, ...], names: Mapping[str, str]) -> tuple[Node, ...]:
    """Return the nodes with other inputs."""
    return tuple(
        replace(node, inputs=tuple(names.get(name, name) for name in node.inputs)) for node in nodes
    )


def half_input(axis: int) -> Change:
    """Return what halves one axis of the input."""

    def change(op: Op) -> Op:
        if not isinstance(op, Input) or axis >= len(op.shape):
            return op
        shape = list(op.shape)
        shape[axis] = (shape[axis] + 1) // 2
        return replace(op, shape=tuple(shape))

    return change


def less_input(axis: int) -> Change:
    """Return what takes one off an axis of the input."""

    def change(op: Op) -> Op:
        if not isinstance(op, Input) or axis >= len(op.shape):
            return op
        shape = list(op.shape)
        shape[axis] -= 1
        return replace(op, shape=tuple(shape))

    return change


def outputs(count: Callable[[int], int]) -> Change:
    """Return what leaves a weighted op `count(all)` outputs, whole groups of them."""

    def change(op: Op) -> Op:
        if not isinstance(op, Conv | Linear):
            return op
        groups = op.groups if isinstance(op, Conv) else 1
        few = max(1, count(len(op.bias) // groups)) * groups
        scale = op.weight_scale if op.weight_scale.size == 1 else op.weight_scale[:few]
        return replace(op, weight=op.weight[:few], bias=op.bias[:few], weight_scale=scale)

    return change


def small_kernel(op: Op) -> Op:
    """Cut a tap off each side of a kernel that is larger than one."""
    if isinstance(op, Conv):
        taps = (slice(max(1, n - 1)) for n in op.weight.shape[2:])
        return replace(op, weight=op.weight[:, :, *taps])
    if isinstance(op, MaxPool1d | AvgPool1d | MaxPool2d | AvgPool2d):
        kernel = tuple(max(1, n - 1) for n in op.kernel)
        sides = zip(op.padding, kernel, strict=True)
        padding = tuple((min(a, k // 2), min(b, k // 2)) for (a, b), k in sides)
        return replace(op, kernel=kernel, padding=padding)
    return op


def plain(**values: object) -> Change:
    """Return what sets fields of a window."""

    def change(op: Op) -> Op:
        there = {name: value for name, value in values.items() if hasattr(op, name)}
        return replace(op, **there) if there and not isinstance(op, Input) else op

    return change


def one_post(op: Op) -> Op:
    """One multiplier and shift, or one row of thresholds, for all channels."""
    if isinstance(op, Requantize):
        return replace(op, multiplier=op.multiplier[:1], shift=op.shift[:1])
    return replace(op, thresholds=op.thresholds[:1]) if isinstance(op, Threshold) else op


def simple_multiplier(op: Op) -> Op:
    """A multiplier of a bit less."""
    if not isinstance(op, Requantize):
        return op
    return replace(
        op, multiplier=np.maximum(1, op.multiplier >> 1), shift=np.maximum(0, op.shift - 1)
    )


def fewer_steps(op: Op) -> Op:
    """Half the thresholds."""
    if not isinstance(op, Threshold):
        return op
    return replace(op, thresholds=op.thresholds[:, : (op.thresholds.shape[1] + 1) // 2])


def no_zero_point(op: Op) -> Op:
    """A zero point of zero."""
    return replace(op, zero_point=0) if isinstance(op, Input | Requantize | Threshold) else op


def no_clamp(op: Op) -> Op:
    """The format's own clamp."""
    return replace(op, lo=None, hi=None) if isinstance(op, Requantize) else op


def narrow(op: Op) -> Op:
    """A format of one bit less."""
    if not isinstance(op, Input | Requantize | Threshold) or not isinstance(op.format, Fixed):
        return op
    of = Fixed(op.format.bits - 1, op.format.signed)
    values: dict[str, object] = {"zero_point": int(np.clip(op.zero_point, of.lo, of.hi))}
    if isinstance(op, Requantize):
        values |= {end: int(np.clip(getattr(op, end), of.lo, of.hi)) for end in ("lo", "hi")}
    return replace(op, format=of, **values)


def small_weights(op: Op) -> Op:
    """Weights in a format of one bit less."""
    if not isinstance(op, Conv | Linear) or not isinstance(op.weight_format, Fixed):
        return op
    of = Fixed(op.weight_format.bits - 1)
    return replace(op, weight_format=of, weight=op.weight.clip(of.lo, of.hi))


def ones(op: Op) -> Op:
    """Weights of one."""
    return replace(op, weight=np.ones_like(op.weight)) if isinstance(op, Conv | Linear) else op


def no_bias(op: Op) -> Op:
    """Biases of zero."""
    return replace(op, bias=np.zeros_like(op.bias)) if isinstance(op, Conv | Linear) else op


CHANGES: tuple[Change, ...] = (
    outputs(lambda count: 1),
    outputs(lambda count: count // 2),
    outputs(lambda count: count - 1),
    *(half_input(axis) for axis in range(3)),
    *(less_input(axis) for axis in range(3)),
    small_kernel,
    plain(padding=0),
    plain(stride=1),
    plain(dilation=1),
    plain(rounding="half_up"),
    plain(multipliers=(1, 1)),
    one_post,
    no_bias,
    ones,
    no_zero_point,
    no_clamp,
    fewer_steps,
    simple_multiplier,
    narrow,
    small_weights,
)
