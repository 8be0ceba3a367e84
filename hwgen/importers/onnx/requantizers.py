"""Thresholds as a requantizer, where a small factor and a shift give the same."""

__all__ = ["as_requantizer"]

import numpy as np

from hwgen.errors import NetworkError
from hwgen.importers.onnx.steps import Affine, Clamp, Fractions, Step, as_fractions
from hwgen.network import Requantize, Threshold
from hwgen.network.tensor import Tensor
from hwgen.network.thresholds import thresholds_of

MOST_MULTIPLIER = 1 << 16
MOST_SHIFT = 62


def as_requantizer(op: Threshold, x: Tensor, steps: tuple[Step, ...]) -> Requantize | None:
    """Return the requantizer that equals thresholds on the range of their input.

    None where its factors are no multiples of a power of two, or it does not equal them: a planner
    has more ways to compute a requantizer.

    Parameters
    ----------
    steps : from the integers of the input to those of the output, before they are rounded
    """
    factors: Fractions = as_fractions([1])
    for step in steps:
        if isinstance(step, Affine):
            factors = as_fractions(factors * step.factor)
        elif not isinstance(step, Clamp):
            return None
    shifts = [f.denominator.bit_length() - 1 for f in factors]
    if any(f.denominator != 1 << s for f, s in zip(factors, shifts, strict=True)):
        return None
    if max(shifts) > MOST_SHIFT or not all(0 < f.numerator < MOST_MULTIPLIER for f in factors):
        return None
    made = Requantize(
        np.array([f.numerator for f in factors]),
        np.array(shifts),
        op.format,  # type: ignore[arg-type]
        op.scale,
        op.zero_point,
        op.base,
        op.base + op.thresholds.shape[1],
        "half_even",
    )
    try:
        theirs = thresholds_of(made, x)
    except NetworkError:  # products of too many bits
        return None
    ends = [end[:, None] for end in (x.lows, x.highs + 1)]
    same = theirs.shape[1] == op.thresholds.shape[1] and np.array_equal(
        np.clip(theirs, *ends), np.clip(op.thresholds, *ends)
    )
    return made if same else None
