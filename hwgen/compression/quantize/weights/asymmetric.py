"""Asymmetric weights: an even grid with a zero point for each output channel, or one for the layer.

    q = clamp(zero_point + floor(w / scale + 1/2), 0, 2**bits - 1),  real = scale * (q - zero_point)

Jacob et al., "Quantization and Training of Neural Networks" (CVPR 2018). The network holds the
integers q - zero_point, signed and one bit wider than q, so that zero points cost hardware nothing.
"""

__all__ = ["AsymmetricWeights"]

import torch
from torch import Tensor

from hwgen.compression.quantize.calibrate import MINMAX_BITS
from hwgen.compression.quantize.calibration import least_scales
from hwgen.compression.quantize.fake import round_half_up
from hwgen.compression.quantize.learned_scales import make_scale
from hwgen.compression.quantize.scale_limits import ScaleLimits
from hwgen.compression.quantize.weights.base import StepWeights, rows_of
from hwgen.formats import Fixed


class AsymmetricWeights(StepWeights):
    """Weights on an even grid that need not lie around zero.

    Parameters
    ----------
    weight : (channels, ...), calibrates zero points, which stay, and scales
    bits : of q, 2 to 15
    steps : how scales train
    limits : of the scales
    """

    zero: Tensor

    def __init__(
        self,
        weight: Tensor,
        bits: int,
        power_of_two: bool,
        per_channel: bool,
        steps: str,
        limits: ScaleLimits | None = None,
    ):
        super().__init__(Fixed(bits + 1))
        self._last = (1 << bits) - 1
        rows = weight.detach().double().flatten(1)
        rows = rows if per_channel else rows.reshape(1, -1)
        lo, hi = rows.amin(1).clamp(max=0), rows.amax(1).clamp(min=0)
        span = hi - lo
        share = torch.where(span > 0, -lo / span.where(span > 0, torch.ones_like(span)), 0.5)
        self.register_buffer("zero", torch.round(share * self._last))

        def error(rows: Tensor, step: Tensor) -> Tensor:
            step = step[:, None]
            return ((self._on_grid(rows / step) * step - rows) ** 2).mean(1)

        few = bits < MINMAX_BITS
        searched = error if few else None
        scales = least_scales(rows, span / self._last, searched, power_of_two, limits)
        self.step = make_scale(steps, scales, power_of_two)

    def _on_grid(self, x: Tensor) -> Tensor:
        """Return q - zero_point of weights over scale, with the gradient of the identity inside."""
        zero = rows_of(self.zero.to(x.dtype), x)
        return torch.minimum(torch.maximum(round_half_up(x), -zero), self._last - zero)

    @torch.no_grad()
    def integers(self, weight: Tensor) -> Tensor:
        """Return q - zero_point, in float64."""
        return self._on_grid(weight.double() / rows_of(self.step.exact(), weight))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weights on their grid, in float32, differentiable."""
        step = rows_of(self.step(weight.numel() // self.zero.numel(), self._last), weight)
        return self._on_grid(weight / step) * step
