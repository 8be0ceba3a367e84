"""Fake quantization with a learned step, by the straight-through estimator.

The step is learned in its logarithm: Jain et al., "Trained Quantization Thresholds" (TQT, 2020);
its gradient is scaled as in Esser et al., "Learned Step Size Quantization" (LSQ, 2020).
Rounding is floor(x + 1/2), the rounding of the hardware, never `torch.round`.
"""

__all__ = ["Step", "fake_quantize", "round_half_up"]

import numpy as np
import torch
from torch import Tensor, nn


def round_half_up(x: Tensor) -> Tensor:
    """Return floor(x + 1/2), with the gradient of the identity."""
    return x + (torch.floor(x + 0.5) - x).detach()


def fake_quantize(x: Tensor, step: Tensor, lo: int, hi: int, zero_point: int) -> Tensor:
    """Return x on the grid step * (q - zero_point) with q in [lo, hi], differentiable.

    Values beyond the clamp get no gradient; the step's is that of LSQ.

    Parameters
    ----------
    x : float32, any shape
    step : broadcasts against x
    """
    q = torch.clamp(round_half_up(x / step), lo - zero_point, hi - zero_point)
    return q * step


class Step(nn.Module):
    """The scale of a quantizer: 2**(base + delta), where delta is learned and starts at 0.

    Weight decay therefore pulls towards the calibrated scale and not towards 1. With
    `power_of_two` the exponent is rounded.

    Parameters
    ----------
    scale : (1,) or (channels,), positive
    power_of_two : whether scales are powers of two
    """

    base: Tensor

    def __init__(self, scale: Tensor, power_of_two: bool):
        super().__init__()
        self.power_of_two = power_of_two
        self.register_buffer("base", torch.log2(scale.double()).float())
        self.delta = nn.Parameter(torch.zeros_like(self.base))

    def forward(self, values: int, hi: int) -> Tensor:
        """Return the scale in float32, (1,) or (channels,), differentiable.

        Parameters
        ----------
        values : how many values share one scale
        hi : the largest quantized integer
        """
        exponent = self.base + self.delta
        if self.power_of_two:
            exponent = round_half_up(exponent)
        step = torch.exp2(exponent)
        gradient = 1 / float(max(values, 1) * max(hi, 1)) ** 0.5
        scale: Tensor = step.detach() + (step - step.detach()) * gradient
        return scale

    @torch.no_grad()
    def exact(self) -> Tensor:
        """Return the scale in float64, (1,) or (channels,): the one the hardware stands for."""
        exponent = (self.base + self.delta).double().cpu().numpy()
        if self.power_of_two:
            whole = np.floor(exponent + 0.5).astype(np.int64)
            scale = np.ldexp(np.ones(whole.shape), whole)  # exact, unlike a vectorised exp2
        else:
            scale = np.exp2(exponent)
        return torch.from_numpy(scale).to(self.base.device)
