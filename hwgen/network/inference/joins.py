"""Shape and range where values come together."""

__all__ = ["JOINS"]

from collections.abc import Sequence

import numpy as np

from hwgen.errors import NetworkError
from hwgen.network.inference.rules import Rule, require_format, require_one_scale
from hwgen.network.ops import MAX_CHANNELS, Add, Concat, Op
from hwgen.network.tensor import Tensor

MAX_INPUTS = 1 << 10  # of a concatenation
MISMATCH = 1e-3  # of the units of two summands, relative: the multipliers of a sum have 15 bits


def _add(op: Add, inputs: Sequence[Tensor]) -> Tensor:
    a, b = inputs
    if a.shape != b.shape:
        raise NetworkError(f"Inputs must have one shape, not {a.shape} and {b.shape}")
    for x in inputs:
        require_format(x, "added")
        require_one_scale(x)
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
        require_format(x, "concatenated")
        require_one_scale(x)
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


JOINS: dict[type[Op], Rule] = {
    Add: Rule(_add, 2, 2),
    Concat: Rule(_concat, 2, MAX_INPUTS),
}
