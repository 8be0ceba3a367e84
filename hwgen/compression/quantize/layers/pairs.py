"""Products of two values."""

__all__ = ["QuantMultiply"]

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from hwgen.compression.quantize.layers.integers import integers_of
from hwgen.compression.quantize.quantizers import Source


class QuantMultiply(nn.Module):
    """acc = (qa - za) * (qb - zb), in units of the product of both scales."""

    zero_point = 0

    def __init__(self, path: str, a: Source, b: Source):
        super().__init__()
        self.path = path
        self._sources = (a, b)

    def output_scale(self) -> Tensor:
        """Unit of the products, (1,) float64."""
        a, b = (source.output_scale() for source in self._sources)
        return a * b

    def bound(self) -> int:
        """Bound of the magnitude of a product."""
        a, b = (source.bound() for source in self._sources)
        return a * b

    def bounds(self) -> npt.NDArray[np.float64]:
        """Bound of the magnitude of a product, (1,)."""
        return np.array([self.bound()], dtype=np.float64)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the products of two values, the second of one shape, or one a channel or pixel."""
        if self.training:
            return a * b
        acc = integers_of(a, self._sources[0]) * integers_of(b, self._sources[1])
        return acc * self.output_scale()
