"""Shape and exact range of every value of a network, derived, never trusted.

The range is that of the weights which are really there: for an accumulator, the sum of the
extremes of each product. It is reached for a fully connected layer, and is a bound on any layer.
One range per channel is kept; registers are sized by their union.
"""

__all__ = ["ARITY", "INFERENCE", "Tensor", "infer", "output_extent", "round_shift"]

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hwgen.errors import NetworkError
from hwgen.formats import MAX_BITS, MIN_BITS, Binary, Fixed, bits_for
from hwgen.network.ops import (
    MAX_CHANNELS,
    MAX_ELEMENTS,
    Add,
    ArgMax,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Input,
    IntArray,
    Linear,
    MaxPool2d,
    Op,
    Requantize,
    Threshold,
    _Pool,
    _Weighted,
)
from hwgen.network.ranges import (
    ACCUMULATOR_BITS,
    as_int64,
    count_windows,
    dot_range,
    output_extent,
    real_taps,
    requantize_value,
    round_shift,
)
from hwgen.network.tensor import Tensor

MAX_INPUTS = 1 << 10  # of a concatenation
MISMATCH = 1e-3  # of the units of two summands, relative: the multipliers of a sum have 15 bits


def _require_zero_point(op: Input | Requantize | Threshold) -> None:
    if isinstance(op.format, Binary) and op.zero_point != 0:
        raise NetworkError(f"Zero point of {op.format} must be 0, not {op.zero_point}")
    if not op.format.lo <= op.zero_point <= op.format.hi:
        raise NetworkError(f"Zero point must lie in the range of {op.format}, not {op.zero_point}")


def _require_format(x: Tensor, purpose: str) -> None:
    if x.format is None:
        raise NetworkError(f"Input must be requantized before it is {purpose}")


def _require_one_scale(x: Tensor) -> None:
    if x.scale.size != 1:
        raise NetworkError("Input must have one scale, not one per channel")


def _input(op: Input, inputs: Sequence[Tensor]) -> Tensor:
    channels = op.shape[0]
    _require_zero_point(op)
    return Tensor(
        op.shape,
        np.full(channels, op.format.lo, dtype=np.int64),
        np.full(channels, op.format.hi, dtype=np.int64),
        op.scale,
        op.zero_point,
        op.format,
    )


def _accumulator(
    op: _Weighted, x: Tensor, shape: tuple[int, ...], groups: int, padded: bool
) -> Tensor:
    _require_format(x, "multiplied again")
    _require_one_scale(x)
    lows, highs = dot_range(op.weight, op.bias, x, groups, padded)
    return Tensor(shape, lows, highs, x.scale * op.weight_scale, 0, None)


def _conv2d(op: Conv2d, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    channels = op.weight.shape[1] * op.groups
    if len(x.shape) != 3 or x.shape[0] != channels:
        raise NetworkError(f"Input must have shape ({channels}, height, width), not {x.shape}")
    height, width = count_windows(x, op.weight.shape[2:], op.stride, op.padding, op.dilation)
    shape = (op.weight.shape[0], height, width)
    return _accumulator(op, x, shape, op.groups, any(op.padding))


def _linear(op: Linear, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    if x.shape != (op.weight.shape[1],):
        raise NetworkError(f"Input must have shape ({op.weight.shape[1]},), not {x.shape}")
    return _accumulator(op, x, (op.weight.shape[0],), 1, padded=False)


def _pooled(op: _Pool, x: Tensor) -> tuple[int, int, int]:
    if len(x.shape) != 3:
        raise NetworkError(f"Input must have shape (channels, height, width), not {x.shape}")
    return (x.channels, *count_windows(x, op.kernel, op.stride, op.padding, (1, 1)))


def _max_pool2d(op: MaxPool2d, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    shape = _pooled(op, x)
    _require_one_scale(x)
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


def _add(op: Add, inputs: Sequence[Tensor]) -> Tensor:
    a, b = inputs
    if a.shape != b.shape:
        raise NetworkError(f"Inputs must have one shape, not {a.shape} and {b.shape}")
    for x in inputs:
        _require_format(x, "added")
        _require_one_scale(x)
    unit, other = (float(x.scale[0]) / m for x, m in zip(inputs, op.multipliers, strict=True))
    if abs(unit - other) > MISMATCH * max(unit, other):
        raise NetworkError(
            f"Scales divided by their multipliers must differ by at most {MISMATCH:.1%}, not be "
            f"{a.scale[0]} / {op.multipliers[0]} = {unit} and "
            f"{b.scale[0]} / {op.multipliers[1]} = {other}; choose other multipliers, or "
            "requantize the inputs to a common scale"
        )
    m0, m1 = op.multipliers  # of 15 bits, and values of 16
    return Tensor(
        a.shape,
        m0 * (a.lows - a.zero_point) + m1 * (b.lows - b.zero_point),
        m0 * (a.highs - a.zero_point) + m1 * (b.highs - b.zero_point),
        a.scale / m0,
        0,
        None,
    )


def _concat(op: Concat, inputs: Sequence[Tensor]) -> Tensor:
    first = inputs[0]
    for x in inputs:
        _require_format(x, "concatenated")
        _require_one_scale(x)
        if len(x.shape) != len(first.shape) or x.shape[1:] != first.shape[1:]:
            raise NetworkError(
                "Inputs must be equal in all but their channels, not of shapes "
                f"{first.shape} and {x.shape}"
            )
        ours, theirs = ((float(t.scale[0]), t.zero_point, str(t.format)) for t in (first, x))
        if ours != theirs:
            raise NetworkError(
                "Inputs must have one scale, one zero point and one format, not "
                f"{_spelled(*ours)} and {_spelled(*theirs)}; requantize them to a common scale"
            )
    channels = sum(x.channels for x in inputs)
    if channels > MAX_CHANNELS:
        raise NetworkError(f"Value must have at most {MAX_CHANNELS} channels, not {channels}")
    return Tensor(
        (channels, *first.shape[1:]),
        np.concatenate([x.lows for x in inputs]),
        np.concatenate([x.highs for x in inputs]),
        first.scale,
        first.zero_point,
        first.format,
    )


def _spelled(scale: float, zero_point: int, of: str) -> str:
    return f"{of} of scale {scale} and zero point {zero_point}"


def _flatten(op: Flatten, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    if len(x.shape) == 1:
        return x
    area = x.shape[1] * x.shape[2]
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


def _requantize(op: Requantize, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    for what, array in (("Multiplier", op.multiplier), ("Shift", op.shift)):
        if array.size not in (1, x.channels):
            raise NetworkError(f"{what} must be one number or {x.channels}, not {array.size}")
    _require_zero_point(op)
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
    _require_zero_point(op)

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
    _require_one_scale(x)
    if x.channels > 1 << MAX_BITS:
        raise NetworkError(f"Input must have at most {1 << MAX_BITS} features, not {x.channels}")
    last = x.channels - 1
    of = Fixed(max(MIN_BITS, bits_for(0, last)[0]), signed=False)
    return Tensor((1,), np.zeros(1, np.int64), np.array([last], np.int64), np.ones(1), 0, of)


INFERENCE: dict[type[Op], Callable[[Any, Sequence[Tensor]], Tensor]] = {
    Input: _input,
    Conv2d: _conv2d,
    Linear: _linear,
    MaxPool2d: _max_pool2d,
    AvgPool2d: _avg_pool2d,
    Add: _add,
    Concat: _concat,
    Flatten: _flatten,
    Requantize: _requantize,
    Threshold: _threshold,
    ArgMax: _arg_max,
}

ARITY: dict[type[Op], tuple[int, int]] = {  # the least and the most inputs
    Input: (0, 0),
    Conv2d: (1, 1),
    Linear: (1, 1),
    MaxPool2d: (1, 1),
    AvgPool2d: (1, 1),
    Add: (2, 2),
    Concat: (2, MAX_INPUTS),
    Flatten: (1, 1),
    Requantize: (1, 1),
    Threshold: (1, 1),
    ArgMax: (1, 1),
}


def infer(op: Op, inputs: Sequence[Tensor]) -> Tensor:
    """Return the type of the op's value from the types of its inputs.

    Raises
    ------
    NetworkError : the inputs do not fit the op
    """
    if type(op) not in INFERENCE:
        raise NetworkError(f"Op must be one of hwgen's, not {type(op).__name__}")
    least, most = ARITY[type(op)]
    if not least <= len(inputs) <= most:
        rule = str(least) if least == most else f"{least} to {most}"
        raise NetworkError(f"Number of inputs must be {rule}, not {len(inputs)}")
    with np.errstate(over="ignore", under="ignore"):
        tensor = INFERENCE[type(op)](op, inputs)
    if math.prod(tensor.shape) > MAX_ELEMENTS:
        raise NetworkError(f"Value must have at most {MAX_ELEMENTS} elements, not {tensor.shape}")
    if not np.isfinite(tensor.scale).all() or not tensor.scale.all():
        raise NetworkError(f"Scale must be positive and finite, not {tensor.scale[:4]}")
    return tensor
