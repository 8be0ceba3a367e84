"""Binary weights: a sign each, and a scale for each output channel.

    w = a * sign(w),  a = mean |w| of the channel;  dw = (1 / n + a * [|w| <= 1]) dC

Rastegari et al., "XNOR-Net" (ECCV 2016). The sign of 0 is +1.
"""

__all__ = ["BinaryWeights"]

import torch
from torch import Tensor

from hwgen.compression.quantize.scale_limits import ScaleLimits, relative
from hwgen.compression.quantize.weights.base import WeightQuantizer, mean_scales, rows_of
from hwgen.formats import Binary, Format


class BinaryWeights(WeightQuantizer):
    """Weights of -1 and +1; scales follow the weights.

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
        return Binary()

    @torch.no_grad()
    def scale(self, weight: Tensor) -> Tensor:
        """Return the scale, (channels,) or (1,) float64."""
        magnitudes = weight.double().abs().flatten(1 if self.per_channel else 0)
        means = magnitudes.reshape(-1, magnitudes.shape[-1]).mean(1)
        limits = (self.limits or relative(means)).fitting(means)
        means = torch.maximum(means, limits.least)  # a sign is no zero: of zeros it must not count
        return mean_scales(means, self.power_of_two, limits)

    @torch.no_grad()
    def integers(self, weight: Tensor) -> Tensor:
        """Return the signs, in float64."""
        return torch.where(weight >= 0, 1.0, -1.0).double()

    def forward(self, weight: Tensor) -> Tensor:
        """Return scale * sign, in float32, differentiable."""
        inside = weight.clamp(-1, 1)
        signs = inside + (torch.where(weight >= 0, 1.0, -1.0) - inside).detach()
        scale = self.scale(weight).to(weight.dtype)
        magnitudes = weight.abs().flatten(1 if self.per_channel else 0)
        means = magnitudes.reshape(scale.numel(), -1).mean(1)
        return signs * rows_of(means + (scale - means).detach(), weight)
