"""Weights so small that an accumulator of chosen width cannot overflow.

    sum over a channel of |q| <= L,  L = floor((2**(P-1) - 1 - B) / max |x - zero_point|)

for accumulators of P bits, of which the bias may take B = 2**(P-3). Colbert et al., "A2Q:
Accumulator-Aware Quantization with Guaranteed Overflow Avoidance" (ICCV 2023). A channel that
exceeds its norm is projected onto it, w -> sign(w) * max(|w| - t, 0), as in "A2Q+: Improving
Accumulator-Aware Weight Quantization" (ICML 2024), and rounded towards zero: its large weights
stay, where scaling all of them down would round most of a long dot product to zero. The others are
rounded as always. The gradient is that of the identity, within the clamp.
"""

__all__ = ["BoundedWeights", "largest_bias"]

import torch
from torch import Tensor

from hwgen.compression.quantize.steps import Step
from hwgen.compression.quantize.weights.base import rows_of
from hwgen.compression.quantize.weights.linear import LinearWeights
from hwgen.errors import FormatError
from hwgen.formats import Fixed

MARGIN = 1 - 2.0**-20  # what rounding of floats may add


def largest_bias(bits: int) -> int:
    """Return the largest magnitude of a bias, in units of an accumulator of so many bits."""
    return 1 << (bits - 3)


class BoundedWeights(LinearWeights):
    """Linear weights with a bounded L1 norm of each channel's integers.

    Parameters
    ----------
    format, step : of `LinearWeights`
    bits : of the accumulators, signed
    input_bound : largest magnitude of x - zero_point
    path : of the layer, for the message

    Raises
    ------
    FormatError : no weight but zero would do
    """

    def __init__(self, format: Fixed, step: Step, bits: int, input_bound: int, path: str):
        super().__init__(format, step)
        self.norm = ((1 << (bits - 1)) - 1 - largest_bias(bits)) // max(input_bound, 1)
        if self.norm < 1:
            raise FormatError(
                f"{path}: accumulators must be wide enough for one product, not of {bits} bits; "
                "use a wider accumulator, or activations of fewer bits"
            )

    @torch.no_grad()
    def integers(self, weight: Tensor) -> Tensor:
        """Return the integers, in float64: no channel's magnitudes add up to more than `norm`."""
        q = super().integers(weight)
        steps = (weight.double() / rows_of(self.step.exact(), weight)).clamp(
            -self._format.hi, self._format.hi
        )
        small = torch.trunc(_projected(steps, self.norm * MARGIN))
        exceeds = q.abs().flatten(1).sum(1) > self.norm
        return torch.where(rows_of(exceeds, weight), small, q)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weights on their grid, in float32, differentiable."""
        hi = self._format.hi
        step = self._float_step(weight)
        inside = (weight / step).clamp(-hi, hi)
        return (inside + (self.integers(weight).to(weight.dtype) - inside).detach()) * step


def _projected(x: Tensor, norm: float) -> Tensor:
    """Return the nearest values whose L1 norm, of each channel, is at most `norm`.

    Duchi et al., "Efficient Projections onto the l1-Ball" (ICML 2008).

    Parameters
    ----------
    x : (channels, ...), of L1 norms that may be less: those stay
    """
    falling = x.abs().flatten(1).sort(1, descending=True).values
    counts = torch.arange(1, falling.shape[1] + 1, device=x.device)
    excess = (falling.cumsum(1) - norm) / counts
    last = (falling > excess).sum(1, keepdim=True).clamp(min=1) - 1
    threshold = excess.gather(1, last).clamp(min=0)
    return x.sign() * (x.abs() - rows_of(threshold, x)).clamp(min=0)
