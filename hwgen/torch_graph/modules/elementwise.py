"""Functions of one value that torch has no module for."""

__all__ = ["Clamp", "Elementwise", "elementwise"]

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Clamp(nn.Module):
    """min(max(x, lo), hi); an end that is infinite clamps nothing."""

    def __init__(self, lo: float, hi: float):
        super().__init__()
        self.lo = lo
        self.hi = hi

    def forward(self, x: Tensor) -> Tensor:
        """Return the clamped values, of the shape of x."""
        return torch.clamp(x, self.lo, self.hi)


class Elementwise(nn.Module):
    """Any function that makes of each value another, whatever the values beside it.

    function : from a float tensor, of float32 or float64, to one of its shape and type; without
        weights of its own
    """

    def __init__(self, function: Callable[[Tensor], Tensor]):
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Return the function's values, of the shape of x."""
        return self.function(x)


def elementwise(function: Callable[[Tensor], Tensor]) -> Elementwise:
    """Return a layer that is a function of one value, for use in a model that will be compressed.

        self.bell = hwgen.elementwise(lambda x: torch.exp(-x * x))

    In hardware it is a table of what the function gives for each integer that enters it.

    Parameters
    ----------
    function : from a float tensor, of float32 or float64, to one of its shape; each value must
        depend on the value at its place alone, and on no weights
    """
    return Elementwise(function)
