"""Functions that change the shape of a value, or the order of its elements."""

__all__ = ["SHAPES"]

import torch
import torch.nn.functional as F
from torch import nn

from hwgen.torch_graph.functions.call import Call, Calls, Function, Modules
from hwgen.torch_graph.tracer import RESHAPING


def _reshape(call: Call) -> Modules | None:
    """Those that flatten are written torch.flatten(x, 1) by the tracer."""
    flattens = call.node.target is torch.flatten and call.node.args[1:] == (1,)
    return (nn.Flatten(),) if flattens or call.dimensions is None else None


def _pixel_shuffle(call: Call) -> Modules | None:
    return (nn.PixelShuffle(call.argument(1, "upscale_factor")),)


def _pixel_unshuffle(call: Call) -> Modules | None:
    return (nn.PixelUnshuffle(call.argument(1, "downscale_factor")),)


SHAPES: Calls = {
    **dict.fromkeys(RESHAPING, Function(_reshape)),
    **dict.fromkeys((F.pixel_shuffle, torch.pixel_shuffle), Function(_pixel_shuffle)),
    **dict.fromkeys((F.pixel_unshuffle, torch.pixel_unshuffle), Function(_pixel_unshuffle)),
}
