"""Fake quantization by the straight-through estimator.

Rounding is floor(x + 1/2), the rounding of the hardware, never `torch.round`. The gradient passes
rounding as if it were the identity: Bengio et al., "Estimating or Propagating Gradients Through
Stochastic Neurons" (2013).
"""

__all__ = ["fake_quantize", "round_half_up"]

import torch
from torch import Tensor


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
