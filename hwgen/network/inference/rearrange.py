"""Shape and range of rearrangements: each channel's range is that of all that it takes from."""

__all__ = ["REARRANGEMENTS"]

from collections.abc import Sequence

import numpy as np

from hwgen.errors import NetworkError
from hwgen.network.inference.rules import Rule, require_one_scale
from hwgen.network.ops import MAX_CHANNELS, Gather, Op, Pad
from hwgen.network.rearranged import REARRANGED, rearranged
from hwgen.network.tensor import Tensor


def _rearrange(op: Op, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    require_one_scale(x)
    trailing = (1,) * (len(x.shape) - 1)
    ends = []
    for end, reduce in ((x.lows, np.min), (x.highs, np.max)):
        y = rearranged(op, np.broadcast_to(end.reshape(-1, *trailing), x.shape), x.shape)
        ends.append(reduce(y.reshape(len(y), -1), axis=1))
    if len(y) > MAX_CHANNELS:
        raise NetworkError(f"Value must have at most {MAX_CHANNELS} channels, not {len(y)}")
    return Tensor(y.shape, ends[0], ends[1], x.scale, x.zero_point, x.format)


def _check_constant(value: int, x: Tensor) -> None:
    if x.format is None:
        raise NetworkError("Input must be requantized before constants are put beside it")
    if not x.format.holds(np.array([value])):
        raise NetworkError(f"Value must be an integer of {x.format}, not {value}")


def _pad(op: Pad, inputs: Sequence[Tensor]) -> Tensor:
    if op.mode == "constant":
        _check_constant(op.value, inputs[0])
    return _rearrange(op, inputs)


def _gather(op: Gather, inputs: Sequence[Tensor]) -> Tensor:
    if (op.index < 0).any():
        _check_constant(op.value, inputs[0])
    return _rearrange(op, inputs)


REARRANGEMENTS: dict[type[Op], Rule] = {
    **dict.fromkeys(REARRANGED, Rule(_rearrange)),
    Pad: Rule(_pad),
    Gather: Rule(_gather),
}
