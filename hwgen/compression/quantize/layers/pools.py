"""Averages, and zeros around a value."""

__all__ = ["QuantAvgPool", "QuantPositionScale", "QuantZeroPad"]

import math

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from hwgen.compression.quantize.layers.integers import integers_of, is_binary
from hwgen.compression.quantize.layers.rearrange import QuantRearrange
from hwgen.compression.quantize.quantizers import Source
from hwgen.errors import FormatError
from hwgen.torch_graph.modules import AvgPool, PositionScale, ZeroPad
from hwgen.torch_graph.modules.windows import AVERAGE, padded


class QuantAvgPool(nn.Module):
    """An average over windows: an exact sum, whose scale is the input's over the divisor.

    Padding counts as zeros. Of each spatial axis: kernel, stride, padding (before, after).
    """

    zero_point = 0

    def __init__(self, path: str, float_layer: AvgPool, source: Source):
        super().__init__()
        self.path = path
        self.kernel, self.stride = float_layer.kernel, float_layer.stride
        self.padding, self.divisor = float_layer.padding, float_layer.divisor
        if any(map(any, self.padding)) and is_binary(source):
            raise FormatError(
                f"{path}: average of binary values must have no padding, not {self.padding}; "
                "use padding=0, or give the layer before it a format such as uint2"
            )
        if isinstance(source, QuantRearrange) and source.has_constants and is_binary(source):
            raise FormatError(
                f"{path}: average of binary values must have no zeros among them, of a padding or "
                "of windows of unequal sizes; choose an output size that divides the input's, or "
                "give the layer before it a format such as uint2"
            )
        self._source = (source,)

    def output_scale(self) -> Tensor:
        """Scale of the sums, (1,) float64."""
        return self._source[0].output_scale() / self.divisor

    def bound(self) -> int:
        """Bound of the magnitude of a sum."""
        return self._source[0].bound() * math.prod(self.kernel)

    def bounds(self) -> npt.NDArray[np.float64]:
        """Bound of the magnitude of a sum, (1,)."""
        return np.array([self.bound()], dtype=np.float64)

    def forward(self, x: Tensor) -> Tensor:
        """Return the averages of (batch, channels, ...)."""
        average, size = AVERAGE[len(self.kernel)], math.prod(self.kernel)
        if self.training:
            found = average(padded(x, self.padding), self.kernel, self.stride)
            return found if self.divisor == size else found * (size / self.divisor)
        q = padded(integers_of(x, self._source[0]), self.padding)
        total = (average(q, self.kernel, self.stride) * size).round()  # never near a tie
        return total * self.output_scale()


class QuantPositionScale(PositionScale):
    """Averages of sums over more or fewer elements, exactly: integers times integers, whose scale
    is the sums' over the divisor."""

    zero_point = 0

    def __init__(self, path: str, float_layer: PositionScale, source: Source):
        super().__init__(float_layer.factors, float_layer.divisor)
        self.path = path
        self._source = (source,)  # in a tuple: not a child

    def output_scale(self) -> Tensor:
        """Scale of the products, (1,) float64."""
        return self._source[0].output_scale() / self.divisor

    def bound(self) -> int:
        """Bound of the magnitude of a product."""
        return self._source[0].bound() * math.prod(map(max, self.factors))

    def bounds(self) -> npt.NDArray[np.float64]:
        """Bound of the magnitude of a product, (1,)."""
        return np.array([self.bound()], dtype=np.float64)

    def forward(self, x: Tensor) -> Tensor:
        """Return the averages of (batch, channels, ...)."""
        if self.training:
            return super().forward(x)
        by = (self.by * self.divisor).round()
        return integers_of(x, self._source[0]) * by * self.output_scale()


class QuantZeroPad(nn.Module):
    """Zeros around the values of a convolution, -1 where they are binary and have no zero.

    padding : (before, after) of each spatial axis
    """

    def __init__(self, float_layer: ZeroPad, source: Source):
        super().__init__()
        self.padding = float_layer.padding
        self._source = (source,)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, ...), larger."""
        below = is_binary(self._source[0])
        return padded(x, self.padding, -float(self._source[0].output_scale()) if below else 0.0)
