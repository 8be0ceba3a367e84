"""DotOutput: what a layer's array delivers, and what makes its accumulators of that."""

__all__ = ["DotOutput", "dot_output_of"]

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hwgen.formats import bits_for
from hwgen.network.fields import IntArray
from hwgen.network.ops import Add, AvgPool1d, AvgPool2d, Multiply, PositionScale
from hwgen.network.tensor import Tensor
from hwgen.planning.layers.layer import Layer


@dataclass(frozen=True, eq=False)
class DotOutput:
    """acc = step * sum + offset, with the constant of each output channel.

    acc : type of the accumulators, with the range of each channel
    offsets : (outputs,), or (1,) where one serves all
    step : 1, or 2 where binary inputs enter the array as 0 and 1
    """

    acc: Tensor
    offsets: IntArray
    step: int = 1

    @property
    def lo(self) -> int:
        """Smallest sum of any channel."""
        return int((self.acc.lows - self.offsets).min()) // self.step

    @property
    def hi(self) -> int:
        """Largest sum of any channel."""
        return int((self.acc.highs - self.offsets).max()) // self.step

    @property
    def plain(self) -> bool:
        """Whether the sums are the accumulators."""
        return self.step == 1 and not self.offsets.any()

    @property
    def exact(self) -> bool:
        """Whether the sums themselves fit what the array delivers; else it is what is left of
        them modulo a power of two, from which the accumulators follow all the same."""
        return bits_for(self.lo, self.hi)[0] <= self._enough

    @property
    def shape(self) -> tuple[int, bool]:
        """(bits, signed) of what the array delivers: the narrower of the range of the sums and of
        what the accumulators need."""
        return bits_for(self.lo, self.hi) if self.exact else (self._enough, True)

    @property
    def _enough(self) -> int:
        """Bits from which the accumulators follow."""
        return max(1, bits_for(self.acc.lo, self.acc.hi)[0] - (self.step - 1))


def dot_output_of(layer: Layer, constants: IntArray | int = 0) -> DotOutput:
    """Return what the datapath of a layer delivers, and its constants: this is where biases,
    shares of zero points, what binary inputs stand for, and what an encoding of the weights leaves
    to be added come together.

    Parameters
    ----------
    constants : (outputs,) or one for all: what the array's sums lack for an encoding's sake
    """
    return _sums(layer, np.asarray(constants, dtype=np.int64).tobytes())


@lru_cache(maxsize=256)  # foldings of a layer have few different ones, and share what follows them
def _sums(layer: Layer, each: bytes) -> DotOutput:
    encoding, constants = layer.x_encodings[0], np.frombuffer(each, dtype=np.int64)
    known = CONSTANTS.get(type(layer.op))
    if layer.bias is not None:
        return DotOutput(layer.acc, layer.bias + encoding.step * constants, encoding.step)
    if known is not None:
        step, offset = known(layer)
        return DotOutput(layer.acc, _one(offset) + step * constants, step)
    if not layer.epilogue:  # elements leave as they are
        return DotOutput(layer.y, _one(0))
    return DotOutput(layer.acc, _one(encoding.base), encoding.step)


def _of_average(layer: Layer) -> tuple[int, int]:
    encoding = layer.x_encodings[0]
    return encoding.step, (encoding.base - layer.x.zero_point) * layer.inputs


def _of_sum(layer: Layer) -> tuple[int, int]:
    return 1, 0  # it brings its constants with it


# (step, offset) of ops without a bias whose sums are of all elements that they take
CONSTANTS: dict[type, Callable[[Layer], tuple[int, int]]] = {
    AvgPool1d: _of_average,
    AvgPool2d: _of_average,
    Add: _of_sum,
    Multiply: _of_sum,
    PositionScale: _of_sum,
}


def _one(offset: int) -> IntArray:
    return np.array([offset], dtype=np.int64)
