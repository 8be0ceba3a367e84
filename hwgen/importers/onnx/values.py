"""What the tensors of a file are, as far as the network that grows knows them."""

__all__ = ["Constant", "Joined", "Sum", "Value", "same_layout"]

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.importers.onnx.steps import Step
from hwgen.network import MaxPool1d, MaxPool2d
from hwgen.network.ops import FloatArray, IntArray, Padding

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
    padding : zeros around it, of a Pad
    last : a function that only an output may have, such as Softmax
    """

    node: str
    shape: Shape
    axes: Shape
    steps: tuple[Step, ...] = ()
    pools: tuple[MaxPool1d | MaxPool2d, ...] = ()
    order: IntArray | None = None
    padding: Padding | None = None
    last: str = ""

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


def same_layout(a: Value, b: Value) -> bool:
    """Say whether two values have one shape, and their elements lie alike."""
    if a.shape != b.shape or a.axes != b.axes:
        return False
    if a.order is None or b.order is None:
        return a.order is b.order
    return bool(np.array_equal(a.order, b.order))
