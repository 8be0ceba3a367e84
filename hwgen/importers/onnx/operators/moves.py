"""What moves elements, leaves some out, repeats some, or puts a constant beside them: numbers of
elements are moved as the operator says, and a node is made where something takes them."""

__all__ = ["MOVES", "moved_of"]

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from hwgen.errors import StoreError
from hwgen.importers.growing import Refusal
from hwgen.importers.onnx.builder import Builder
from hwgen.importers.onnx.file import OnnxNode
from hwgen.importers.onnx.settling import refuse_host
from hwgen.importers.onnx.steps import as_fractions
from hwgen.importers.onnx.tensors import channel_orders
from hwgen.importers.onnx.values import Computed, Joined, Moved, Value
from hwgen.importers.rearrangements import CONSTANT
from hwgen.network.ops import IntArray
from hwgen.network.ops.base import MAX_ELEMENTS

HALF = Fraction(1, 2)
MODES = {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}  # of Pad, and of numpy.pad
Move = Callable[[IntArray], IntArray]


def moved_of(builder: Builder, value: Computed, move: Move) -> Moved:
    """Return a value moved.

    Parameters
    ----------
    move : of an array of the file's axes without the batch
    """
    if isinstance(value, Joined) and any(order is not None for order in channel_orders(value)):
        value = builder.single(value, "joined")
    if isinstance(value, Value):
        refuse_host(value)
    before = value if isinstance(value, Moved) else Moved.of(value)
    index = move(before.index)
    axes, rank = before.axes, index.ndim
    if rank != len(axes):
        axes = (*range(1, rank), 0) if builder.channels_last and rank else tuple(range(rank))
    return before.moved(lambda _: index, axes)


def _give(builder: Builder, node: OnnxNode, move: Move) -> None:
    builder.give(node, moved_of(builder, builder.computed(node), move))


def _axis(axis: Any, rank: int, least: int = 1) -> int:
    """Return an axis of the file without the batch."""
    if not -rank <= axis < rank:
        raise StoreError(f"axis must be one of {rank}, not {axis}")
    if int(axis) % rank < least:
        raise Refusal("a batch that moves", "leave the batch in front")
    return int(axis) % rank - 1


def _small(shape: Sequence[int]) -> None:
    if min(shape, default=1) < 1 or math.prod(shape) > MAX_ELEMENTS:
        raise StoreError(f"a value must have 1 to {MAX_ELEMENTS} elements, not {tuple(shape)}")


def _numbers(builder: Builder, node: OnnxNode, index: int, name: str, default: Any) -> list[Any]:
    """Return a list that is an input or, in older files, an attribute."""
    if builder.has(node, index):
        return list(builder.constant(node, index, name).data.ravel().tolist())
    return list(node.attributes.get(name, default))


def _slice(builder: Builder, node: OnnxNode) -> None:
    rank = len(builder.computed(node).shape)
    starts, ends = (
        _numbers(builder, node, n, name, ()) for n, name in ((1, "starts"), (2, "ends"))
    )
    axes = _numbers(builder, node, 3, "axes", range(len(starts)))
    steps = _numbers(builder, node, 4, "steps", [1] * len(starts))
    at = [slice(None)] * (rank - 1)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = builder.computed(node).shape[axis]
        places = range(size)[slice(int(start), int(end), int(step))]
        if not places:
            raise StoreError(f"a slice must not be empty, as that from {start} to {end} is")
        if int(axis) % rank == 0 and len(places) == size and step == 1:
            continue
        stop = places[-1] + (1 if step > 0 else -1)
        at[_axis(axis, rank)] = slice(places[0], stop if stop >= 0 else None, int(step))
    _give(builder, node, lambda index: index[tuple(at)])


def _split(builder: Builder, node: OnnxNode) -> None:
    value = builder.computed(node)
    axis = _axis(node.attributes.get("axis", 0), len(value.shape))
    size, count = value.shape[axis + 1], len(node.outputs)
    sizes = [int(n) for n in _numbers(builder, node, 1, "split", ())]
    if not sizes:
        each = -(-size // count)
        sizes = [min(each, size - n * each) for n in range(count)]
    if len(sizes) != count or min(sizes) < 1 or sum(sizes) != size:
        raise StoreError(f"{size} elements cannot be split into {sizes}")
    ends = np.cumsum([0, *sizes]).tolist()
    for name, first, last in zip(node.outputs, ends[:-1], ends[1:], strict=True):
        at = (slice(None),) * axis + (slice(first, last),)
        builder.known[name] = moved_of(builder, value, lambda index, at=at: index[at])  # type: ignore[misc]


def _gather(builder: Builder, node: OnnxNode) -> None:
    value = builder.computed(node)
    axis = _axis(node.attributes.get("axis", 0), len(value.shape))
    at = builder.constant(node, 1, "indices").data.astype(np.int64)
    size = value.shape[axis + 1]
    if at.size and not -size <= at.min() <= at.max() < size:
        raise StoreError(f"indices must be of {size}, not from {at.min()} to {at.max()}")
    _small([*value.shape[1 : axis + 1], *at.shape, *value.shape[axis + 2 :]])
    _give(builder, node, lambda index: np.take(index, at % size, axis))


def _unsqueeze(builder: Builder, node: OnnxNode) -> None:
    axes = _numbers(builder, node, 1, "axes", ())
    rank = len(builder.computed(node).shape) + len(axes)
    at = tuple(_axis(axis, rank) for axis in axes)
    _give(builder, node, lambda index: np.expand_dims(index, at))


def _expand(builder: Builder, node: OnnxNode) -> None:
    value = builder.computed(node)
    shape = tuple(int(n) for n in builder.constant(node, 1, "shapes").data.ravel())
    wide = np.broadcast_shapes(value.shape, shape)
    _small(wide[1:])
    if wide[0] != value.shape[0] or len(wide) != len(value.shape):
        raise Refusal(f"an Expand from {value.shape} to {shape}", "leave the batch in front")
    _give(builder, node, lambda index: np.broadcast_to(index, wide[1:]))


def _tile(builder: Builder, node: OnnxNode) -> None:
    value = builder.computed(node)
    times = [int(n) for n in builder.constant(node, 1, "repeats").data.ravel()]
    if len(times) != len(value.shape):
        raise StoreError(f"repeats must be {len(value.shape)} integers, not {times}")
    if times[0] != 1:
        raise Refusal("a batch that moves", "leave the batch in front")
    _small([n * size for n, size in zip(times[1:], value.shape[1:], strict=True)])
    _give(builder, node, lambda index: np.tile(index, times[1:]))


def _block(builder: Builder, node: OnnxNode) -> tuple[int, int, int, int]:
    """Return the block's size, and channels, height and width."""
    shape = builder.computed(node).shape
    block = int(node.attributes["blocksize"])
    if len(shape) != 4 or not 1 <= block <= max(shape):
        raise StoreError(f"{node.kind} by {block} does not fit {shape}")
    return block, *shape[1:]


def _depth_to_space(builder: Builder, node: OnnxNode) -> None:
    b, channels, height, width = _block(builder, node)
    if channels % (b * b):
        raise StoreError(f"blocks of {b} must divide {channels} channels")
    out = channels // (b * b)
    first = node.attributes.get("mode", "DCR") == "DCR"

    def move(index: IntArray) -> IntArray:
        if first:
            parts = index.reshape(b, b, out, height, width).transpose(2, 3, 0, 4, 1)
        else:
            parts = index.reshape(out, b, b, height, width).transpose(0, 3, 1, 4, 2)
        return parts.reshape(out, height * b, width * b)

    _give(builder, node, move)


def _space_to_depth(builder: Builder, node: OnnxNode) -> None:
    b, channels, height, width = _block(builder, node)
    if height % b or width % b:
        raise StoreError(f"blocks of {b} must divide an image of {height} x {width}")

    def move(index: IntArray) -> IntArray:
        parts = index.reshape(channels, height // b, b, width // b, b).transpose(2, 4, 0, 1, 3)
        return parts.reshape(b * b * channels, height // b, width // b)

    _give(builder, node, move)


def _pad(builder: Builder, node: OnnxNode) -> None:
    value = builder.computed(node)
    rank, mode = len(value.shape), node.attributes.get("mode", "constant")
    pads = [int(n) for n in _numbers(builder, node, 1, "pads", ())]
    if builder.has(node, 2):
        (fill,) = as_fractions(builder.constant(node, 2, "fills").data.ravel().tolist())
    else:
        (fill,) = as_fractions([node.attributes.get("value", 0.0)])
    axes = [int(a) % rank for a in _numbers(builder, node, 3, "axes", range(rank))]
    if len(pads) != 2 * len(axes):
        raise StoreError(f"pads must be {2 * len(axes)} integers, not {pads}")
    widths = [(0, 0)] * rank
    for axis, before, behind in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        widths[axis] = before, behind
    if any(widths[0]):
        raise Refusal("a Pad of the batch", "leave the batch in front")
    _small([n + sum(ends) for n, ends in zip(value.shape[1:], widths[1:], strict=True)])
    if max(map(abs, pads), default=0) > MAX_ELEMENTS:
        raise StoreError(f"pads must be at most {MAX_ELEMENTS}, not {max(map(abs, pads))}")
    cut = tuple(slice(max(0, -a), -max(0, -b) or None) for a, b in widths[1:])
    more = [(max(0, a), max(0, b)) for a, b in widths[1:]]
    if mode == "constant":
        if isinstance(value, Moved) and value.has_constants and value.fill != fill:
            value = builder.single(value, node.inputs[0])
        found = moved_of(
            builder, value, lambda index: np.pad(index[cut], more, constant_values=CONSTANT)
        )
        builder.give(node, Moved(found.source, found.index, found.batch, found.axes, fill))
        return
    if mode not in MODES:
        raise Refusal(f"a Pad that is {mode!r:.40}", f"use one of constant, {', '.join(MODES)}")
    _give(builder, node, lambda index: np.pad(index[cut], more, mode=MODES[mode]))  # type: ignore[call-overload]


def _place(how: str, at: int, scale: Fraction, size: int, out: int) -> Fraction:
    """Return where along an axis of the input an element of the output lies."""
    if how == "asymmetric":
        return at / scale
    if how == "align_corners":
        return Fraction(at * (size - 1), out - 1) if out > 1 else Fraction(0)
    if how == "pytorch_half_pixel" and out == 1:
        return Fraction(0)
    if how == "half_pixel_symmetric":
        adjusted = out / (scale * size)
        return (1 - adjusted) * Fraction(size, 2) + (at + HALF) / scale - HALF
    return (at + HALF) / scale - HALF


NEAREST: dict[str, Callable[[Fraction], int]] = {
    "round_prefer_floor": lambda x: math.ceil(x - HALF),
    "round_prefer_ceil": lambda x: math.floor(x + HALF),
    "floor": math.floor,
    "ceil": math.ceil,
}
PLACES = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "half_pixel_symmetric")


def _resize(builder: Builder, node: OnnxNode) -> None:
    value = builder.computed(node)
    rank, get = len(value.shape), node.attributes.get
    newer = node.kind == "Resize" and builder.opset > 10
    mode = get("mode", "nearest")
    if mode != "nearest":
        raise Refusal(f"a {node.kind} that is {mode!r:.40}", "use the nearest neighbour")
    how = get("coordinate_transformation_mode", "half_pixel" if newer else "asymmetric")
    rounds = get("nearest_mode", "round_prefer_floor" if newer else "floor")
    kept = get("keep_aspect_ratio_policy", "stretch")
    if how not in PLACES or rounds not in NEAREST or kept != "stretch":
        raise Refusal(f"a {node.kind} by {how!r:.40}, {rounds!r:.40}", f"use {', '.join(PLACES)}")
    axes = [int(a) % rank for a in get("axes", range(rank))]
    scales = _positive(_numbers(builder, node, 2 if newer else 1, "scales", ()))
    sizes = [int(n) for n in _numbers(builder, node, 3, "sizes", ())] if newer else []
    if len(scales or sizes) != len(axes):
        raise StoreError(f"scales or sizes must be {len(axes)} numbers")
    if not sizes:
        sizes = [math.floor(value.shape[a] * s) for a, s in zip(axes, scales, strict=True)]
    else:
        scales = [Fraction(n, value.shape[a]) for a, n in zip(axes, sizes, strict=True)]
    _small([dict(zip(axes, sizes, strict=True)).get(n, value.shape[n]) for n in range(1, rank)])
    places: dict[int, IntArray] = {}
    for axis, scale, out in zip(axes, scales, sizes, strict=True):
        size = value.shape[axis]
        found = [NEAREST[rounds](_place(how, at, scale, size, out)) for at in range(out)]
        clipped = np.clip(found, 0, size - 1)
        if axis == 0 and not np.array_equal(clipped, np.arange(size)):
            raise Refusal("a batch that moves", "leave the batch in front")
        places[axis] = clipped

    def move(index: IntArray) -> IntArray:
        for axis, taken in places.items():
            index = index if axis == 0 else np.take(index, taken, axis - 1)
        return index

    _give(builder, node, move)


def _positive(numbers: Sequence[Any]) -> list[Fraction]:
    """Return positive numbers as they are."""
    if not all(0 < n < math.inf for n in numbers):
        raise StoreError("scales must be positive and finite")
    return [Fraction(n) for n in numbers]


MOVES: dict[str, Callable[[Builder, OnnxNode], None]] = {
    "Slice": _slice,
    "Split": _split,
    "Gather": _gather,
    "Unsqueeze": _unsqueeze,
    "Expand": _expand,
    "Tile": _tile,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Pad": _pad,
    "Resize": _resize,
    "Upsample": _resize,
}
