"""What moves elements, and computes nothing."""

__all__ = ["SHAPES", "axes_of", "flattened"]

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hwgen.errors import StoreError
from hwgen.importers.growing import Refusal
from hwgen.importers.onnx.builder import Builder
from hwgen.importers.onnx.file import OnnxNode
from hwgen.importers.onnx.operators.moves import moved_of
from hwgen.importers.onnx.settling import refuse_host
from hwgen.importers.onnx.steps import Clamp
from hwgen.importers.onnx.values import Constant, Joined, Moved, Value
from hwgen.network import Flatten

FLOATS = (1, 10, 11, 16)  # of TensorProto.DataType: values are what they are, whatever the type


def axes_of(builder: Builder, node: OnnxNode, rank: int) -> list[int]:
    """Return the axes that an attribute or a second input says, counted from 0."""
    if builder.has(node, 1):
        found = builder.constant(node, 1, "axes").data.ravel().tolist()
    else:
        found = node.attributes.get("axes", list(range(rank)))
    if not all(-rank <= axis < rank for axis in found):
        raise StoreError(f"axes must be of {rank}, not {found}")
    return [int(axis) % rank for axis in found]


def flattened(builder: Builder, value: Value, name: str) -> Value:
    """Return a value as features."""
    refuse_host(value)
    if len(value.shape) == 2:
        return value
    is_clamped = builder.type(value).format is not None and any(
        isinstance(step, Clamp) for step in value.steps
    )
    if value.pools or is_clamped:
        value = builder.settled(value, name)
    area = math.prod(builder.type(value).shape[1:])
    node = builder.add(Flatten(), [value.node], name)
    if value.node in builder.entries:
        builder.entries[node] = builder.entries[value.node]
    steps = tuple(step.part(lambda each: np.repeat(each, area)) for step in value.steps)
    places = np.arange(math.prod(value.shape[1:])).reshape(value.shape[1:])
    order = places.transpose([value.axes.index(n) for n in range(len(value.axes))]).ravel()
    return Value(
        node,
        (value.shape[0], order.size),
        (0,),
        steps,
        order=None if (np.diff(order) == 1).all() else order,
    )


def _reshaped(builder: Builder, node: OnnxNode, shape: Sequence[int]) -> None:
    """Give the input in another shape."""
    value = builder.computed(node)
    wanted = list(shape)
    known = math.prod(n for n in wanted if n > 0)
    if wanted.count(-1) == 1 and known and math.prod(value.shape) % known == 0:
        wanted[wanted.index(-1)] = math.prod(value.shape) // known
    if math.prod(wanted) != math.prod(value.shape) or min(wanted, default=0) < 1:
        raise StoreError(f"{value.shape} cannot be given the shape {list(shape)}")
    if tuple(wanted) == value.shape:
        builder.give(node, value)
        return
    if wanted[0] != value.shape[0]:
        raise Refusal(f"{node.kind} from {value.shape} to {tuple(wanted)}", "leave the batch alone")
    if len(wanted) == 2 and not isinstance(value, Moved):
        builder.give(node, flattened(builder, builder.value(node), node.outputs[0]))
        return
    builder.give(node, moved_of(builder, value, lambda index: index.reshape(wanted[1:])))


def _reshape(builder: Builder, node: OnnxNode) -> None:
    value = builder.computed(node)
    if builder.has(node, 1):
        shape = builder.constant(node, 1, "shapes").data.ravel().tolist()
    else:
        shape = list(node.attributes.get("shape", []))
    if not node.attributes.get("allowzero", 0):
        if any(n == 0 for n in shape[len(value.shape) :]):
            raise StoreError(f"{value.shape} cannot be given the shape {shape}")
        shape = [value.shape[at] if n == 0 else int(n) for at, n in enumerate(shape)]
    _reshaped(builder, node, shape)


def _flatten(builder: Builder, node: OnnxNode) -> None:
    value = builder.computed(node)
    axis = int(node.attributes.get("axis", 1)) % len(value.shape)
    if axis != 1:
        raise Refusal(f"Flatten from axis {axis}", "flatten from axis 1")
    _reshaped(builder, node, (value.shape[0], math.prod(value.shape[1:])))


def _squeeze(builder: Builder, node: OnnxNode) -> None:
    shape = builder.computed(node).shape
    given = builder.has(node, 1) or "axes" in node.attributes
    axes = axes_of(builder, node, len(shape)) if given else list(range(len(shape)))
    gone = {axis for axis in axes if shape[axis] == 1 and (given or axis)}
    _reshaped(builder, node, [n for axis, n in enumerate(shape) if axis not in gone])


def _transpose(builder: Builder, node: OnnxNode) -> None:
    value = builder.computed(node)
    rank = len(value.shape)
    perm = [int(n) for n in node.attributes.get("perm", range(rank)[::-1])]
    if sorted(perm) != list(range(rank)):
        raise StoreError(f"perm must order {rank} axes, not {perm}")
    if perm[0] != 0:
        raise Refusal("a Transpose of the batch", "leave the batch in front")
    if isinstance(value, Moved):
        order = [n - 1 for n in perm[1:]]
        builder.give(node, moved_of(builder, value, lambda index: index.transpose(order)))
        return
    shape = tuple(value.shape[n] for n in perm)
    axes = tuple(value.axes[n - 1] for n in perm[1:])
    if isinstance(value, Joined):
        parts = [
            replace(part, shape=tuple(part.shape[n] for n in perm), axes=axes)
            for part in value.parts
        ]
        builder.give(node, replace(value, shape=shape, axes=axes, parts=tuple(parts)))
        return
    builder.give(node, replace(builder.value(node), shape=shape, axes=axes))


def _concat(builder: Builder, node: OnnxNode) -> None:
    parts: list[Value] = []
    for index in range(len(node.inputs)):
        found = builder.get(node, index)
        if isinstance(found, Constant):
            raise Refusal("a Concat with a constant", "leave the constant to the next layer")
        parts += found.parts if isinstance(found, Joined) else [builder.value(node, index)]
    first = parts[0]
    if len(parts) == 1:
        builder.give(node, first)
        return
    axis = int(node.attributes.get("axis", 1)) % len(first.shape)
    if any(part.axes != first.axes for part in parts):
        raise Refusal("a Concat of values that lie differently", "transpose them alike")
    if axis != first.channel_axis:
        builder.found_other_layout()
        raise Refusal(f"a Concat along axis {axis}", "concatenate channels")
    shape = list(first.shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    rests = {part.shape[:axis] + part.shape[axis + 1 :] for part in parts}
    if len(rests) != 1:
        raise StoreError(f"shapes {[part.shape for part in parts]} cannot be concatenated")
    builder.give(node, Joined(tuple(parts), tuple(shape), first.axes))


def _same(builder: Builder, node: OnnxNode) -> None:
    builder.give(node, builder.get(node, 0))


def _cast(builder: Builder, node: OnnxNode) -> None:
    if node.attributes.get("to", 1) not in FLOATS:
        raise Refusal("a Cast to integers of what is computed", "quantize instead")
    _same(builder, node)


SHAPES = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Concat": _concat,
    "Identity": _same,
    "Dropout": _same,
    "Cast": _cast,
}
