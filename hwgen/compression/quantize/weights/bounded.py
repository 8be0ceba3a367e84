"""Weights so small that an accumulator of chosen width cannot overflow.

    sum over a channel of |q| <= L,  L = floor((2**(P-1) - 1 - B) / max |x - zero_point|)

for accumulators of P bits, of which the bias may take B = 2**(P-3). Colbert et al., "A2Q:
Accumulator-Aware Quantization with Guaranteed Overflow Avoidance" (ICCV 2023). Here a channel that
exceeds its norm is scaled down to it, differentiably, and rounded towards zero as in the paper;
the others are rounded as always.
"""

__all__ = ["BoundedWeights", "largest_bias"]

import torch
from torch import Tensor

from hwgen.compression.quantize.fake import fake_quantize
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
