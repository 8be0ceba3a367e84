"""Sums of values."""

__all__ = ["QuantAdd"]

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from hwgen.compression.quantize.fixed_point import summand_multipliers
from hwgen.compression.quantize.layers.integers import integers_of
from hwgen.compression.quantize.quantizers import Source


class QuantAdd(nn.Module):
    """acc = sum of m * (q - z), in units of the first scale times its factor, over its m.

    factors : of each source; their signs are those of the multipliers
    """

    zero_point = 0

    def __init__(self, path: str, factors: Sequence[float], sources: Sequence[Source]):
        super().__init__()
        self.path = path
        self.factors = tuple(factors)
        self._sources = tuple(sources)

    def _scales(self) -> list[float]:
        """Return what a step of each source is worth in the sum, with its sign."""
        pairs = zip(self.factors, self._sources, strict=True)
        return [by * float(source.output_scale()) for by, source in pairs]

    def multipliers(self) -> tuple[int, ...]:
        """Return integers, small, that bring all inputs to one unit, to within 0.1 %.

        Raises
        ------
        FormatError : the scales of the inputs are too far apart
        """
        scales = self._scales()
        found = summand_multipliers([abs(scale) for scale in scales], self.path)
        return tuple(m if scale > 0 else -m for m, scale in zip(found, scales, strict=True))

    def output_scale(self) -> Tensor:
        """Unit of the sums, (1,) float64."""
        unit = self._sources[0].output_scale() / abs(self.multipliers()[0])
        by = abs(self.factors[0])
        return unit if by == 1 else unit * by

    def bound(self) -> int:
        """Bound of the magnitude of a sum."""
        pairs = zip(self.multipliers(), self._sources, strict=True)
        return sum(abs(m) * source.bound() for m, source in pairs)

    def bounds(self) -> npt.NDArray[np.float64]:
        """Bound of the magnitude of a sum, (1,)."""
        return np.array([self.bound()], dtype=np.float64)

    def forward(self, *values: Tensor) -> Tensor:
        """Return the sums of values of one shape."""
        if self.training:
            terms = [x if by == 1 else x * by for x, by in zip(values, self.factors, strict=True)]
            return sum(terms[1:], terms[0])
        each = zip(self.multipliers(), values, self._sources, strict=True)
        terms = [m * integers_of(x, source) for m, x, source in each]
        return sum(terms[1:], terms[0]) * self.output_scale()
