"""Averages."""

__all__ = ["QuantAvgPool2d"]

import numpy as np
import numpy.typing as npt
import torch.nn.functional as F
from torch import Tensor, nn

from hwgen.compression.quantize.layers.integers import integers_of, is_binary, pair
from hwgen.compression.quantize.quantizers import Source
from hwgen.errors import FormatError


class QuantAvgPool2d(nn.Module):
    """An average over windows: an exact sum, whose scale is the input's over the window's size.

    Padding counts as zeros. Kernel, stride and padding are pairs.
    """

    zero_point = 0

    def __init__(self, path: str, float_layer: nn.AvgPool2d, source: Source):
        super().__init__()
        self.path = path
        self.kernel = pair(float_layer.kernel_size)
        self.stride = pair(float_layer.stride)
        self.padding = pair(float_layer.padding)
        if any(self.padding) and is_binary(source):
            raise FormatError(
                f"{path}: average of binary values must have no padding, not {self.padding}; "
                "use padding=0, or give the layer before it a format such as uint2"
            )
        self._source = (source,)

    def output_scale(self) -> Tensor:
        """Scale of the sums, (1,) float64."""
        return self._source[0].output_scale() / (self.kernel[0] * self.kernel[1])

    def bound(self) -> int:
        """Bound of the magnitude of a sum."""
        return self._source[0].bound() * self.kernel[0] * self.kernel[1]

    def bounds(self) -> npt.NDArray[np.float64]:
        """Bound of the magnitude of a sum, (1,)."""
        return np.array([self.bound()], dtype=np.float64)

    def forward(self, x: Tensor) -> Tensor:
        """Return the averages of (batch, channels, height, width)."""
        if self.training:
            return F.avg_pool2d(x, self.kernel, self.stride, self.padding)
        q = integers_of(x, self._source[0])
        total = F.avg_pool2d(q, self.kernel, self.stride, self.padding, divisor_override=1)
        return total * self.output_scale()
