"""Weights that are zero or powers of two, or sums of two such, and their incremental freezing.

    w = scale * s * 2**k,  or  w = scale * (s1 * 2**k1 + s2 * 2**k2)

Zhou et al., "Incremental Network Quantization" (INQ, ICLR 2017): a growing share of the weights,
the largest first, is frozen at its quantized value, while the rest trains in float32 and makes up
for the loss. Two terms: Li et al., "Additive Powers-of-Two Quantization" (ICLR 2020).
"""

__all__ = ["PowerOfTwoWeights", "freeze_weights"]

import torch
from torch import Tensor, nn

from hwgen.compression.quantize.learned_scales import LearnedScale
from hwgen.compression.quantize.weights.base import rows_of
from hwgen.compression.quantize.weights.levels import LevelWeights
from hwgen.formats import PowerOfTwo


class PowerOfTwoWeights(LevelWeights):
    """Weights on signed powers of two; frozen ones keep their integer, whatever trains.

    Parameters
    ----------
    format, step : of `LevelWeights`
    weight : of the layer, for its shape
    """

    frozen: Tensor
    held: Tensor

    def __init__(self, format: PowerOfTwo, step: LearnedScale, weight: Tensor):
        super().__init__(format, step)
        self.register_buffer("frozen", torch.zeros_like(weight, dtype=torch.bool))
        self.register_buffer("held", torch.zeros_like(weight))  # integers, all below 2**24

    @torch.no_grad()
    def freeze(self, weight: Tensor, share: float) -> None:
        """Freeze the largest weights until so large a share of them is frozen."""
        wanted = round(share * weight.numel()) - int(self.frozen.sum())
        if wanted <= 0:
            return
        held = self.integers(weight)
        order = weight.abs().masked_fill(self.frozen, -1).flatten().argsort(descending=True)
        self.frozen.view(-1)[order[:wanted]] = True
        self.held.copy_(held)

    @torch.no_grad()
    def integers(self, weight: Tensor) -> Tensor:
        """Return the nearest levels, and those that are held, in float64."""
        return torch.where(self.frozen, self.held.double(), super().integers(weight))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weights on their levels; once some are frozen, the others as they are."""
        if not self.frozen.any():
            return super().forward(weight)
        scale = rows_of(self.step(1, 1).detach(), weight)
        return torch.where(self.frozen, self.held * scale, weight)


def freeze_weights(module: nn.Module, share: float) -> None:
    """Freeze that share of the weights of every power-of-two layer."""
    for layer in module.modules():
        quantizer = getattr(layer, "quantizer", None)
        if isinstance(quantizer, PowerOfTwoWeights):
            quantizer.freeze(layer.get_parameter("weight"), share)
