"""Shape and range of what changes its shape alone."""

__all__ = ["SHAPES"]

import math
from collections.abc import Sequence

import numpy as np

from hwgen.errors import NetworkError
from hwgen.network.inference.rules import Rule
from hwgen.network.ops import MAX_CHANNELS, Flatten, Op
from hwgen.network.tensor import Tensor


def _flatten(op: Flatten, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    if len(x.shape) == 1:
        return x
    area = math.prod(x.shape[1:])
    if x.channels * area > MAX_CHANNELS:
        raise NetworkError(f"Flattened value must have at most {MAX_CHANNELS} features")
    scale = np.repeat(x.scale, area) if x.scale.size > 1 else x.scale
    return Tensor(
        (x.channels * area,),
        np.repeat(x.lows, area),
        np.repeat(x.highs, area),
        scale,
        x.zero_point,
        x.format,
    )


SHAPES: dict[type[Op], Rule] = {
    Flatten: Rule(_flatten),
}
