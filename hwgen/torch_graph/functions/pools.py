"""Functions that take windows together: pools, means, sums and largest values."""

__all__ = ["POOLS"]

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hwgen.torch_graph.functions.call import Call, Calls, Function, Modules
from hwgen.torch_graph.modules import AvgPool, MaxPool
from hwgen.torch_graph.reductions import reduction_of
from hwgen.torch_graph.swaps import channels_first, channels_last

Kind = Callable[..., nn.Module]
Reduced = Callable[[tuple[int, ...]], nn.Module]  # of a whole extent


def _max_pool(kind: Kind) -> Function:
    def modules(call: Call) -> Modules | None:
        kernel = call.argument(1, "kernel_size")
        pool = kind(
            kernel,
            call.argument(2, "stride") or kernel,
            call.argument(3, "padding", 0),
            call.argument(4, "dilation", 1),
            call.argument(6, "return_indices", False),
            call.argument(5, "ceil_mode", False),
        )
        return (pool,)

    return Function(modules)


def _avg_pool(kind: Kind) -> Function:
    def modules(call: Call) -> Modules | None:
        kernel = call.argument(1, "kernel_size")
        divisor: dict[str, Any] = {"divisor_override": call.argument(6, "divisor_override")}
        average = kind(
            kernel,
            call.argument(2, "stride") or kernel,
            call.argument(3, "padding", 0),
            call.argument(4, "ceil_mode", False),
            call.argument(5, "count_include_pad", True),
            **(divisor if kind is nn.AvgPool2d else {}),
        )
        return (average,)

    return Function(modules)


def _adaptive(kind: Kind) -> Function:
    return Function(lambda call: (kind(call.argument(1, "output_size")),))


def _reduction(kind: Reduced) -> Function:
    """Over axes of positions: a pool whose window has their whole extent. Where they come before
    all others, as in (batch, n, features), channels are brought first."""

    def modules(call: Call) -> Modules | None:
        found, shape = reduction_of(call.node, call.dimensions), call.shapes[0]
        if shape is None:
            return (nn.Identity(),)  # the example does not fit: the trace says why
        rank, axes = len(shape) - 2, () if found is None else found.axes
        before: Modules = ()
        after: Modules = ()
        if found is None or rank not in (1, 2):
            return None
        shape = shape[1:]
        if axes == tuple(range(1, rank + 1)):
            before, after = (channels_first(shape),), (channels_last((shape[-1], *[1] * rank)),)
            axes, shape = tuple(axis + 1 for axis in axes), (shape[-1], *shape[:-1])
        if min(axes) < 2:
            return None
        pool = kind(tuple(n if axis in axes else 1 for axis, n in enumerate(shape[1:], 2)))
        if found.keepdim:
            return (*before, pool, *after)
        return (*before, pool, nn.Flatten()) if len(axes) == rank else None

    return Function(modules)


def _mean(kernel: tuple[int, ...]) -> AvgPool:
    return AvgPool(kernel, kernel, ((0, 0),) * len(kernel))


def _sum(kernel: tuple[int, ...]) -> AvgPool:
    return AvgPool(kernel, kernel, ((0, 0),) * len(kernel), divisor=1)


def _largest(kernel: tuple[int, ...]) -> MaxPool:
    return MaxPool(kernel, kernel, ((0, 0),) * len(kernel), (1,) * len(kernel))


POOLS: Calls = {
    **dict.fromkeys((F.max_pool1d, torch.max_pool1d), _max_pool(nn.MaxPool1d)),
    **dict.fromkeys((F.max_pool2d, torch.max_pool2d), _max_pool(nn.MaxPool2d)),
    F.avg_pool1d: _avg_pool(nn.AvgPool1d),
    F.avg_pool2d: _avg_pool(nn.AvgPool2d),
    F.adaptive_avg_pool1d: _adaptive(nn.AdaptiveAvgPool1d),
    F.adaptive_avg_pool2d: _adaptive(nn.AdaptiveAvgPool2d),
    F.adaptive_max_pool1d: _adaptive(nn.AdaptiveMaxPool1d),
    F.adaptive_max_pool2d: _adaptive(nn.AdaptiveMaxPool2d),
    **dict.fromkeys((torch.mean, "mean"), _reduction(_mean)),
    **dict.fromkeys((torch.sum, "sum"), _reduction(_sum)),
    **dict.fromkeys((torch.amax, "amax"), _reduction(_largest)),
}
