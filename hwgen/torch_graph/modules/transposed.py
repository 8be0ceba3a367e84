"""Transposed convolutions whose weights stand as those of a convolution do, outputs first.

So whatever is said of a convolution's filters is said of theirs: norms, masks, channels that go.
"""

__all__ = ["TRANSPOSED", "TransposedConv1d", "TransposedConv2d", "filters_first", "transposed_of"]

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn


def filters_first(weight: Tensor, groups: int) -> Tensor:
    """Return (outputs, inputs of a group, ...) for (inputs, outputs of a group, ...), and back."""
    split = weight.reshape(groups, -1, *weight.shape[1:])
    return split.transpose(1, 2).flatten(0, 1)


class _Transposed:
    """A forward by the settings of a convolution, and the `output_padding` of a transposed one."""

    output_padding: tuple[int, ...]

    def forward(self: Any, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return (batch, outputs, larger extents).

        Parameters
        ----------
        output_size : the extents, as torch takes it; it is kept as `output_padding`
        """
        if output_size is not None:
            spans = zip(self.dilation, self.kernel_size, strict=True)
            least = [
                (n - 1) * step - 2 * pad + span * (size - 1) + 1
                for n, step, pad, (span, size) in zip(
                    x.shape[2:], self.stride, self.padding, spans, strict=True
                )
            ]
            wanted = list(output_size)[-len(least) :]
            self.output_padding = tuple(int(n - m) for n, m in zip(wanted, least, strict=True))
        run = (F.conv_transpose1d, F.conv_transpose2d)[len(self.kernel_size) - 1]
        found: Tensor = run(
            x,
            filters_first(self.weight, self.groups),
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )
        return found


class TransposedConv1d(_Transposed, nn.Conv1d):
    """`nn.ConvTranspose1d`, weight (outputs, inputs of a group, taps)."""


class TransposedConv2d(_Transposed, nn.Conv2d):
    """`nn.ConvTranspose2d`, weight (outputs, inputs of a group, kh, kw)."""


TRANSPOSED: dict[type[nn.Module], type[nn.Module]] = {
    nn.ConvTranspose1d: TransposedConv1d,
    nn.ConvTranspose2d: TransposedConv2d,
}


def transposed_of(layer: Any) -> None:
    """Make one of these of a transposed convolution of torch, in place."""
    weight = filters_first(layer.weight.detach(), layer.groups).clone()
    layer.weight = nn.Parameter(weight, requires_grad=layer.weight.requires_grad)
    layer.__class__ = TRANSPOSED[type(layer)]
    layer.transposed = False  # where filters stand in the weight
