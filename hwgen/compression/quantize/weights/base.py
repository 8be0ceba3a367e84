"""The interface of all quantizers of weights."""

__all__ = ["WeightQuantizer", "rows_of"]

from abc import ABC, abstractmethod

from torch import Tensor, nn

from hwgen.formats import Fixed


class WeightQuantizer(nn.Module, ABC):
    """From float weights to fake-quantized ones in training, and to integers in evaluation.

    Weights are (channels, ...); real = scale * integer. It may learn parameters of its own.
    """

    @abstractmethod
    def format(self, weight: Tensor) -> Fixed:
        """Format of the integers."""

    @abstractmethod
    def scale(self, weight: Tensor) -> Tensor:
        """Return the scale, (channels,) or (1,) float64, positive."""

    @abstractmethod
    def integers(self, weight: Tensor) -> Tensor:
        """Return the integers, in float64, without gradient; the weights are finite."""

    @abstractmethod
    def forward(self, weight: Tensor) -> Tensor:
        """Return the weights on their grid, in float32, differentiable."""


def rows_of(scale: Tensor, weight: Tensor) -> Tensor:
    """Return (channels,) or (1,) values shaped to broadcast against (channels, ...) weights."""
    return scale.reshape(-1, *[1] * (weight.dim() - 1))
