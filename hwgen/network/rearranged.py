"""What rearrangements mean: NumPy arrays in, NumPy arrays out.

The first axes of an array are those of a value; what follows, such as a batch, stays as it is.
"""

__all__ = ["REARRANGED", "rearranged"]

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.errors import NetworkError
from hwgen.network.ops import (
    Gather,
    Pad,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    Reshape,
    Slice,
    Upsample,
)
from hwgen.network.ops.base import MAX_ELEMENTS, Op

Array = npt.NDArray[Any]
MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def rearranged(op: Op, x: Array, shape: tuple[int, ...]) -> Array:
    """Return an array of values whose shape is `shape`, with whatever axes behind, rearranged.

    Raises
    ------
    NetworkError : the op does not fit the shape
    """
    return REARRANGED[type(op)](op, x, shape)


def _fits(axes: tuple[int, ...], shape: tuple[int, ...], what: str) -> None:
    if len(axes) != len(shape):
        raise NetworkError(f"{what} must be of the {len(shape)} axes of {shape}, not {axes}")


def _small(shape: tuple[int, ...]) -> None:
    if math.prod(shape) > MAX_ELEMENTS:
        raise NetworkError(f"Value must have at most {MAX_ELEMENTS} elements, not be {shape}")


def _pad(op: Pad, x: Array, shape: tuple[int, ...]) -> Array:
    _fits(op.before, shape, "Padding")
    sides = zip(shape, op.before, op.after, strict=True)
    _small(tuple(size + before + after for size, before, after in sides))
    widths = [*zip(op.before, op.after, strict=True), *[(0, 0)] * (x.ndim - len(shape))]
    if op.mode == "constant":
        return np.pad(x, widths, constant_values=op.value)
    for most, size in zip(map(max, op.before, op.after), shape, strict=True):
        limit = size - 1 if op.mode == "reflect" else size
        if most > limit and op.mode != "replicate":
            raise NetworkError(f"Padding ({op.mode}) must be at most {limit} of {size}, not {most}")
    return np.pad(x, widths, mode=MODES[op.mode])  # type: ignore[call-overload,no-any-return]


def _slice(op: Slice, x: Array, shape: tuple[int, ...]) -> Array:
    _fits(op.start, shape, "Slice")
    for axis, (start, count, step) in enumerate(zip(op.start, op.count, op.step, strict=True)):
        last = start + (count - 1) * step
        if not (start < shape[axis] and 0 <= last < shape[axis]):
            raise NetworkError(
                f"Slice must lie in the {shape[axis]} elements of axis {axis}, "
                f"not go from {start} to {last}"
            )
        stop = last + (1 if step > 0 else -1)
        x = x[(slice(None),) * axis + (slice(start, stop if stop >= 0 else None, step),)]
    return x


def _permute(op: Permute, x: Array, shape: tuple[int, ...]) -> Array:
    _fits(op.axes, shape, "Axes")
    return x.transpose(*op.axes, *range(len(shape), x.ndim))


def _reshape(op: Reshape, x: Array, shape: tuple[int, ...]) -> Array:
    if np.prod(op.shape) != np.prod(shape):
        raise NetworkError(f"Shape must have as many elements as {shape}, not be {op.shape}")
    return x.reshape(*op.shape, *x.shape[len(shape) :])


def _upsample(op: Upsample, x: Array, shape: tuple[int, ...]) -> Array:
    _fits(op.factors, shape, "Factors")
    _small(tuple(size * factor for size, factor in zip(shape, op.factors, strict=True)))
    for axis, factor in enumerate(op.factors):
        x = x.repeat(factor, axis)
    return x


def _shuffle(op: PixelShuffle, x: Array, shape: tuple[int, ...]) -> Array:
    _fits((1, *op.factors), shape, "Factors")
    area, rank = int(np.prod(op.factors)), len(op.factors)
    if shape[0] % area:
        raise NetworkError(f"Factors {op.factors} must divide the {shape[0]} channels")
    parts = x.reshape(shape[0] // area, *op.factors, *x.shape[1:])
    order = [0]  # then each axis with its factor inside
    for axis in range(rank):
        order += [1 + rank + axis, 1 + axis]
    sizes = (size * factor for size, factor in zip(shape[1:], op.factors, strict=True))
    rest = range(1 + 2 * rank, parts.ndim)
    return parts.transpose(*order, *rest).reshape(shape[0] // area, *sizes, *x.shape[1 + rank :])


def _unshuffle(op: PixelUnshuffle, x: Array, shape: tuple[int, ...]) -> Array:
    _fits((1, *op.factors), shape, "Factors")
    rank = len(op.factors)
    if any(size % factor for size, factor in zip(shape[1:], op.factors, strict=True)):
        raise NetworkError(f"Factors {op.factors} must divide the image, {shape[1:]}")
    sizes = [size // factor for size, factor in zip(shape[1:], op.factors, strict=True)]
    split = [n for pair in zip(sizes, op.factors, strict=True) for n in pair]
    parts = x.reshape(shape[0], *split, *x.shape[1 + rank :])
    order = [0, *range(2, 2 + 2 * rank, 2), *range(1, 1 + 2 * rank, 2)]
    rest = range(1 + 2 * rank, parts.ndim)
    channels = shape[0] * int(np.prod(op.factors))
    return parts.transpose(*order, *rest).reshape(channels, *sizes, *x.shape[1 + rank :])


def _gather(op: Gather, x: Array, shape: tuple[int, ...]) -> Array:
    rows = x.reshape(-1, *x.shape[len(shape) :])
    if int(op.index.max()) >= len(rows):
        raise NetworkError(
            f"Index must lie below the {len(rows)} elements, not be {op.index.max()}"
        )
    found = rows[op.index]
    found[op.index < 0] = op.value
    return found.reshape(*op.shape, *x.shape[len(shape) :])


REARRANGED: dict[type[Op], Callable[[Any, Array, tuple[int, ...]], Array]] = {
    Pad: _pad,
    Slice: _slice,
    Permute: _permute,
    Reshape: _reshape,
    Upsample: _upsample,
    PixelShuffle: _shuffle,
    PixelUnshuffle: _unshuffle,
    Gather: _gather,
}
