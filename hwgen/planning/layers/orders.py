"""Orders: of every rearrangement, which input element each output element is.

An order is what hardware is made from, and all that it has to know. Written from
`docs/arithmetic.md` with the arithmetic of places; golden moves arrays instead.
"""

__all__ = ["CONSTANT", "ORDERS", "Indices", "Order", "constant_of", "order_of", "stream_places"]

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.network.ops import (
    Flatten,
    Gather,
    Op,
    Pad,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    Reshape,
    Slice,
    Upsample,
)

Indices = npt.NDArray[np.int64]
Shape = tuple[int, ...]
CONSTANT = -1  # in place of an element


@dataclass(frozen=True, eq=False)
class Order:
    """What a layer computes that only moves elements, in the place of an op.

    places : for each element that leaves, in the order of the stream, the one of the stream that
        enters; `CONSTANT` for the constant
    value : the constant
    """

    places: Indices
    value: int = 0


def _coordinates(shape: Shape) -> list[Indices]:
    """Return the coordinates of all elements along each axis, the last one innermost."""
    return [axis.reshape(-1) for axis in np.indices(shape, dtype=np.int64)]


def _places(at: Sequence[Indices], shape: Shape) -> Indices:
    """Return the number of elements at some coordinates."""
    found = np.zeros_like(at[0])
    for coordinate, size in zip(at, shape, strict=True):
        found = found * size + coordinate
    return found


def _pad(op: Pad, shape: Shape, made: Shape) -> Indices:
    inside = np.ones(math.prod(made), dtype=np.bool_)
    at = []
    for coordinate, before, size in zip(_coordinates(made), op.before, shape, strict=True):
        moved = coordinate - before
        inside &= (moved >= 0) & (moved < size)
        if op.mode == "reflect":
            moved = size - 1 - np.abs(size - 1 - np.abs(moved))
        elif op.mode == "circular":
            moved = moved % size
        else:
            moved = moved.clip(0, size - 1)
        at.append(moved)
    found = _places(at, shape)
    return np.where(inside, found, CONSTANT) if op.mode == "constant" else found


def _slice(op: Slice, shape: Shape, made: Shape) -> Indices:
    steps = zip(_coordinates(made), op.start, op.step, strict=True)
    return _places([start + coordinate * step for coordinate, start, step in steps], shape)


def _permute(op: Permute, shape: Shape, made: Shape) -> Indices:
    coordinates = _coordinates(made)
    return _places([coordinates[op.axes.index(axis)] for axis in range(len(shape))], shape)


def _same(op: Op, shape: Shape, made: Shape) -> Indices:
    return np.arange(math.prod(shape))


def _upsample(op: Upsample, shape: Shape, made: Shape) -> Indices:
    pairs = zip(_coordinates(made), op.factors, strict=True)
    return _places([coordinate // factor for coordinate, factor in pairs], shape)


def _shuffle(op: PixelShuffle, shape: Shape, made: Shape) -> Indices:
    channel, *pixel = _coordinates(made)
    for coordinate, factor in zip(pixel, op.factors, strict=True):
        channel = channel * factor + coordinate % factor
    moved = [at // factor for at, factor in zip(pixel, op.factors, strict=True)]
    return _places([channel, *moved], shape)


def _unshuffle(op: PixelUnshuffle, shape: Shape, made: Shape) -> Indices:
    channel, *pixel = _coordinates(made)
    moved: list[Indices] = []
    for coordinate, factor in reversed([*zip(pixel, op.factors, strict=True)]):
        channel, phase = channel // factor, channel % factor
        moved.insert(0, coordinate * factor + phase)
    return _places([channel, *moved], shape)


def _gather(op: Gather, shape: Shape, made: Shape) -> Indices:
    return op.index


ORDERS: dict[type[Op], Callable[[Any, Shape, Shape], Indices]] = {
    Flatten: _same,
    Reshape: _same,
    Pad: _pad,
    Slice: _slice,
    Permute: _permute,
    Upsample: _upsample,
    PixelShuffle: _shuffle,
    PixelUnshuffle: _unshuffle,
    Gather: _gather,
}
CONSTANTS: tuple[type[Op], ...] = (Pad, Gather)  # that may put constants beside elements


def order_of(op: Op, shape: Shape, made: Shape) -> Indices:
    """Return the input element that each output element is, both with the last axis innermost.

    Parameters
    ----------
    shape, made : of the value that enters and of the one that leaves
    """
    return ORDERS[type(op)](op, shape, made)


def constant_of(op: Any) -> int:
    """Return the constant that an op may put beside elements, 0 where it has none."""
    return op.value if type(op) in CONSTANTS else 0


def stream_places(frame: tuple[int, int, int]) -> Indices:
    """Return which element of a frame, the last axis innermost, each one of its stream is: pixels
    row by row, channels innermost."""
    return np.arange(math.prod(frame)).reshape(frame).transpose(1, 2, 0).reshape(-1)
