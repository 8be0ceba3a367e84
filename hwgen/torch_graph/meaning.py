"""What layers compute, by their weights and settings alone.

Forward hooks, patched methods and whatever else hangs on the user's modules is not part of it: this
is what the hardware will be built from, and what the user's own model is compared with.
"""

__all__ = ["MEANINGS", "run_layer"]

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwgen.torch_graph.one_value import CLAMPS, CURVES, Interval


def _linear(m: nn.Linear, x: Tensor) -> Tensor:
    """Of each position: features come first, as the channels of every other layer do."""
    return F.linear(x.movedim(1, -1), m.weight, m.bias).movedim(-1, 1)


def _norm(m: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor) -> Tensor:
    return F.batch_norm(x, m.running_mean, m.running_var, m.weight, m.bias, False, 0.0, m.eps)


def _convolution(of: Callable[..., Tensor]) -> Callable[[Any, Tensor], Tensor]:
    def run(m: nn.Conv1d | nn.Conv2d, x: Tensor) -> Tensor:
        # what is not zeros is put around the frame by a layer before it
        padding = m.padding if m.padding_mode == "zeros" else 0
        return of(x, m.weight, m.bias, m.stride, padding, m.dilation, m.groups)

    return run


def _average(m: nn.AvgPool2d, x: Tensor) -> Tensor:
    return F.avg_pool2d(x, m.kernel_size, m.stride, m.padding)


def _clamp(ends: Callable[[Any], Interval]) -> Callable[[Any, Tensor], Tensor]:
    return lambda m, x: torch.clamp(x, *ends(m))


MEANINGS: dict[type[nn.Module], Callable[[Any, Tensor], Tensor]] = {
    nn.Conv1d: _convolution(F.conv1d),
    nn.Conv2d: _convolution(F.conv2d),
    nn.Linear: _linear,
    nn.BatchNorm1d: _norm,
    nn.BatchNorm2d: _norm,
    **{kind: _clamp(ends) for kind, ends in CLAMPS.items()},
    nn.ReLU: lambda m, x: torch.relu(x),
    **CURVES,
    nn.Flatten: lambda m, x: torch.flatten(x, 1),
    nn.PixelShuffle: lambda m, x: F.pixel_shuffle(x, m.upscale_factor),
    nn.PixelUnshuffle: lambda m, x: F.pixel_unshuffle(x, m.downscale_factor),
}


def run_layer(module: nn.Module, *values: Tensor) -> Tensor:
    """Return what a layer of a graph computes, in evaluation mode."""
    meaning = MEANINGS.get(type(module))
    if meaning is not None:
        return meaning(module, *values)
    result: Tensor = module(*values)  # a module of our own
    return result
