"""Torch's pools, each as those of ours that have its windows.

Windows that torch cuts off at the end of an image (`ceil_mode`), at its padding
(`count_include_pad=False`) or by its size (adaptive ones) may still be of one size at one distance.
Otherwise an average is a sum over windows of one size, padded with zeros, whose positions have
factors of their own; and windows at several distances are brought side by side first.
"""

__all__ = ["POOLS", "MisfitError", "pools_of"]

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from hwgen.torch_graph.float_graph import Shape
from hwgen.torch_graph.modules import AvgPool, MaxPool, PositionScale, Rearrange
from hwgen.torch_graph.modules.rearrange import CONSTANT

Windows = list[tuple[int, int]]  # of an axis: where each starts and ends
Pools = tuple[nn.Module, ...]  # one after the other


@dataclass(frozen=True)
class Axis:
    """Windows along an axis.

    kernel, stride, sides : of one size, at one distance, with so much padding before and after
    counts : elements that each one holds, where it is not the kernel
    places : where these windows' elements come from, if they are not side by side: -1 for none
    """

    kernel: int
    stride: int
    sides: tuple[int, int] = (0, 0)
    counts: tuple[int, ...] = ()
    places: tuple[int, ...] = ()


class MisfitError(Exception):
    """A pool has no equal of ours: what it is, and what to use instead."""


def pools_of(module: nn.Module, shape: Shape) -> Pools:
    """Return modules of ours that compute, one after the other, what a pool of torch's does.

    Parameters
    ----------
    module : of a class in `POOLS`
    shape : of its input, without the batch: (channels, spatial axes)

    Raises
    ------
    MisfitError : there are none, with what it is and what to use instead
    """
    return POOLS[type(module)](module, shape[1:])


def _each(value: Any, rank: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank


def _settings(module: Any, rank: int) -> list[tuple[int, int, int]]:
    """Return (kernel, stride, padding) of each axis."""
    kernel = _each(module.kernel_size, rank)
    stride = kernel if module.stride is None else _each(module.stride, rank)
    return list(zip(kernel, stride, _each(module.padding, rank), strict=True))


def _starts(size: int, span: int, stride: int, padding: int, ceil: bool) -> range:
    """Return where the windows of an axis start, as torch has it: with `ceil_mode` there is one
    more for what is left over, if it starts before the padding behind."""
    over = size + 2 * padding - span
    count = (-(-over // stride) if ceil else over // stride) + 1
    if ceil and (count - 1) * stride >= size + padding:
        count -= 1
    return range(-padding, -padding + count * stride, stride)


def _maximum(module: nn.MaxPool1d | nn.MaxPool2d, image: Shape) -> Pools:
    name, rank = type(module).__name__, len(image)
    _check_indices(module)
    dilation, padding = _each(module.dilation, rank), []
    settings = _settings(module, rank)
    for size, (kernel, stride, before), apart in zip(image, settings, dilation, strict=True):
        span = apart * (kernel - 1) + 1
        starts = _starts(size, span, stride, before, module.ceil_mode)
        if any(not any(0 <= tap < size for tap in range(s, s + span, apart)) for s in starts):
            raise MisfitError(
                f"{name} with windows that lie on padding alone", "use a smaller dilation"
            )
        padding.append((before, max(before, starts[-1] + span - size)))
    kernels, strides, _ = zip(*settings, strict=True)
    return (MaxPool(kernels, strides, tuple(padding), dilation),)


def _average(module: nn.AvgPool1d | nn.AvgPool2d, image: Shape) -> Pools:
    axes, override = [], getattr(module, "divisor_override", None)
    if override is not None and override < 1:
        name = type(module).__name__
        raise MisfitError(f"{name} with divisor_override={override}", "use one of at least 1")
    for size, (kernel, stride, before) in zip(image, _settings(module, len(image)), strict=True):
        starts = _starts(size, kernel, stride, before, module.ceil_mode)
        windows = [(start, min(start + kernel, size + before)) for start in starts]
        if not module.count_include_pad:
            windows = [(max(start, 0), min(end, size)) for start, end in windows]
        axis = _regular(size, windows, stride, 0 if not module.count_include_pad else before)
        if axis is None:
            sides = (before, max(0, starts[-1] + kernel - size))
            counts = tuple(end - start for start, end in windows)
            axis = Axis(kernel, stride, sides, counts)
        axes.append(axis)
    return _averages(axes, image, override)


def _adaptive(module: Any, image: Shape) -> list[Axis]:
    """Return windows from n * size / count, rounded down, to (n + 1) * size / count, rounded up."""
    axes = []
    for size, wanted in zip(image, _each(module.output_size, len(image)), strict=True):
        count = size if wanted is None else int(wanted)
        if count < 1:
            name = type(module).__name__
            raise MisfitError(f"{name}({module.output_size})", "use an output size of at least 1")
        windows = [(n * size // count, -(-(n + 1) * size // count)) for n in range(count)]
        axes.append(_regular(size, windows) or _gathered(windows))
    return axes


def _gathered(windows: Windows) -> Axis:
    """Return windows at several distances side by side, each filled up to the largest."""
    kernel = max(end - start for start, end in windows)
    places = [
        start + n if start + n < end else CONSTANT for start, end in windows for n in range(kernel)
    ]
    counts = tuple(end - start for start, end in windows)
    return Axis(kernel, kernel, counts=counts, places=tuple(places))


def _adaptive_average(module: nn.Module, image: Shape) -> Pools:
    return _averages(_adaptive(module, image), image)


def _adaptive_maximum(module: nn.Module, image: Shape) -> Pools:
    _check_indices(module)
    axes = _adaptive(module, image)
    kernels, strides, sides = _planes(axes)
    pool = MaxPool(kernels, strides, sides, (1,) * len(image))
    return (*_side_by_side(axes, image, repeated=True), pool)


def _averages(axes: list[Axis], image: Shape, override: int | None = None) -> Pools:
    """Return sums over windows, and the factors of those that hold fewer elements."""
    divisor, factors, whole = 1, [], 1
    for axis, size in zip(axes, image, strict=True):
        counts = axis.counts or (axis.kernel,)
        if len(set(counts)) == 1 or override is not None:
            room = (len(axis.places) or size) + sum(axis.sides) - axis.kernel
            divisor *= counts[0]
            factors.append((1,) * (room // axis.stride + 1))
        else:
            common = math.lcm(axis.kernel, *counts)
            divisor *= axis.kernel
            whole *= common // axis.kernel
            factors.append(tuple(common // count for count in counts))
    kernels, strides, sides = _planes(axes)
    sums = AvgPool(kernels, strides, sides, override or divisor)
    pools = (*_side_by_side(axes, image), sums)
    if max(map(max, factors)) == 1:
        return pools
    return (*pools, PositionScale(tuple(factors), whole))


def _side_by_side(axes: list[Axis], image: Shape, repeated: bool = False) -> tuple[nn.Module, ...]:
    """Return what brings windows side by side, if anything does.

    Parameters
    ----------
    repeated : whether elements fill windows up, and not zeros
    """
    if not any(axis.places for axis in axes):
        return ()
    each = [axis.places or tuple(range(size)) for axis, size in zip(axes, image, strict=True)]
    if repeated:  # by the last one before
        each = [tuple(accumulate(places, _kept)) for places in each]
    index: Tensor = torch.zeros((), dtype=torch.long)
    known: Tensor = torch.ones((), dtype=torch.bool)
    for places, size in zip(each, image, strict=True):
        at = torch.tensor(places)
        index, known = index[..., None] * size + at, known[..., None] & (at != CONSTANT)
    index = torch.where(known, index, CONSTANT)
    return (Rearrange(index, tuple(index.shape), 0.0, each=True),)


def _kept(before: int, place: int) -> int:
    return before if place == CONSTANT else place


def _check_indices(module: Any) -> None:
    if module.return_indices:
        name = type(module).__name__
        raise MisfitError(f"{name} with return_indices", "use return_indices=False")


def _regular(size: int, windows: Windows, stride: int = 0, after: int = 0) -> Axis | None:
    """Return windows of an axis that are all of one size and one distance from each other; None
    where they are not.

    Parameters
    ----------
    stride, after : of one window, and the padding behind, where they may be as they are
    """
    (first, end), last = windows[0], windows[-1][1]
    kernel, before = end - first, max(0, -first)
    after = max(after, last - size)
    room = size + before + after - kernel
    if len(windows) == 1:
        stride = next(n for n in (stride, kernel, room + 1) if n > room)
    else:
        stride = windows[1][0] - first
    places = [first + n * stride for n in range(len(windows))]
    same = windows == [(place, place + kernel) for place in places] and first <= 0 < stride
    if not same or room // stride + 1 != len(windows):
        return None
    return Axis(kernel, stride, (before, after))


def _planes(axes: list[Axis]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[Any, ...]]:
    parts = [(axis.kernel, axis.stride, axis.sides) for axis in axes]
    kernels, strides, sides = zip(*parts, strict=True)
    return kernels, strides, sides


POOLS: dict[type[nn.Module], Callable[[Any, Shape], Pools]] = {
    nn.MaxPool1d: _maximum,
    nn.MaxPool2d: _maximum,
    nn.AvgPool1d: _average,
    nn.AvgPool2d: _average,
    nn.AdaptiveAvgPool1d: _adaptive_average,
    nn.AdaptiveAvgPool2d: _adaptive_average,
    nn.AdaptiveMaxPool1d: _adaptive_maximum,
    nn.AdaptiveMaxPool2d: _adaptive_maximum,
}
