"""What the host computes of a model's outputs."""

__all__ = ["HostLayer"]

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ALONG: dict[str, Callable[[Tensor, int], Tensor]] = {
    "softmax": torch.softmax,
    "log_softmax": torch.log_softmax,
    "softmin": lambda x, dim: F.softmin(x, dim),
}
ALONE: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "log_sigmoid": F.logsigmoid,
}


class HostLayer(nn.Module):
    """A softmax, sigmoid or the like behind the last layer that is hardware.

    kind : softmax, log_softmax, softmin, sigmoid or log_sigmoid
    axis : of an input without the batch along which it goes; None where each value is by itself
    """

    def __init__(self, kind: str, axis: int | None = None):
        super().__init__()
        self.kind = kind
        self.axis = axis

    @property
    def keeps_order(self) -> bool:
        """Whether larger values stay larger."""
        return self.kind != "softmin"

    def forward(self, x: Tensor) -> Tensor:
        """Return what torch computes of (batch, ...)."""
        return ALONE[self.kind](x) if self.axis is None else ALONG[self.kind](x, 1 + self.axis)
