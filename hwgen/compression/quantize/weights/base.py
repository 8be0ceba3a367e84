"""The interface of all quantizers of weights."""

__all__ = ["StepWeights", "WeightQuantizer", "mean_scales", "rows_of"]

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from hwgen.compression.quantize.learned_scales import LearnedScale
from hwgen.compression.quantize.scale_limits import ScaleLimits, relative
from hwgen.formats import Format


class WeightQuantizer(nn.Module, ABC):
    """From float weights to fake-quantized ones in training, and to integers in evaluation.

    Weights are (channels, ...); real = scale * integer. It may learn parameters of its own.
    """

    @abstractmethod
    def format(self, weight: Tensor) -> Format:
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

    def real(self, weight: Tensor) -> Tensor:
        """Return the weights before they are rounded, within what the format holds."""
        return weight


class StepWeights(WeightQuantizer):
    """Weights of one format, on a grid whose step is a `LearnedScale`, (channels,) or (1,)."""

    step: LearnedScale

    def __init__(self, format: Format):
        super().__init__()
        self._format = format

    def format(self, weight: Tensor) -> Format:
        """Format of the integers."""
        return self._format

    def scale(self, weight: Tensor) -> Tensor:
        """Return the scale, (channels,) or (1,) float64."""
        return self.step.exact()

    def real(self, weight: Tensor) -> Tensor:
        """Return the weights before they are rounded, within what the format holds."""
        scale = rows_of(self.step.exact(), weight).to(weight.dtype)
        return torch.clamp(weight, scale * self._format.lo, scale * self._format.hi)


def rows_of(scale: Tensor, weight: Tensor) -> Tensor:
    """Return (channels,) or (1,) values shaped to broadcast against (channels, ...) weights."""
    return scale.reshape(-1, *[1] * (weight.dim() - 1))


def mean_scales(means: Tensor, power_of_two: bool, limits: ScaleLimits | None) -> Tensor:
    """Return scales from mean magnitudes: positive, and within the limits."""
    limits = relative(means) if limits is None else limits
    scales = limits.settled(means)
    return torch.exp2(torch.round(torch.log2(scales))) if power_of_two else scales
