"""Torch's pools, each as the one of ours that has its windows.

Windows that torch cuts off at the end of an image (`ceil_mode`), at its padding
(`count_include_pad=False`) or by its size (adaptive ones) are windows of one size at one distance,
or there is no pool of ours: an average divides by the size of its window.
"""

__all__ = ["POOLS", "MisfitError", "pool_of"]

from collections.abc import Callable
from typing import Any

from torch import nn

from hwgen.torch_graph.float_graph import Shape
from hwgen.torch_graph.modules import AvgPool, MaxPool

Axis = tuple[int, int, tuple[int, int]]  # kernel, stride, (before, after)


class MisfitError(Exception):
    """A pool has no equal of ours: what it is, and what to use instead."""


def pool_of(module: nn.Module, shape: Shape) -> MaxPool | AvgPool:
    """Return the pool of ours that computes what one of torch's does.

    Parameters
    ----------
    module : of a class in `POOLS`
    shape : of its input, without the batch: (channels, spatial axes)

    Raises
    ------
    MisfitError : there is none, with what it is and what to use instead
    """
    pool: MaxPool | AvgPool = POOLS[type(module)](module, shape[1:])
    return pool


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


def _maximum(module: nn.MaxPool1d | nn.MaxPool2d, image: Shape) -> MaxPool:
    name, rank = type(module).__name__, len(image)
    if module.return_indices:
        raise MisfitError(f"{name} with return_indices", "use return_indices=False")
    dilation, padding = _each(module.dilation, rank), []
    settings = _settings(module, rank)
    for size, (kernel, stride, before), apart in zip(image, settings, dilation, strict=True):
        span = apart * (kernel - 1) + 1
        starts = _starts(size, span, stride, before, module.ceil_mode)
        if any(not any(0 <= tap < size for tap in range(s, s + span, apart)) for s in starts):
            raise MisfitError(f"{name} with windows that lie on padding alone", "pad less")
        padding.append((before, max(before, starts[-1] + span - size)))
    kernels, strides, _ = zip(*settings, strict=True)
    return MaxPool(kernels, strides, tuple(padding), dilation)


def _average(module: nn.AvgPool1d | nn.AvgPool2d, image: Shape) -> AvgPool:
    name, rank = type(module).__name__, len(image)
    if getattr(module, "divisor_override", None) is not None:
        raise MisfitError(f"{name} with divisor_override", "leave it out")
    axes = []
    for size, (kernel, stride, before) in zip(image, _settings(module, rank), strict=True):
        starts = list(_starts(size, kernel, stride, before, module.ceil_mode))
        ends = [min(start + kernel, size + before) for start in starts]
        axis = _regular(size, starts, ends, stride, before)
        if axis is None:
            way = "use ceil_mode=False, which leaves the last windows out"
            raise MisfitError(f"{name} with ceil_mode", way)
        if not module.count_include_pad and before:
            ends = [min(end, size) for end in ends]
            axis = _regular(size, [max(start, 0) for start in starts], ends, stride)
            if axis is None:
                what = f"{name} with count_include_pad=False"
                raise MisfitError(what, "use count_include_pad=True")
        axes.append(axis)
    return AvgPool(*_planes(axes))


def _adaptive(module: Any, image: Shape) -> list[Axis]:
    axes = []
    for size, wanted in zip(image, _each(module.output_size, len(image)), strict=True):
        count = size if wanted is None else int(wanted)
        starts = [n * size // count for n in range(count)]
        ends = [-(-(n + 1) * size // count) for n in range(count)]
        axis = _regular(size, starts, ends) if count else None
        if axis is None:
            extent = " x ".join(map(str, image))
            where = f"an image of {extent}" if len(image) > 1 else f"a length of {extent}"
            what = f"{type(module).__name__}({module.output_size}) on {where}"
            raise MisfitError(what, "use an output size that divides it, such as 1")
        axes.append(axis)
    return axes


def _adaptive_maximum(module: nn.AdaptiveMaxPool1d | nn.AdaptiveMaxPool2d, image: Shape) -> MaxPool:
    if module.return_indices:
        name = type(module).__name__
        raise MisfitError(f"{name} with return_indices", "use return_indices=False")
    return MaxPool(*_planes(_adaptive(module, image)), (1,) * len(image))


def _regular(
    size: int, starts: list[int], ends: list[int], stride: int = 0, after: int = 0
) -> Axis | None:
    """Return the kernel, stride and padding of windows of an axis; None where they are not all of
    one size and one distance from each other.

    Parameters
    ----------
    stride, after : of one window, and the padding behind, where they may be as they are
    """
    kernel, before = ends[0] - starts[0], max(0, -starts[0])
    after = max(after, ends[-1] - size)
    room = size + before + after - kernel
    if len(starts) == 1:
        stride = next(n for n in (stride, kernel, room + 1) if n > room)
    else:
        stride = starts[1] - starts[0]
    windows = [(starts[0] + n * stride, starts[0] + n * stride + kernel) for n in range(len(ends))]
    same = windows == list(zip(starts, ends, strict=True)) and starts[0] <= 0 < stride
    return (kernel, stride, (before, after)) if same and room // stride + 1 == len(ends) else None


def _planes(axes: list[Axis]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[Any, ...]]:
    kernels, strides, padding = zip(*axes, strict=True)
    return kernels, strides, padding


POOLS: dict[type[nn.Module], Callable[[Any, Shape], MaxPool | AvgPool]] = {
    nn.MaxPool1d: _maximum,
    nn.MaxPool2d: _maximum,
    nn.AvgPool1d: _average,
    nn.AvgPool2d: _average,
    nn.AdaptiveAvgPool1d: lambda module, image: AvgPool(*_planes(_adaptive(module, image))),
    nn.AdaptiveAvgPool2d: lambda module, image: AvgPool(*_planes(_adaptive(module, image))),
    nn.AdaptiveMaxPool1d: _adaptive_maximum,
    nn.AdaptiveMaxPool2d: _adaptive_maximum,
}
