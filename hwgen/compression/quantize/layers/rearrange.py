"""Elements in another order."""

__all__ = ["QuantRearrange"]

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from hwgen.compression.quantize.quantizers import Quantizer, Source
from hwgen.errors import FormatError
from hwgen.torch_graph.modules import Rearrange


class QuantRearrange(Rearrange):
    """Elements in another order, on the grid of what they are; nothing is computed.

    A constant is the nearest integer of the grid: 0 is the zero point, and -1 of binary values,
    which have none.

    binary : whether values are -1 and +1
    """

    def __init__(self, path: str, module: Rearrange, source: Source, binary: bool):
        super().__init__(module.index, module.shape, module.value, module.each)
        self.path = path
        self.binary = binary
        self.sources = (source,)

    @property
    def zero_point(self) -> int:
        """Zero point of the input."""
        return self.sources[0].zero_point

    def output_scale(self) -> Tensor:
        """Scale of the input, (1,) float64."""
        return self.sources[0].output_scale()

    def bound(self) -> int:
        """Largest magnitude of q - zero_point."""
        return max(self.sources[0].bound(), abs(self.integer()))

    def bounds(self) -> npt.NDArray[np.float64]:
        """Largest magnitude of q - zero_point, (1,)."""
        return np.array([self.bound()], dtype=np.float64)

    def integer(self) -> int:
        """The constant as q - zero_point; 0 where there is none.

        Raises
        ------
        FormatError : it lies beyond the grid
        """
        if not self.has_constants:
            return 0
        if self.binary:
            return 1 if self.value > 0 else -1
        step = float(self.output_scale())
        found = math.floor(self.value / step + 0.5)
        low, high = self._ends()
        if not low <= found <= high:
            raise FormatError(
                f"{self.path}: constant {self.value} must lie among the values beside it, from "
                f"{low * step:.3g} to {high * step:.3g}; pad with 0, or with a smaller one"
            )
        return found

    def _ends(self) -> tuple[int, int]:
        """Return the least and the largest q - zero_point that the grid holds."""
        source: Any = self.sources[0]
        while not isinstance(source, Quantizer):
            source = source.sources[0]
        return source.format.lo - source.zero_point, source.format.hi - source.zero_point

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, *shape), or (batch, channels, *shape) where `each`."""
        return self.moved(x, float(self.integer() * self.output_scale()))
