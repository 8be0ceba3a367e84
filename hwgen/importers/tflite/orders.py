"""Elements in another order, as TFLite's tensors have them: channels last.

Operators that move elements are done to an array of element numbers. One after another they become
one order, and a node is made where something takes it.
"""

__all__ = ["CONSTANT", "MOST", "Order", "channels_first", "channels_last", "moving"]

import math
from dataclasses import dataclass

import numpy as np

from hwgen.importers.rearrangements import CONSTANT
from hwgen.importers.rearrangements import moving as op_of
from hwgen.network import Flatten, Op, Reshape
from hwgen.network.ops import IntArray

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
    if np.array_equal(index.reshape(-1), np.arange(math.prod(shape))):
        return None if shape == made else Flatten() if len(made) == 1 else Reshape(made)
    return op_of(index.reshape(made), shape, value)
