"""What is decided at the end: the largest of all values, or which are above a bound."""

__all__ = ["Above", "ArgMax"]

import math

import torch
from torch import Tensor, nn


class ArgMax(nn.Module):
    """The index of the largest feature; the first one wins.

    keepdim : whether the result is (batch, 1), or (batch,), as the user's model has it
    """

    def __init__(self, keepdim: bool = False):
        super().__init__()
        self.keepdim = keepdim

    def forward(self, x: Tensor) -> Tensor:
        """Return the index, as float64, of (batch, features)."""
        return torch.argmax(x, 1, keepdim=self.keepdim).double()


class Above(nn.Module):
    """1 where a value is above a bound, else 0.

    strict : whether a value that is the bound is not above it
    """

    def __init__(self, bound: float, strict: bool = True):
        super().__init__()
        self.bound = float(bound)
        self.strict = strict

    def before(self, kind: str) -> "Above | None":
        """Return the same decision on what a host layer of this kind takes, None where there is
        none: a sigmoid rises, and is above p where what it takes is above log(p / (1 - p))."""
        if kind != "sigmoid" or not 0 < self.bound < 1:
            return None
        return Above(math.log(self.bound) - math.log1p(-self.bound), self.strict)

    def forward(self, x: Tensor) -> Tensor:
        """Return which of (batch, ...) are, as float64."""
        return (x > self.bound if self.strict else x >= self.bound).double()
