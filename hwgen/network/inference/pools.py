"""Shape and range of pools."""

__all__ = ["POOLS"]

import math
from collections.abc import Sequence

from hwgen.errors import NetworkError
from hwgen.formats import Binary
from hwgen.network.inference.rules import Rule, require_one_scale
from hwgen.network.ops import (
    AvgPool,
    AvgPool1d,
    AvgPool2d,
    IntArray,
    MaxPool,
    MaxPool1d,
    MaxPool2d,
    Op,
    Pool,
    PositionScale,
)
from hwgen.network.ranges import AXES, as_int64, count_windows, real_taps
from hwgen.network.tensor import Tensor


def _pooled(op: Pool, x: Tensor, dilation: Sequence[int]) -> tuple[int, ...]:
    if len(x.shape) != 1 + op.rank:
        wanted = ", ".join(("channels", *AXES[op.rank]))
        raise NetworkError(f"Input must have shape ({wanted}), not {x.shape}")
    return (x.channels, *count_windows(x, op.kernel, op.stride, op.padding, dilation))


def _max_pool(op: MaxPool, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    shape = _pooled(op, x, op.dilation)
    require_one_scale(x)
    axes = zip(x.shape[1:], op.kernel, op.stride, op.padding, op.dilation, strict=True)
    for name, axis in zip(AXES[op.rank], axes, strict=True):
        if not real_taps(*axis)[0]:
            raise NetworkError(
                "Windows of a maximum must not lie on padding alone, as one does on "
                f"{name} {axis[0]} with a kernel of {op.kernel}, padding {op.padding}, "
                f"stride {op.stride} and dilation {op.dilation}; pad less"
            )
    return Tensor(shape, x.lows, x.highs, x.scale, x.zero_point, x.format)


def _centred(ends: IntArray, x: Tensor) -> list[int]:
    return [end - x.zero_point for end in ends.tolist()]


def _avg_pool(op: AvgPool, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    shape = _pooled(op, x, (1,) * op.rank)
    if isinstance(x.format, Binary) and any(map(any, op.padding)):
        raise NetworkError(
            f"Padding of an average of {x.format} values must be 0, not {op.padding}: "
            "none of them adds nothing"
        )
    axes = zip(x.shape[1:], op.kernel, op.stride, op.padding, strict=True)
    taps = [real_taps(*axis, 1) for axis in axes]
    least, most = (math.prod(ends) for ends in zip(*taps, strict=True))
    # A channel that may be negative is smallest where most taps are real, and so on.
    lows, highs = as_int64(
        (low * (most if low < 0 else least) for low in _centred(x.lows, x)),
        (high * (most if high > 0 else least) for high in _centred(x.highs, x)),
    )
    return Tensor(shape, lows, highs, x.scale / op.divisor, 0, None)


def _position_scale(op: PositionScale, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    if x.shape[1:] != tuple(map(len, op.factors)):
        raise NetworkError(
            f"Factors must be one for each position of {x.shape[1:]}, "
            f"not of {tuple(map(len, op.factors))}"
        )
    least, most = (math.prod(map(end, op.factors)) for end in (min, max))
    lows, highs = as_int64(
        (low * (most if low < 0 else least) for low in _centred(x.lows, x)),
        (high * (most if high > 0 else least) for high in _centred(x.highs, x)),
    )
    return Tensor(x.shape, lows, highs, x.scale / op.divisor, 0, None)


POOLS: dict[type[Op], Rule] = {
    MaxPool1d: Rule(_max_pool),
    MaxPool2d: Rule(_max_pool),
    AvgPool1d: Rule(_avg_pool),
    AvgPool2d: Rule(_avg_pool),
    PositionScale: Rule(_position_scale),
}
