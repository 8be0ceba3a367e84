"""Elements in another order: the op whose name says what is done, where there is one."""

__all__ = ["CONSTANT", "frame_of", "moving"]

from collections.abc import Iterator
from itertools import permutations
from math import prod

import numpy as np
import numpy.typing as npt

from hwgen.network import Gather, Op, Pad, Permute, PixelShuffle, Reshape, Slice, Upsample
from hwgen.network.rearranged import rearranged

Indices = npt.NDArray[np.int64]
Shape = tuple[int, ...]
CONSTANT = -1  # in place of an element


def moving(index: Indices, shape: Shape, value: int = 0) -> Op:
    """Return the op that puts elements of a value in an order.

    Parameters
    ----------
    index : of the shape that is made, the element of the value that each one is, the last axis
        innermost; `CONSTANT` for the constant
    shape : of the value
    value : the constant
    """
    elements = np.arange(prod(shape)).reshape(shape)
    flat = np.ascontiguousarray(index).reshape(-1)
    for op in _guesses(index, shape):
        if np.array_equal(rearranged(op, elements, shape).reshape(-1), flat):
            return op
    frame = frame_of(index, shape)
    if frame is not None:
        before, after = zip(*frame, strict=True)
        return Pad(before, after, value=value)
    return Gather(flat, index.shape, value)


def _guesses(index: Indices, shape: Shape) -> Iterator[Op]:
    """Yield what an index may be, if it is anything with a name."""
    made = index.shape
    if prod(made) == prod(shape):
        yield Reshape(made)
    if index.min() < 0 or len(made) != len(shape):
        return
    for axes in permutations(range(len(shape))):
        if made == tuple(shape[axis] for axis in axes):
            yield Permute(axes)
    at = np.array(np.unravel_index(index, shape))
    origin = (0,) * len(shape)
    start = [int(places[origin]) for places in at]
    steps = []
    for axis, places in enumerate(at):
        second = tuple(int(n == axis) for n in range(len(shape)))
        steps.append(int(places[second]) - start[axis] if made[axis] > 1 else 1)
    if 0 not in steps and all(
        0 <= first + (count - 1) * step < size
        for first, count, step, size in zip(start, made, steps, shape, strict=True)
    ):
        yield Slice(tuple(start), made, tuple(steps))
    if not any(big % small for big, small in zip(made, shape, strict=True)):
        yield Upsample(tuple(big // small for big, small in zip(made, shape, strict=True)))
    if len(shape) > 1 and not any(
        big % small for big, small in zip(made[1:], shape[1:], strict=True)
    ):
        factors = tuple(big // small for big, small in zip(made[1:], shape[1:], strict=True))
        if made[0] * prod(factors) == shape[0]:
            yield PixelShuffle(factors)


def frame_of(index: Indices, shape: Shape) -> tuple[tuple[int, int], ...] | None:
    """Return how many constants are before and after a value along each axis.

    None where an order is something else than that.
    """
    if len(index.shape) != len(shape) or not (index >= 0).any():
        return None
    inside = np.argwhere(index >= 0)
    before, last = inside.min(axis=0), inside.max(axis=0)
    after = np.array(index.shape) - 1 - last
    if tuple((last - before + 1).tolist()) != shape:
        return None
    box = tuple(slice(first, end + 1) for first, end in zip(before, last, strict=True))
    same = np.array_equal(index[box].reshape(-1), np.arange(prod(shape)))
    if not same or int((index >= 0).sum()) != prod(shape):
        return None
    return tuple(zip(before.tolist(), after.tolist(), strict=True))
