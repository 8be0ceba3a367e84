"""Shape and range of what enters."""

__all__ = ["ENTRY"]

from collections.abc import Sequence

import numpy as np

from hwgen.network.inference.rules import Rule, require_zero_point
from hwgen.network.ops import Input, Op
from hwgen.network.tensor import Tensor


def _input(op: Input, inputs: Sequence[Tensor]) -> Tensor:
    channels = op.shape[0]
    require_zero_point(op)
    return Tensor(
        op.shape,
        np.full(channels, op.format.lo, dtype=np.int64),
        np.full(channels, op.format.hi, dtype=np.int64),
        op.scale,
        op.zero_point,
        op.format,
    )


ENTRY: dict[type[Op], Rule] = {Input: Rule(_input, 0, 0)}
