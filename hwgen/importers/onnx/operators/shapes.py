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
from hwgen.importers.onnx.steps import Clamp
from hwgen.importers.onnx.values import Constant, Joined, Value
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
    if len(value.shape) == 2:
        return value
    is_clamped = builder.type(value).format is not None and any(
        isinstance(step, Clamp) for step in value.steps
    )
    if value.pools or is_clamped:
        value = builder.settled(value, name)
    if value.padding is not None:
        raise Refusal("a Pad before something else than a convolution", "pad with it")
    area = math.prod(builder.type(value).shape[1:])
    node = builder.add(Flatten(), [value.node], name)
    if value.node in builder.entries:
        builder.entries.add(node)
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
    """Give the input in another shape, which must be its own or that of a list of features."""
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
    single = builder.value(node)
    if tuple(wanted) == (value.shape[0], math.prod(value.shape[1:])):
        builder.give(node, flattened(builder, single, node.outputs[0]))
        return
    raise Refusal(
        f"{node.kind} from {value.shape} to {tuple(wanted)}", "flatten to (batch, features) alone"
    )


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


def _pad(builder: Builder, node: OnnxNode) -> None:
    value = builder.value(node)
    rank = len(value.shape)
    if node.attributes.get("mode", "constant") != "constant":
        raise Refusal(f"a Pad that is {node.attributes['mode']}", "pad with zeros")
    if builder.has(node, 1):
        pads = builder.constant(node, 1, "pads").data.ravel().tolist()
        fill = builder.constant(node, 2, "fills").data if builder.has(node, 2) else np.zeros(1)
    else:
        pads = node.attributes.get("pads", [])
        fill = np.array(node.attributes.get("value", 0.0))
    axes = list(range(rank))
    if builder.has(node, 3):
        axes = [int(a) % rank for a in builder.constant(node, 3, "axes").data.ravel().tolist()]
    if len(pads) != 2 * len(axes):
        raise StoreError(f"pads must be {2 * len(axes)} integers, not {pads}")
    if (fill != 0).any() or min(pads, default=0) < 0 or value.pools:
        raise Refusal("a Pad with something else than zeros in front of a convolution", "use zeros")
    if max(pads, default=0) > 1 << 16:
        raise StoreError(f"pads must be at most {1 << 16}, not {max(pads)}")
    padding = list(value.padding or ((0, 0),) * (rank - 2))
    for at, axis in enumerate(axes):
        ends = int(pads[at]), int(pads[at + len(axes)])
        if not any(ends):
            continue
        if axis in (0, value.channel_axis):
            raise Refusal("a Pad of channels", "pad along the spatial axes")
        place = value.axes[axis - 1] - 1
        padding[place] = padding[place][0] + ends[0], padding[place][1] + ends[1]
    padded = any(map(any, padding))
    builder.give(node, replace(value, padding=tuple(padding) if padded else None))


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
    "Pad": _pad,
    "Identity": _same,
    "Dropout": _same,
    "Cast": _cast,
}
