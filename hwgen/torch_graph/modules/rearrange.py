"""Elements in another order."""

__all__ = ["CONSTANT", "Rearrange", "of_each"]

import torch
from torch import Tensor, nn

CONSTANT = -1  # in place of an element


class Rearrange(nn.Module):
    """Elements of a value in another order, some left out, some several times, and a constant.

    Attributes
    ----------
    index : for each element of the output the one of the input, both without the batch and with
        the last axis innermost; or `CONSTANT`. Where `each`, the places of one channel
    shape : of the output without the batch; where `each`, of one channel
    value : the constant
    each : whether all channels are rearranged alike, each in its place, however many there are
    """

    index: Tensor

    def __init__(self, index: Tensor, shape: tuple[int, ...], value: float, each: bool = False):
        super().__init__()
        self.register_buffer("index", index.flatten().long(), persistent=False)
        self.shape, self.value, self.each = shape, value, each

    @property
    def has_constants(self) -> bool:
        """Whether any element is the constant."""
        return bool((self.index == CONSTANT).any())

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, *shape), or (batch, channels, *shape) where `each`."""
        return self.moved(x, self.value)

    def moved(self, x: Tensor, value: float) -> Tensor:
        """Return elements in their places, and `value` for the constant."""
        shape = (len(x), x.shape[1], *self.shape) if self.each else (len(x), *self.shape)
        flat = x.flatten(2) if self.each else x.flatten(1)
        found = flat[..., self.index.clamp(min=0)]
        if self.has_constants:
            found = torch.where(self.index == CONSTANT, torch.full_like(found, value), found)
        return found.reshape(shape)

    def whole_index(self, shape: tuple[int, ...]) -> tuple[Tensor, tuple[int, ...]]:
        """Return the index over all channels, and the shape of the output, for an input's shape
        without the batch."""
        if not self.each:
            return self.index, self.shape
        pixels = torch.Size(shape[1:]).numel()
        start = pixels * torch.arange(shape[0], device=self.index.device)[:, None]
        index = torch.where(self.index == CONSTANT, CONSTANT, self.index + start)
        return index.flatten(), (shape[0], *self.shape)


def of_each(index: Tensor, before: tuple[int, ...], after: tuple[int, ...]) -> Tensor | None:
    """Return the index within a channel where all channels are rearranged alike, each in its
    place."""
    if len(before) < 2 or len(after) < 2 or before[0] != after[0]:
        return None
    pixels = torch.Size(before[1:]).numel()
    start = pixels * torch.arange(before[0])[:, None]
    rows = index.reshape(before[0], -1)
    inner = torch.where(rows == CONSTANT, CONSTANT, rows - start)
    same = bool((inner == inner[0]).all()) and int(inner.max()) < pixels
    return inner[0] if same and int(inner.min()) >= CONSTANT else None
