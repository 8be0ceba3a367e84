"""The scale of a quantizer, its grid's step: learned in its logarithm, as it is, or not at all.

All three start at the calibrated scale; their gradients are multiplied by 1 / sqrt(values * hi).
"""

__all__ = ["FixedScale", "LearnedScale", "LinearScale", "LogScale", "make_scale"]

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor, nn

from hwgen.compression.quantize.fake import round_half_up

SMALLEST_SHARE = 2.0**-6  # of the calibrated scale, that LSQ may shrink to


class LearnedScale(nn.Module, ABC):
    """The scale of a quantizer.

    Attributes
    ----------
    power_of_two : whether scales are rounded to powers of two
    """

    base: Tensor

    def __init__(self, scale: Tensor, power_of_two: bool):
        """Start at a scale, (1,) or (channels,), positive."""
        super().__init__()
        self.power_of_two = power_of_two
        self.register_buffer("base", torch.log2(scale.double()).float())

    @abstractmethod
    def _exponent(self) -> Tensor:
        """Return log2 of the scale, differentiable; float32 in, float32 out."""

    def forward(self, values: int, hi: int) -> Tensor:
        """Return the scale in float32, (1,) or (channels,), differentiable.

        Parameters
        ----------
        values : how many values share one scale
        hi : the largest quantized integer
        """
        exponent = self._exponent()
        if self.power_of_two:
            exponent = round_half_up(exponent)
        step = torch.exp2(exponent)
        gradient = 1 / float(max(values, 1) * max(hi, 1)) ** 0.5
        scale: Tensor = step.detach() + (step - step.detach()) * gradient
        return scale

    @torch.no_grad()
    def exact(self) -> Tensor:
        """Return the scale in float64, (1,) or (channels,): the one the hardware stands for."""
        exponent = self._exponent().double().cpu().numpy()
        if self.power_of_two:
            whole = np.floor(exponent + 0.5).astype(np.int64)
            scale = np.ldexp(np.ones(whole.shape), whole)  # exact, unlike a vectorised exp2
        else:
            scale = np.exp2(exponent)
        return torch.from_numpy(scale).to(self.base.device)


class LogScale(LearnedScale):
    """scale = 2**(base + delta), where delta is learned and starts at 0.

    Weight decay therefore pulls towards the calibrated scale and not towards 1. Jain et al.,
    "Trained Quantization Thresholds" (TQT, 2020).
    """

    def __init__(self, scale: Tensor, power_of_two: bool):
        super().__init__(scale, power_of_two)
        self.delta = nn.Parameter(torch.zeros_like(self.base))

    def _exponent(self) -> Tensor:
        return self.base + self.delta


class LinearScale(LearnedScale):
    """scale = 2**base * factor, where the factor is learned and starts at 1.

    The scale itself is what is trained, not its logarithm: Esser et al., "Learned Step Size
    Quantization" (LSQ, ICLR 2020). It starts at the calibrated scale instead of the paper's
    2 * mean |x| / sqrt(hi), and never shrinks below 1/64 of it.
    """

    def __init__(self, scale: Tensor, power_of_two: bool):
        super().__init__(scale, power_of_two)
        self.factor = nn.Parameter(torch.ones_like(self.base))

    def _exponent(self) -> Tensor:
        return self.base + torch.log2(self.factor.clamp(min=SMALLEST_SHARE))


class FixedScale(LearnedScale):
    """scale = 2**base as calibrated: plain straight-through training of the weights alone.

    Jacob et al., "Quantization and Training of Neural Networks" (CVPR 2018).
    """

    def _exponent(self) -> Tensor:
        return self.base


STEPS: dict[str, type[LearnedScale]] = {"tqt": LogScale, "lsq": LinearScale, "ste": FixedScale}


def make_scale(method: str, scale: Tensor, power_of_two: bool) -> LearnedScale:
    """Return a scale that trains by a method of `QuantizeRecipe.steps`."""
    return STEPS[method](scale, power_of_two)
