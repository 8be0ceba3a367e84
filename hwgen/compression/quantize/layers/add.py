"""Sums of values."""

__all__ = ["QuantAdd"]

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from hwgen.compression.quantize.fixed_point import summand_multipliers
from hwgen.compression.quantize.layers.integers import integers_of
from hwgen.compression.quantize.quantizers import Source


class QuantAdd(nn.Module):
    """acc = m0 * (qa - za) + m1 * (qb - zb), in units of scale of a / m0."""

    zero_point = 0

    def __init__(self, path: str, a: Source, b: Source):
        super().__init__()
        self.path = path
        self._sources = (a, b)

    def multipliers(self) -> tuple[int, int]:
        """Return (m0, m1), small, that bring both inputs to one unit, to within 0.1 %.

        Raises
        ------
        FormatError : the scales of the inputs are too far apart
        """
        a, b = (float(source.output_scale()) for source in self._sources)
        return summand_multipliers(a, b, self.path)

    def output_scale(self) -> Tensor:
        """Unit of the sums, (1,) float64."""
        return self._sources[0].output_scale() / self.multipliers()[0]

    def bound(self) -> int:
        """Bound of the magnitude of a sum."""
        pairs = zip(self.multipliers(), self._sources, strict=True)
        return sum(m * source.bound() for m, source in pairs)

    def bounds(self) -> npt.NDArray[np.float64]:
        """Bound of the magnitude of a sum, (1,)."""
        return np.array([self.bound()], dtype=np.float64)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the sums of two values of one shape."""
        if self.training:
            return a + b
        m0, m1 = self.multipliers()
        acc = m0 * integers_of(a, self._sources[0]) + m1 * integers_of(b, self._sources[1])
        return acc * self.output_scale()
