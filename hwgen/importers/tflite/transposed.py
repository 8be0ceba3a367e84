"""Transposed convolutions as convolutions that make all phases of a pixel.

With stride s an output at u takes the taps k = (u mod s) + s * j of the inputs u // s - j, j = 0,
1, ...: a convolution of ceil(taps / s) taps whose s outputs, one a phase u mod s, are then put side
by side. Padding cuts outputs off. After Shi et al., "Is the deconvolution layer the same as a
convolutional layer?" (2016).
"""

__all__ = ["Phases", "phases_of", "side_by_side"]

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.network.ops import IntArray


@dataclass(frozen=True)
class Phases:
    """One axis of a transposed convolution.

    kernel : taps of the convolution
    padding : of the convolution, before and behind
    start, count : of what it makes, put side by side, those that stay
    is_cut : whether others do not
    """

    stride: int
    kernel: int
    padding: tuple[int, int]
    start: int
    count: int
    is_cut: bool


def phases_of(extent: int, count: int, taps: int, stride: int, before: int) -> Phases:
    """Return an axis of so many inputs and outputs.

    Parameters
    ----------
    before : outputs that are cut off before the first that stays
    """
    kernel = -(-taps // stride)
    first, last = before // stride, (before + count - 1) // stride
    padding = max(0, kernel - 1 - first), max(0, last - (extent - 1))
    start = before - (kernel - 1 - padding[0]) * stride
    made = (extent + sum(padding) - kernel + 1) * stride
    return Phases(stride, kernel, padding, start, count, made != count)


def side_by_side(weight: IntArray, axes: Sequence[Phases]) -> IntArray:
    """Return (outputs * phases, inputs, rows, columns) of the convolution, for weights (outputs,
    inputs, rows, columns) of the transposed one."""
    outputs, inputs = weight.shape[:2]
    strides, kernels = [axis.stride for axis in axes], [axis.kernel for axis in axes]
    made = np.zeros((outputs, *strides, inputs, *kernels), np.int64)
    for at in np.ndindex(*weight.shape[2:]):
        phases = tuple(tap % axis.stride for tap, axis in zip(at, axes, strict=True))
        taps = tuple(
            axis.kernel - 1 - tap // axis.stride for tap, axis in zip(at, axes, strict=True)
        )
        made[(slice(None), *phases, slice(None), *taps)] = weight[(slice(None), slice(None), *at)]
    return made.reshape(outputs * strides[0] * strides[1], inputs, *kernels)
