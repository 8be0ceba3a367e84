"""Ternary weights: -1, 0, +1, and a scale for each output channel.

    q = sign(w) where |w| > d, else 0;  d = 0.7 * mean |w|;  a = mean |w| where |w| > d

Li and Liu, "Ternary Weight Networks" (2016). The gradient of q * a is that of the identity.
"""

__all__ = ["TernaryWeights"]

import torch
from torch import Tensor

from hwgen.compression.quantize.scale_limits import ScaleLimits
from hwgen.compression.quantize.weights.base import WeightQuantizer, mean_scales, rows_of
from hwgen.formats import Format, Ternary

THRESHOLD = 0.7  # of the mean magnitude


class TernaryWeights(WeightQuantizer):
    """Weights of -1, 0 and +1; thresholds and scales follow the weights.

    Parameters
    ----------
    power_of_two : whether scales are rounded to powers of two
    per_channel : whether each channel has its own
    limits : of the scales
    """

    def __init__(self, power_of_two: bool, per_channel: bool, limits: ScaleLimits | None = None):
        super().__init__()
        self.power_of_two = power_of_two
        self.per_channel = per_channel
        self.limits = limits

    def format(self, weight: Tensor) -> Format:
        """Format of the integers."""
        return Ternary()

    @torch.no_grad()
    def scale(self, weight: Tensor) -> Tensor:
        """Return the scale, (channels,) or (1,) float64."""
        rows = self._rows(weight)
        large = rows > THRESHOLD * rows.mean(1, keepdim=True)
        means = (rows * large).sum(1) / large.sum(1).clamp(min=1)
        return mean_scales(means, self.power_of_two, self.limits)

    @torch.no_grad()
    def integers(self, weight: Tensor) -> Tensor:
        """Return the signs of what is large, in float64."""
        threshold = THRESHOLD * self._rows(weight).mean(1)
        large = weight.double().abs() > rows_of(threshold, weight)
        return torch.sign(weight.double()) * large

    def forward(self, weight: Tensor) -> Tensor:
        """Return scale * q, in float32, differentiable."""
        value = (self.integers(weight) * rows_of(self.scale(weight), weight)).to(weight.dtype)
        return weight + (value - weight).detach()

    def _rows(self, weight: Tensor) -> Tensor:
        magnitudes = weight.detach().double().abs().flatten(1)
        return magnitudes if self.per_channel else magnitudes.reshape(1, -1)
