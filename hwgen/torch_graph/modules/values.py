"""The largest of all values."""

__all__ = ["ArgMax"]

import torch
from torch import Tensor, nn


class ArgMax(nn.Module):
    """The index of the largest feature; the first one wins.

    keepdim : whether the result is (batch, 1), or (batch,), as the user's model has it
    """

    def __init__(self, keepdim: bool = False):
        super().__init__()
        self.keepdim = keepdim

    def forward(self, x: Tensor) -> Tensor:
        """Return the index, as float64, of (batch, features)."""
        return torch.argmax(x, 1, keepdim=self.keepdim).double()
