"""What windows take together, and zeros around a value: of any number of spatial axes."""

__all__ = ["AvgPool", "MaxPool", "PositionScale", "Sides", "ZeroPad", "padded"]

import functools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Extents = tuple[int, ...]  # of each spatial axis
Sides = tuple[tuple[int, int], ...]  # (before, after) of each spatial axis

MAXIMUM: dict[int, Callable[..., Tensor]] = {1: F.max_pool1d, 2: F.max_pool2d}  # by axes
AVERAGE: dict[int, Callable[..., Tensor]] = {1: F.avg_pool1d, 2: F.avg_pool2d}


def padded(x: Tensor, sides: Sides, value: float = 0.0) -> Tensor:
    """Return (batch, channels, ...) with `value` before and after along each spatial axis."""
    if not any(map(any, sides)):
        return x
    return F.pad(x, [n for axis in reversed(sides) for n in axis], value=value)


class MaxPool(nn.Module):
    """The largest value of each window; padding never wins.

    kernel, stride, dilation : of each spatial axis
    padding : (before, after) of each spatial axis
    """

    def __init__(self, kernel: Extents, stride: Extents, padding: Sides, dilation: Extents):
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.padding, self.dilation = padding, dilation

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, windows of each axis)."""
        x = padded(x, self.padding, float("-inf"))
        return MAXIMUM[len(self.kernel)](x, self.kernel, self.stride, 0, self.dilation)


class AvgPool(nn.Module):
    """The sum of each window over a divisor, by default the window's size; padding counts as zeros.

    kernel, stride : of each spatial axis
    padding : (before, after) of each spatial axis
    """

    def __init__(self, kernel: Extents, stride: Extents, padding: Sides, divisor: int = 0):
        super().__init__()
        self.kernel, self.stride, self.padding = kernel, stride, padding
        self.divisor = divisor or math.prod(kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, windows of each axis)."""
        average = AVERAGE[len(self.kernel)](padded(x, self.padding), self.kernel, self.stride)
        size = math.prod(self.kernel)
        return average if self.divisor == size else average * (size / self.divisor)


class PositionScale(nn.Module):
    """Each position times a factor of its own: of sums over more or fewer elements, averages.

    factors : of each spatial axis, an integer for each position
    divisor : by which all factors are too large
    by : the products of these, over the divisor, float64
    """

    by: Tensor

    def __init__(self, factors: tuple[tuple[int, ...], ...], divisor: int):
        super().__init__()
        self.factors, self.divisor = factors, divisor
        axes = (torch.tensor(axis, dtype=torch.float64) for axis in factors)
        by = functools.reduce(lambda a, b: a[..., None] * b, axes)
        self.register_buffer("by", by / divisor, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, ...), scaled."""
        return x * self.by.to(x.dtype)


class ZeroPad(nn.Module):
    """Zeros around a value, for the convolutions that take it.

    padding : (before, after) of each spatial axis
    """

    def __init__(self, padding: Sides):
        super().__init__()
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, ...), larger."""
        return padded(x, self.padding)
