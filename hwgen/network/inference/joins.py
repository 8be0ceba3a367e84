"""Shape and range where values come together."""

__all__ = ["JOINS", "require_one_grid", "require_shapes_of_first"]

from collections.abc import Sequence

import numpy as np

from hwgen.errors import NetworkError
from hwgen.network.inference.rules import Rule, require_format, require_one_scale
from hwgen.network.ops import MAX_CHANNELS, Add, Concat, Op
from hwgen.network.ops.joins import MAX_INPUTS
from hwgen.network.tensor import Tensor

MISMATCH = 1e-3  # of the units of two summands, relative: the multipliers of a sum have 15 bits


def _add(op: Add, inputs: Sequence[Tensor]) -> Tensor:
    if len(op.multipliers) != len(inputs):
        raise NetworkError(
            f"Multipliers must be one for each of the {len(inputs)} inputs, "
            f"not {len(op.multipliers)}"
        )
    first = inputs[0]
    require_shapes_of_first(inputs)
    for x in inputs:
        require_format(x, "added")
        require_one_scale(x)
    reals = [
        float(x.scale[0]) * by
        for x, by in zip(inputs, np.broadcast_to(op.factors, len(inputs)).tolist(), strict=True)
    ]
    units = [real / abs(m) for real, m in zip(reals, op.multipliers, strict=True)]
    least, most = units.index(min(units)), units.index(max(units))
    if units[most] - units[least] > MISMATCH * units[most]:
        a, b = sorted((least, most))
        raise NetworkError(
            f"Scales divided by their multipliers must differ by at most {MISMATCH:.1%}, not be "
            f"{reals[a]} / {op.multipliers[a]} = {units[a]} and "
            f"{reals[b]} / {op.multipliers[b]} = {units[b]}; choose other multipliers, "
            "or requantize the inputs to a common scale"
        )
    shares = [  # multipliers of 15 bits, values of 16, at most 2**10 of them
        (m * (x.lows - x.zero_point), m * (x.highs - x.zero_point))
        for x, m in zip(inputs, op.multipliers, strict=True)
    ]
    nothing = np.zeros(first.lows.shape, np.int64)  # where what spreads has but one channel
    lows = sum((np.minimum(*ends) for ends in shares), nothing)
    highs = sum((np.maximum(*ends) for ends in shares), nothing)
    return Tensor(first.shape, lows, highs, np.array([units[0]]), 0, None)


def _concat(op: Concat, inputs: Sequence[Tensor]) -> Tensor:
    first = inputs[0]
    for x in inputs:
        if len(x.shape) != len(first.shape) or x.shape[1:] != first.shape[1:]:
            raise NetworkError(
                "Inputs must be equal in all but their channels, not of shapes "
                f"{first.shape} and {x.shape}"
            )
    require_one_grid(inputs, "concatenated")
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


def require_shapes_of_first(inputs: Sequence[Tensor]) -> None:
    """Refuse inputs that do not have the shape of the first, and do not spread over it: what has a
    number a channel, a number a pixel, or one number, is taken again for the others.

    Raises
    ------
    NetworkError : of such an input
    """
    first = inputs[0].shape
    channels, image = first[:1], first[1:]
    spreading = {first, (*channels, *[1] * len(image)), (1, *image), (1,) * len(first)}
    for x in inputs[1:]:
        if x.shape not in spreading:
            raise NetworkError(
                "Inputs must have the shape of the first, or one number a channel, one a pixel, "
                f"or one for all, not {first} and {x.shape}"
            )


def require_one_grid(inputs: Sequence[Tensor], purpose: str) -> None:
    """Refuse inputs whose integers do not stand for the same numbers.

    Raises
    ------
    NetworkError : their scales, zero points or formats differ
    """
    first = inputs[0]
    for x in inputs:
        require_format(x, purpose)
        require_one_scale(x)
        ours, theirs = ((float(t.scale[0]), t.zero_point, str(t.format)) for t in (first, x))
        if ours != theirs:
            raise NetworkError(
                "Inputs must have one scale, one zero point and one format, not "
                f"{_spelled(*ours)} and {_spelled(*theirs)}; requantize them to a common scale"
            )


def _spelled(scale: float, zero_point: int, of: str) -> str:
    return f"{of} of scale {scale} and zero point {zero_point}"


JOINS: dict[type[Op], Rule] = {
    Add: Rule(_add, 2, MAX_INPUTS),
    Concat: Rule(_concat, 2, MAX_INPUTS),
}
