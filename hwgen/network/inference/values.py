"""Shape and range of what is done to each value by itself, and of the largest."""

__all__ = ["VALUES"]

from collections.abc import Sequence

import numpy as np

from hwgen.errors import NetworkError
from hwgen.formats import MAX_BITS, MIN_BITS, Fixed, bits_for
from hwgen.network.inference.rules import Rule, require_one_scale, require_zero_point
from hwgen.network.ops import ArgMax, IntArray, Op, Requantize, Threshold
from hwgen.network.ranges import ACCUMULATOR_BITS, as_int64, requantize_value
from hwgen.network.tensor import Tensor


def _requantize(op: Requantize, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    for what, array in (("Multiplier", op.multiplier), ("Shift", op.shift)):
        if array.size not in (1, x.channels):
            raise NetworkError(f"{what} must be one number or {x.channels}, not {array.size}")
    require_zero_point(op)
    multiplier = np.broadcast_to(op.multiplier, x.channels).tolist()
    shift = np.broadcast_to(op.shift, x.channels).tolist()

    def apply(values: IntArray) -> list[int]:
        # The zero point of the input is zero for accumulators; others are shifted to zero first.
        out = []
        for value, m, s in zip(values.tolist(), multiplier, shift, strict=True):
            if abs(value - x.zero_point) * m >= 1 << ACCUMULATOR_BITS:
                raise NetworkError(
                    f"Products with the multiplier must stay below 2**{ACCUMULATOR_BITS}; "
                    "use a smaller multiplier and shift"
                )
            out.append(requantize_value(op, value - x.zero_point, m, s))
        return out

    lows, highs = as_int64(apply(x.lows), apply(x.highs))  # rounding is monotone
    return Tensor(x.shape, lows, highs, op.scale, op.zero_point, op.format)


def _threshold(op: Threshold, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    rows = op.thresholds
    if len(rows) not in (1, x.channels):
        raise NetworkError(
            f"Thresholds must be of one channel or of {x.channels}, not of {len(rows)}"
        )
    require_zero_point(op)

    def apply(values: IntArray) -> IntArray:
        counts = (
            rows[0].searchsorted(values, side="right")
            if len(rows) == 1
            else [row.searchsorted(q, side="right") for row, q in zip(rows, values, strict=True)]
        )
        return op.base + op.format.step * np.array(counts, dtype=np.int64)

    return Tensor(x.shape, apply(x.lows), apply(x.highs), op.scale, op.zero_point, op.format)


def _arg_max(op: ArgMax, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    if len(x.shape) != 1:
        raise NetworkError(f"Input must have shape (features,), not {x.shape}; flatten it first")
    require_one_scale(x)
    if x.channels > 1 << MAX_BITS:
        raise NetworkError(f"Input must have at most {1 << MAX_BITS} features, not {x.channels}")
    last = x.channels - 1
    of = Fixed(max(MIN_BITS, bits_for(0, last)[0]), signed=False)
    return Tensor((1,), np.zeros(1, np.int64), np.array([last], np.int64), np.ones(1), 0, of)


VALUES: dict[type[Op], Rule] = {
    Requantize: Rule(_requantize),
    Threshold: Rule(_threshold),
    ArgMax: Rule(_arg_max),
}
