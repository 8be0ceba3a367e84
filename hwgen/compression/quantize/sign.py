"""Binary activations: the sign of an accumulator, times one scale.

    y = a * sign(acc),  a = mean |acc| on the calibration data;  dacc = dy * [|acc| <= a]

Hubara et al., "Binarized Neural Networks" (NeurIPS 2016), with the scale of Rastegari et al.,
"XNOR-Net" (ECCV 2016), one for the whole tensor. The sign of 0 is +1. It takes the place of a
ReLU, and there is no zero: convolutions pad with -1.
"""

__all__ = ["QuantSign", "place_sign", "sign"]

from math import inf

import torch
from torch import Tensor

from hwgen.compression.quantize.learned_scales import LearnedScale
from hwgen.compression.quantize.observed import Observed, Placement
from hwgen.compression.quantize.quantizers import Quantizer, Source
from hwgen.formats import Binary


def place_sign(seen: Observed, power_of_two: bool) -> Placement:
    """Return the scale of least squared error, the mean magnitude."""
    mean = seen.sample.abs().mean().reshape(1)
    scale = mean if float(mean) > 0 else torch.ones_like(mean)
    if power_of_two:
        scale = torch.exp2(torch.round(torch.log2(scale)))
    return Placement(scale, 0)


class QuantSign(Quantizer):
    """+1 where what enters is at least zero, else -1."""

    def __init__(self, path: str, step: LearnedScale, source: Source):
        super().__init__(path, Binary(), 0, step, (-inf, inf))
        self._source = (source,)  # in a tuple: not a child

    def threshold(self) -> int:
        """The least integer of its source that becomes +1."""
        return self._source[0].zero_point

    def forward(self, x: Tensor) -> Tensor:
        """Return the signs of (batch, channels, ...): fake in training, exact in evaluation."""
        return self._fake(x) if self.training else self._real(sign(x.detach()))


def sign(x: Tensor) -> Tensor:
    """Return +1 where x >= 0, else -1, in float64."""
    return torch.where(x >= 0, 1.0, -1.0).double()
