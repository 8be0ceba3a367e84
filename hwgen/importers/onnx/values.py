"""What the tensors of a file are, as far as the network that grows knows them."""

__all__ = [
    "Computed",
    "Constant",
    "Joined",
    "Moved",
    "Sum",
    "Value",
    "network_shape",
    "same_layout",
]

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hwgen.importers.onnx.steps import Step
from hwgen.importers.rearrangements import CONSTANT
from hwgen.network import HostStep, MaxPool1d, MaxPool2d
from hwgen.network.ops import FloatArray, IntArray

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Constant:
    """A tensor that is known.

    data : as the file's operators compute it
    integers, unit : of one that is quantized, of its shape: it is integers * unit, exactly
    bits : that its quantizer says, 0 where none does; 1 for -1 and 1
    """

    data: npt.NDArray[Any]
    integers: IntArray | None = None
    unit: FloatArray | None = None
    bits: int = 0

    @property
    def shape(self) -> Shape:
        return self.data.shape

    def moved(self, move: Any) -> "Constant":
        """Return it with elements moved: `move` takes an array of its shape."""
        if self.integers is None or self.unit is None:
            return Constant(move(self.data))
        return Constant(move(self.data), move(self.integers), move(self.unit), self.bits)


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor that is computed: steps on the integers of a node, its zero point taken off.

    node : of the network
    shape : in the file, with the batch
    axes : of the file's axes without the batch, which of the network's each is
    steps : one after another, on each number
    pools : maxima behind them, which steps that rise do not mind
    order : of a flattened image, for each feature of the network the feature of the file
    host : what the host makes of it, which only an output may have
    """

    node: str
    shape: Shape
    axes: Shape
    steps: tuple[Step, ...] = ()
    pools: tuple[MaxPool1d | MaxPool2d, ...] = ()
    order: IntArray | None = None
    host: tuple[HostStep, ...] = ()

    @property
    def channel_axis(self) -> int:
        """Of the file, with the batch."""
        return 1 + self.axes.index(0)


@dataclass(frozen=True, eq=False)
class Joined:
    """Values one behind the other along channels, as long as they may differ in scale."""

    parts: tuple[Value, ...]
    shape: Shape
    axes: Shape

    @property
    def channel_axis(self) -> int:
        return 1 + self.axes.index(0)


@dataclass(frozen=True, eq=False)
class Sum:
    """A sum of two quantized values whose scales are no small integers, with steps behind it."""

    a: Value
    b: Value
    shape: Shape
    axes: Shape
    steps: tuple[Step, ...] = ()
    order: IntArray | None = None

    @property
    def channel_axis(self) -> int:
        return 1 + self.axes.index(0)


@dataclass(frozen=True, eq=False)
class Moved:
    """A value whose elements stand elsewhere, some left out, some several times, and perhaps a
    constant between them. What is done to it is done to the value; only what takes it places it.

    source : the value
    index : of the file's shape without the batch, the element of the source that each one is, in
        the network's order; `CONSTANT` for the constant
    batch : of the file's shape
    axes : as of a `Value`, where it is placed
    fill : the real number that the constant is
    """

    source: "Value | Joined | Sum"
    index: IntArray
    batch: int
    axes: Shape
    fill: Fraction = Fraction(0)

    @property
    def shape(self) -> Shape:
        """In the file, with the batch."""
        return (self.batch, *self.index.shape)

    @property
    def channel_axis(self) -> int:
        """Of the file, with the batch."""
        return 1 + self.axes.index(0)

    @property
    def has_constants(self) -> bool:
        """Whether some elements are the constant."""
        return bool((self.index == CONSTANT).any())

    @property
    def in_network(self) -> IntArray:
        """The index with the network's axes."""
        return self.index.transpose([self.axes.index(n) for n in range(len(self.axes))])

    def channels_behind(self) -> IntArray | None:
        """Return for each channel of the source the one that all its elements are in.

        None where there is none.
        """
        channels, *rest = network_shape(self.source)
        index = self.in_network
        index = index.reshape(len(index), -1)
        own, theirs = index // math.prod(rest), np.arange(len(index))[:, None]
        own, theirs = own[index >= 0], np.broadcast_to(theirs, index.shape)[index >= 0]
        found = np.zeros(channels, np.int64)
        found[own] = theirs
        return found if np.array_equal(found[own], theirs) else None

    @classmethod
    def of(cls, value: "Value | Joined | Sum") -> "Moved":
        """Return a value that has not moved yet."""
        shape = network_shape(value)
        order = None if isinstance(value, Joined) else value.order
        index = np.arange(math.prod(shape))
        if order is not None:
            index[order] = np.arange(len(order))
        return cls(value, index.reshape(shape).transpose(value.axes), value.shape[0], value.axes)

    def moved(self, move: Callable[[IntArray], IntArray], axes: Shape) -> "Moved":
        """Return it moved once more.

        Parameters
        ----------
        move : of an array of the file's axes without the batch
        axes : where it is placed then
        """
        return replace(self, index=move(self.index), axes=axes)


Computed: TypeAlias = Value | Joined | Sum | Moved


def network_shape(value: Value | Joined | Sum) -> Shape:
    """Return the shape in the network, without the batch."""
    return tuple(value.shape[1 + value.axes.index(n)] for n in range(len(value.axes)))


def same_layout(a: Value, b: Value) -> bool:
    """Say whether two values have one shape, and their elements lie alike."""
    if a.shape != b.shape or a.axes != b.axes:
        return False
    if a.order is None or b.order is None:
        return a.order is b.order
    return bool(np.array_equal(a.order, b.order))
