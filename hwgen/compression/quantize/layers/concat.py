"""Channels side by side."""

__all__ = ["QuantConcat"]

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hwgen.compression.quantize.quantizers import Source


class QuantConcat(nn.Module):
    """Channels side by side; the sources lie on one grid, so that nothing is computed."""

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

    def forward(self, *values: Tensor) -> Tensor:
        """Return (batch, sum of channels, ...)."""
        return torch.cat(values, 1)
