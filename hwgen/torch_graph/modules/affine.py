"""A factor and an offset, one a channel or one for all."""

__all__ = ["Affine"]

import torch
from torch import Tensor, nn


class Affine(nn.Module):
    """y = weight * x + bias, of each channel, or of all alike.

    Attributes
    ----------
    weight : (channels, 1), or (1, 1)
    bias : (channels,), or (1,)
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor):
        super().__init__()
        count = max(weight.numel(), bias.numel())
        weight, bias = (t.detach().double().reshape(-1) for t in (weight, bias))
        self.weight = nn.Parameter(weight.expand(count).reshape(-1, 1).clone())
        self.bias = nn.Parameter(bias.expand(count).clone())

    @property
    def channels(self) -> int:
        """How many have a factor and an offset of their own; 1 where all are alike."""
        return self.bias.numel()

    def forward(self, x: Tensor) -> Tensor:
        """Return the same for (batch, channels, ...)."""
        shape = (-1, *[1] * (x.dim() - 2))
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        return x * weight.reshape(shape) + bias.reshape(shape)

    def spread(self, channels: int) -> "Affine":
        """Return the same with a factor and an offset for each of so many channels, in float32."""
        weight, bias = self.weight.reshape(-1).expand(channels), self.bias.expand(channels)
        return Affine(weight, bias).to(torch.float32)
