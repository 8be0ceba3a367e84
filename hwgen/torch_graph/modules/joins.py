"""Where values come together."""

__all__ = ["Add", "Concat"]

import torch
from torch import Tensor, nn


class Add(nn.Module):
    """The sum of two values of one shape."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return a + b."""
        return a + b


class Concat(nn.Module):
    """The channels (or features) of several values, one after the other."""

    def forward(self, *values: Tensor) -> Tensor:
        """Return (batch, sum of channels, ...)."""
        return torch.cat(values, 1)
