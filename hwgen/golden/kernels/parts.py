"""What kernels share. Values run in the layout (channels, spatial axes, batch)."""

__all__ = ["Kernel", "Kernels", "centre", "pad", "reduce", "taps"]

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hwgen.golden.exact import Values
from hwgen.network.inference import Tensor, output_extent
from hwgen.network.ops import Op, Padding

Kernel = Callable[..., Values]
Kernels = dict[type[Op], Callable[[Any, Sequence[Tensor]], Kernel]]


def taps(
    size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int
) -> tuple[int, list[slice]]:
    """Return, along one axis, how many windows there are and what each tap of them reads."""
    extent = output_extent(size, kernel, stride, padding, dilation, "input")
    span = stride * (extent - 1) + 1
    return extent, [slice(k * dilation, k * dilation + span, stride) for k in range(kernel)]


def pad(x: Values, padding: Padding, value: int) -> Values:
    """Return `x` with places of `value` before and after along each spatial axis."""
    if not any(map(any, padding)):
        return x
    channels, *sizes, batch = x.shape
    axes = list(zip(sizes, padding, strict=True))
    padded = [before + size + after for size, (before, after) in axes]
    out = np.full((channels, *padded, batch), value, dtype=x.dtype)
    out[:, *(slice(before, before + size) for size, (before, _) in axes)] = x
    return out


def centre(x: Values, zero_point: int, dtype: np.dtype[Any]) -> Values:
    """Return q - zero_point in the working type."""
    x = x.astype(dtype, copy=False)
    return x - dtype.type(zero_point) if zero_point else x


def reduce(combine: np.ufunc, views: list[Values]) -> Values:
    first, *rest = views
    if not rest:
        return first
    out: Values = combine(first, rest[0])
    for view in rest[1:]:
        combine(out, view, out=out)
    return out
