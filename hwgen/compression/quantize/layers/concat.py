"""Values of one grid together: channels side by side, the larger and the smaller of two."""

__all__ = ["OneGrid", "QuantConcat", "QuantMaximum", "QuantMinimum"]

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hwgen.compression.quantize.quantizers import Source


class OneGrid(nn.Module):
    """What takes sources that lie on one grid, so that nothing is computed of their numbers."""

    def __init__(self, path: str, *sources: Source):
        super().__init__()
        self.path = path
        self.sources = sources

    @property
    def zero_point(self) -> int:
        """Zero point of all inputs."""
        return self.sources[0].zero_point

    def output_scale(self) -> Tensor:
        """Scale of all inputs, (1,) float64."""
        return self.sources[0].output_scale()

    def bound(self) -> int:
        """Largest magnitude of q - zero_point."""
        return max(source.bound() for source in self.sources)

    def bounds(self) -> npt.NDArray[np.float64]:
        """Largest magnitude of q - zero_point, (1,)."""
        return np.array([self.bound()], dtype=np.float64)


class QuantConcat(OneGrid):
    """Channels side by side."""

    def forward(self, *values: Tensor) -> Tensor:
        """Return (batch, sum of channels, ...)."""
        return torch.cat(values, 1)


class QuantMaximum(OneGrid):
    """The larger of two values of one shape."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the larger one."""
        return torch.maximum(a, b)


class QuantMinimum(OneGrid):
    """The smaller of two values of one shape."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the smaller one."""
        return torch.minimum(a, b)
