"""Weights so small that an accumulator of chosen width cannot overflow.

    sum over a channel of |q| <= L,  L = floor((2**(P-1) - 1 - B) / max |x - zero_point|)

for accumulators of P bits, of which the bias may take B = 2**(P-3). Colbert et al., "A2Q:
Accumulator-Aware Quantization with Guaranteed Overflow Avoidance" (ICCV 2023). Here scales start so
coarse that every channel keeps its norm as it is rounded, which loses precision and not magnitude:
`coarse_scales`. A channel that comes to exceed its norm in training is scaled down to it,
differentiably, and rounded towards zero as in the paper.
"""

__all__ = ["BoundedWeights", "bounded_norm", "coarse_scales", "largest_bias"]

import torch
from torch import Tensor

from hwgen.compression.quantize.fake import fake_quantize
from hwgen.compression.quantize.learned_scales import LearnedScale
from hwgen.compression.quantize.weights.base import rows_of
from hwgen.compression.quantize.weights.linear import LinearWeights
from hwgen.errors import FormatError
from hwgen.formats import Fixed

MARGIN = 1 - 2.0**-20  # what rounding of floats may add
HALVINGS = 40  # of the logarithm of a scale


def largest_bias(bits: int) -> int:
    """Return the largest magnitude of a bias, in units of an accumulator of so many bits."""
    return 1 << (bits - 3)


def bounded_norm(bits: int, input_bound: int, path: str) -> int:
    """Return what the magnitudes of a channel's integers may add up to.

    Parameters
    ----------
    bits : of the accumulators, signed
    input_bound : largest magnitude of x - zero_point
    path : of the layer, for the message

    Raises
    ------
    FormatError : no weight but zero would do
    """
    norm = ((1 << (bits - 1)) - 1 - largest_bias(bits)) // max(input_bound, 1)
    if norm < 1:
        raise FormatError(
            f"{path}: accumulators must be wide enough for one product, not of {bits} bits; "
            "use a wider accumulator, or activations of fewer bits"
        )
    return norm


@torch.no_grad()
def coarse_scales(weight: Tensor, scales: Tensor, hi: int, norm: int) -> Tensor:
    """Return the finest scales, not below those given, at which rounded weights keep their norm.

    Parameters
    ----------
    weight : (channels, ...)
    scales : (channels,) or (1,) float64
    hi : the largest integer
    """
    rows = weight.double().flatten(1)

    def keeps(scales: Tensor) -> Tensor:
        q = torch.floor(rows.abs() / scales[:, None] + 0.5).clamp(max=hi)
        within = q.sum(1) <= norm
        return within if scales.numel() > 1 else within.all().reshape(1)

    largest = rows.abs().amax(1) if scales.numel() > 1 else rows.abs().amax().reshape(1)
    low, high = scales, torch.maximum(scales, 4 * largest)  # where every weight is zero
    for _ in range(HALVINGS):
        middle = torch.sqrt(low * high)
        enough = keeps(middle)
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    return torch.where(keeps(scales), scales, high / MARGIN**4)  # a scale is kept in float32


class BoundedWeights(LinearWeights):
    """Linear weights with a bounded L1 norm of each channel's integers.

    Parameters
    ----------
    format, step : of `LinearWeights`
    norm : what the magnitudes of a channel's integers may add up to
    """

    def __init__(self, format: Fixed, step: LearnedScale, norm: int):
        super().__init__(format, step)
        self.norm = norm

    @torch.no_grad()
    def integers(self, weight: Tensor) -> Tensor:
        """Return the integers, in float64: no channel's magnitudes add up to more than `norm`."""
        q = super().integers(weight)
        steps = (weight.double() / rows_of(self.step.exact(), weight)).clamp(
            -self._format.hi, self._format.hi
        )
        total = steps.abs().flatten(1).sum(1).clamp(min=1e-30)
        small = torch.trunc(steps * rows_of(self.norm * MARGIN / total, weight))
        exceeds = q.abs().flatten(1).sum(1) > self.norm
        return torch.where(rows_of(exceeds, weight), small, q)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weights on their grid, in float32, differentiable."""
        hi = self._format.hi
        step = self._float_step(weight)
        free = fake_quantize(weight, step, -hi, hi, 0)
        steps = (weight / step).clamp(-hi, hi)
        total = steps.abs().flatten(1).sum(1).clamp(min=1e-30)
        scaled = steps * rows_of(self.norm * MARGIN / total, weight)
        small = (scaled + (torch.trunc(scaled) - scaled).detach()) * step
        exceeds = (free / step).detach().abs().flatten(1).sum(1) > self.norm + 0.5
        return torch.where(rows_of(exceeds, weight), small, free)
