"""Functions that take windows together: pools, means and largest values."""

__all__ = ["POOLS"]

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hwgen.torch_graph.functions.call import Call, Calls, Function, Modules
from hwgen.torch_graph.reductions import reduction_of

Kind = Callable[..., nn.Module]
AVERAGE: dict[int, Kind] = {1: nn.AvgPool1d, 2: nn.AvgPool2d}  # by spatial axes
MAXIMUM: dict[int, Kind] = {1: nn.MaxPool1d, 2: nn.MaxPool2d}


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


def _reduction(kinds: dict[int, Kind]) -> Function:
    """Over spatial axes: a pool whose window has their whole extent."""

    def modules(call: Call) -> Modules | None:
        found, shape = reduction_of(call.node, call.dimensions), call.shapes[0]
        if shape is None:
            return (nn.Identity(),)  # the example does not fit: the trace says why
        rank = len(shape) - 2
        if found is None or rank not in kinds or min(found.axes) < 2:
            return None
        kernel = [n if axis in found.axes else 1 for axis, n in enumerate(shape) if axis > 1]
        pool = kinds[rank](tuple(kernel) if rank > 1 else kernel[0])
        if found.keepdim:
            return (pool,)
        return (pool, nn.Flatten()) if len(found.axes) == rank else None

    return Function(modules)


_MEAN, _LARGEST = _reduction(AVERAGE), _reduction(MAXIMUM)
POOLS: Calls = {
    **dict.fromkeys((F.max_pool1d, torch.max_pool1d), _max_pool(nn.MaxPool1d)),
    **dict.fromkeys((F.max_pool2d, torch.max_pool2d), _max_pool(nn.MaxPool2d)),
    F.avg_pool1d: _avg_pool(nn.AvgPool1d),
    F.avg_pool2d: _avg_pool(nn.AvgPool2d),
    F.adaptive_avg_pool1d: _adaptive(nn.AdaptiveAvgPool1d),
    F.adaptive_avg_pool2d: _adaptive(nn.AdaptiveAvgPool2d),
    F.adaptive_max_pool1d: _adaptive(nn.AdaptiveMaxPool1d),
    F.adaptive_max_pool2d: _adaptive(nn.AdaptiveMaxPool2d),
    **dict.fromkeys((torch.mean, "mean"), _MEAN),
    **dict.fromkeys((torch.amax, "amax"), _LARGEST),
}
