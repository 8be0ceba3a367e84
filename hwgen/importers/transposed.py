"""Transposed convolutions as convolutions that make all phases of a pixel.

With stride s an output at u takes the taps k = (u mod s) + s * j of the inputs u // s - j, j = 0,
1, ...: a convolution of ceil(taps / s) taps whose s outputs, one a phase u mod s, are then put side
by side. Padding cuts outputs off. After Shi et al., "Is the deconvolution layer the same as a
convolutional layer?" (2016).
"""

__all__ = ["Phases", "phases_of", "side_by_side", "weights_of_phases"]

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.network.ops import IntArray


@dataclass(frozen=True)
class Phases:
    """One axis of a transposed convolution.

    dilation : of its taps
    kernel : taps of the convolution
    padding : of the convolution, before and behind
    made : of what it makes, put side by side
    start, count : of these, those that stay
    """

    stride: int
    dilation: int
    kernel: int
    padding: tuple[int, int]
    made: int
    start: int
    count: int

    @property
    def is_cut(self) -> bool:
        """Whether some of what is made does not stay."""
        return self.made != self.count


def phases_of(
    extent: int, count: int, taps: int, stride: int, before: int, dilation: int = 1
) -> Phases:
    """Return an axis of so many inputs and outputs.

    Parameters
    ----------
    before : outputs that are cut off before the first that stays
    """
    kernel = -(-(dilation * (taps - 1) + 1) // stride)
    first, last = before // stride, (before + count - 1) // stride
    padding = max(0, kernel - 1 - first), max(0, last - (extent - 1))
    start = before - (kernel - 1 - padding[0]) * stride
    made = (extent + sum(padding) - kernel + 1) * stride
    return Phases(stride, dilation, kernel, padding, made, start, count)


def weights_of_phases(weight: IntArray, axes: Sequence[Phases]) -> IntArray:
    """Return (outputs * phases, inputs, ...) of the convolution, for weights (outputs, inputs,
    ...) of the transposed one."""
    outputs, inputs = weight.shape[:2]
    strides, kernels = [axis.stride for axis in axes], [axis.kernel for axis in axes]
    made = np.zeros((outputs, *strides, inputs, *kernels), np.int64)
    for at in np.ndindex(*weight.shape[2:]):
        places = [tap * axis.dilation for tap, axis in zip(at, axes, strict=True)]
        phases = tuple(place % axis.stride for place, axis in zip(places, axes, strict=True))
        taps = tuple(
            axis.kernel - 1 - place // axis.stride for place, axis in zip(places, axes, strict=True)
        )
        made[(slice(None), *phases, slice(None), *taps)] = weight[(slice(None), slice(None), *at)]
    return made.reshape(outputs * math.prod(strides), inputs, *kernels)


def side_by_side(elements: IntArray, axes: Sequence[Phases]) -> IntArray:
    """Return (outputs, ...) of elements (outputs * phases, ...): phases side by side, and of these
    the ones that stay."""
    strides, sizes = [axis.stride for axis in axes], elements.shape[1:]
    rank = len(sizes)
    parts = elements.reshape(-1, *strides, *sizes)
    order = [n for axis in range(rank) for n in (1 + rank + axis, 1 + axis)]
    wide = (size * stride for size, stride in zip(sizes, strides, strict=True))
    whole = parts.transpose(0, *order).reshape(len(parts), *wide)
    return whole[(slice(None), *(slice(a.start, a.start + a.count) for a in axes))]
