"""Shape and range of pools."""

__all__ = ["POOLS"]

import math
from collections.abc import Sequence

from hwgen.errors import NetworkError
from hwgen.formats import Binary
from hwgen.network.inference.rules import Rule, require_one_scale
from hwgen.network.ops import AvgPool2d, IntArray, MaxPool2d, Op
from hwgen.network.ops.pools import Pool
from hwgen.network.ranges import as_int64, count_windows, real_taps
from hwgen.network.tensor import Tensor


def _pooled(op: Pool, x: Tensor) -> tuple[int, int, int]:
    if len(x.shape) != 3:
        raise NetworkError(f"Input must have shape (channels, height, width), not {x.shape}")
    return (x.channels, *count_windows(x, op.kernel, op.stride, op.padding, (1, 1)))


def _max_pool2d(op: MaxPool2d, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    shape = _pooled(op, x)
    require_one_scale(x)
    return Tensor(shape, x.lows, x.highs, x.scale, x.zero_point, x.format)


def _centred(ends: IntArray, x: Tensor) -> list[int]:
    return [end - x.zero_point for end in ends.tolist()]


def _avg_pool2d(op: AvgPool2d, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    shape = _pooled(op, x)
    if isinstance(x.format, Binary) and any(op.padding):
        raise NetworkError(
            f"Padding of an average of {x.format} values must be 0, not {op.padding}: "
            "none of them adds nothing"
        )
    taps = [real_taps(x.shape[1 + a], op.kernel[a], op.stride[a], op.padding[a]) for a in range(2)]
    least, most = (math.prod(ends) for ends in zip(*taps, strict=True))
    # A channel that may be negative is smallest where most taps are real, and so on.
    lows, highs = as_int64(
        (low * (most if low < 0 else least) for low in _centred(x.lows, x)),
        (high * (most if high > 0 else least) for high in _centred(x.highs, x)),
    )
    return Tensor(shape, lows, highs, x.scale / math.prod(op.kernel), 0, None)


POOLS: dict[type[Op], Rule] = {
    MaxPool2d: Rule(_max_pool2d),
    AvgPool2d: Rule(_avg_pool2d),
}
