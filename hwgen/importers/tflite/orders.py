"""Elements in another order, as TFLite's tensors have them: channels last.

Operators that move elements are done to an array of element numbers. One after another they become
one order, and a node is made where something takes it.
"""

__all__ = ["CONSTANT", "MOST", "Order", "channels_first", "channels_last", "moving"]

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from hwgen.network import Flatten, Gather, Op, Pad, Permute, Reshape, Upsample
from hwgen.network.ops import IntArray
from hwgen.network.rearranged import rearranged

CONSTANT = -1  # in place of an element
MOST = 1 << 24  # elements of a tensor that is moved
Shape = tuple[int, ...]


def channels_first(index: IntArray) -> IntArray:
    """Return an array of a file's axes without the batch, channels last, with a network's."""
    return np.moveaxis(index, -1, 0)


def channels_last(index: IntArray) -> IntArray:
    """Return an array of a network's axes with a file's without the batch."""
    return np.moveaxis(index, 0, -1)


@dataclass(frozen=True, eq=False)
class Order:
    """What a tensor is.

    source : the tensor whose elements it has
    index : of the tensor's own shape without the batch, the element of the source's value in the
        network that each one is, the last axis innermost; `CONSTANT` for the constant
    value : the constant
    """

    source: int
    index: IntArray
    value: int = 0

    @classmethod
    def same(cls, source: int, shape: Shape) -> "Order":
        """Return the order of a tensor itself.

        Parameters
        ----------
        shape : of the network's value
        """
        return cls(source, channels_last(np.arange(math.prod(shape)).reshape(shape)))

    @property
    def has_constants(self) -> bool:
        """Whether some elements are the constant."""
        return bool((self.index == CONSTANT).any())


def moving(index: IntArray, shape: Shape, made: Shape, value: int) -> Op | None:
    """Return the op that puts elements of a value in an order; None where they stay as they are.

    Parameters
    ----------
    index : of the shape made
    shape : of the value
    """
    flat = np.ascontiguousarray(index).reshape(-1)
    numbers = np.arange(math.prod(shape)).reshape(shape)
    if np.array_equal(flat, numbers.reshape(-1)):
        return None if shape == made else Flatten() if len(made) == 1 else Reshape(made)
    if len(shape) == len(made):
        for op in _named(flat, shape, made):
            found = rearranged(op, numbers, shape)
            if found.shape == made and np.array_equal(found.reshape(-1), flat):
                return replace(op, value=value) if isinstance(op, Pad) else op
    return Gather(flat, made, value)


def _named(flat: IntArray, shape: Shape, made: Shape) -> Iterator[Op]:
    """Yield ops of a name of their own that might do; a pad with `CONSTANT`."""
    axes = range(len(shape))
    if sorted(shape) == sorted(made):
        yield from (Permute(p) for p in permutations(axes) if tuple(shape[n] for n in p) == made)
        return
    if all(b % a == 0 for a, b in zip(shape, made, strict=True)):
        yield Upsample(tuple(b // a for a, b in zip(shape, made, strict=True)))
    real = np.flatnonzero(flat != CONSTANT)
    if real.size and all(a <= b for a, b in zip(shape, made, strict=True)):
        before = np.unravel_index(int(real[0]), made)
        sides = [int(n) for n in before]
        after = [b - a - n for a, b, n in zip(shape, made, sides, strict=True)]
        if min(after) >= 0:
            yield Pad(tuple(sides), tuple(after), value=CONSTANT)
