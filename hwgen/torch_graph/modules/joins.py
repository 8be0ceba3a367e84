"""Where values come together."""

__all__ = ["Add", "Concat", "Maximum", "Minimum", "Multiply"]

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Add(nn.Module):
    """The sum of two or more values, each times a factor that is not zero.

    All have the shape of the first, or a number a channel, one a pixel, or one for all.
    """

    def __init__(self, factors: Sequence[float] = (1.0, 1.0)):
        super().__init__()
        self.factors = tuple(factors)

    @property
    def falls(self) -> bool:
        """Whether anything is taken off."""
        return min(self.factors) < 0

    def forward(self, *values: Tensor) -> Tensor:
        """Return the sum."""
        terms = [x if by == 1 else x * by for x, by in zip(values, self.factors, strict=True)]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total


class Multiply(nn.Module):
    """The product of two values, the second of one shape, or a factor a channel, a pixel or for
    all."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return a * b."""
        return a * b


class Maximum(nn.Module):
    """The larger of two values of one shape."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the larger one."""
        return torch.maximum(a, b)


class Minimum(nn.Module):
    """The smaller of two values of one shape."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the smaller one."""
        return torch.minimum(a, b)


class Concat(nn.Module):
    """The channels (or features) of several values, one after the other."""

    def forward(self, *values: Tensor) -> Tensor:
        """Return (batch, sum of channels, ...)."""
        return torch.cat(values, 1)
