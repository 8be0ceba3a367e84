"""Linear weights: symmetric, with a scale for each output channel, or one for the layer.

    q = clamp(floor(w / scale + 1/2), -hi, hi),  hi = 2**(bits - 1) - 1

Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference" (2018). The lowest
code of two's complement is left out, so that -q is a weight too.
"""

__all__ = ["LinearWeights"]

import torch
from torch import Tensor

from hwgen.compression.quantize.fake import fake_quantize
from hwgen.compression.quantize.learned_scales import LearnedScale
from hwgen.compression.quantize.weights.base import StepWeights, rows_of
from hwgen.formats import Fixed


class LinearWeights(StepWeights):
    """Weights on an even grid.

    Parameters
    ----------
    format : signed
    step : of (channels,) or (1,) scales
    """

    def __init__(self, format: Fixed, step: LearnedScale):
        super().__init__(format)
        self.step = step

    @torch.no_grad()
    def integers(self, weight: Tensor) -> Tensor:
        """Return the integers, in [-hi, hi], in float64."""
        q = torch.floor(weight.double() / rows_of(self.step.exact(), weight) + 0.5)
        return torch.clamp(q, -self._format.hi, self._format.hi)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weights on their grid, in float32, differentiable."""
        step = self._float_step(weight)
        return fake_quantize(weight, step, -self._format.hi, self._format.hi, 0)

    def _float_step(self, weight: Tensor) -> Tensor:
        scales = self.step.base.numel()
        return rows_of(self.step(weight.numel() // scales, self._format.hi), weight)
