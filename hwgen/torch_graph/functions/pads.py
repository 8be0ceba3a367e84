"""Functions that put something around a value."""

__all__ = ["PADS"]

import torch.nn.functional as F

from hwgen.torch_graph.functions.call import Call, Calls, Function, Modules
from hwgen.torch_graph.modules import ZeroPad


def _pad(call: Call) -> Modules | None:
    """F.pad names the sides of the last axis first; those it does not name get nothing."""
    sides, dimensions = call.argument(1, "pad"), call.dimensions or 4
    constant = call.argument(2, "mode", "constant") == "constant"
    if not constant or call.argument(3, "value") not in (None, 0) or min(sides) < 0:
        return None
    pairs = [(0, 0)] * (dimensions - len(sides) // 2)
    pairs += list(zip(sides[::2], sides[1::2], strict=True))[::-1]
    return None if any(map(any, pairs[:2])) else (ZeroPad(tuple(pairs[2:])),)


PADS: Calls = {F.pad: Function(_pad)}
