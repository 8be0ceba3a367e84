"""Functions that take windows together: pools and means."""

__all__ = ["POOLS"]

import torch
import torch.nn.functional as F
from torch import nn

from hwgen.torch_graph.functions.call import Call, Calls, Function, Modules


def _max_pool(call: Call) -> Modules | None:
    kernel = call.argument(1, "kernel_size")
    pool = nn.MaxPool2d(
        kernel,
        call.argument(2, "stride") or kernel,
        call.argument(3, "padding", 0),
        call.argument(4, "dilation", 1),
        call.argument(6, "return_indices", False),
        call.argument(5, "ceil_mode", False),
    )
    return (pool,)


def _avg_pool(call: Call) -> Modules | None:
    kernel = call.argument(1, "kernel_size")
    average = nn.AvgPool2d(
        kernel,
        call.argument(2, "stride") or kernel,
        call.argument(3, "padding", 0),
        call.argument(4, "ceil_mode", False),
        call.argument(5, "count_include_pad", True),
        call.argument(6, "divisor_override"),
    )
    return (average,)


def _adaptive_avg_pool(call: Call) -> Modules | None:
    return (nn.AdaptiveAvgPool2d(call.argument(1, "output_size")),)


def _mean(call: Call) -> Modules | None:
    dims = call.argument(1, "dim")
    if not isinstance(dims, (tuple, list)) or "dtype" in call.node.kwargs:
        return None
    if sorted(d % 4 for d in dims if isinstance(d, int)) != [2, 3]:
        return None
    keepdim = bool(call.argument(2, "keepdim", False))
    return (nn.AdaptiveAvgPool2d(1),) if keepdim else (nn.AdaptiveAvgPool2d(1), nn.Flatten())


POOLS: Calls = {
    F.max_pool2d: Function(_max_pool),
    torch.max_pool2d: Function(_max_pool),
    F.avg_pool2d: Function(_avg_pool),
    F.adaptive_avg_pool2d: Function(_adaptive_avg_pool),
    torch.mean: Function(_mean),
    "mean": Function(_mean),
}
