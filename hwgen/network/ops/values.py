"""Ops on each value by itself, and the largest of all."""

__all__ = ["ROUNDINGS", "ArgMax", "Requantize", "Threshold"]

from dataclasses import dataclass

import numpy as np

from hwgen.errors import NetworkError
from hwgen.formats import Activation, Fixed
from hwgen.network.fields import FloatArray, IntArray, as_int, integers, number_format, scales
from hwgen.network.ops.base import ACTIVATIONS, Op

ROUNDINGS = ("half_up", "half_even", "half_away", "double")


@dataclass(frozen=True, eq=False)
class Requantize(Op):
    """y = clamp(zero_point + round_shift(acc * multiplier, shift), lo, hi).

    multiplier, shift : (1,) or (channels,), multiplier >= 1, shift >= 0
    format, scale, zero_point : of the output; a binary one is a `Threshold`'s
    lo, hi : the clamp, inside the format's range; a ReLU is lo = zero_point
    rounding : of round_shift, one of `ROUNDINGS`; half_up is floor(x + 1/2); double is half_up by
        31 bits, or by the whole shift if that is less, and half_away by those that are left, as
        TFLite and gemmlowp round
    """

    multiplier: IntArray
    shift: IntArray
    format: Fixed
    scale: FloatArray
    zero_point: int = 0
    lo: int | None = None
    hi: int | None = None
    rounding: str = "half_up"

    def __post_init__(self) -> None:
        multiplier = integers(np.atleast_1d(self.multiplier), "Multiplier", 1)
        shift = integers(np.atleast_1d(self.shift), "Shift", 1)
        if multiplier.size == 0 or multiplier.min() < 1 or multiplier.max() >= 1 << 31:
            raise NetworkError("Multipliers must lie in [1, 2**31)")
        if shift.size == 0 or shift.min() < 0 or shift.max() > 62:
            raise NetworkError("Shifts must lie in [0, 62]")
        if len({multiplier.size, shift.size} - {1}) > 1:
            raise NetworkError("Multipliers and shifts must be as many as each other, or one")
        scale = scales(self.scale, "Output scale")
        if scale.size != 1:
            raise NetworkError("Output scale of a requantizer must be a single number")
        such = "Fixed(8) (a binary output is a Threshold's)"
        number_format(self.format, "Output format", (Fixed,), such)
        lo = self.format.lo if self.lo is None else as_int(self.lo, "Lower clamp")
        hi = self.format.hi if self.hi is None else as_int(self.hi, "Upper clamp")
        if not self.format.lo <= lo <= hi <= self.format.hi:
            raise NetworkError(f"Clamp must lie in the range of {self.format}, not [{lo}, {hi}]")
        if self.rounding not in ROUNDINGS:
            raise NetworkError(
                f"Rounding must be one of {', '.join(ROUNDINGS)}, not {self.rounding!r}"
            )
        self._set(
            multiplier=multiplier,
            shift=shift,
            scale=scale,
            zero_point=as_int(self.zero_point, "Zero point"),
            lo=lo,
            hi=hi,
        )


@dataclass(frozen=True, eq=False)
class Threshold(Op):
    """y = base + step * the number of thresholds t of the channel with acc >= t.

    step : of the format, not a field: 1 for Fixed, 2 for Binary

    thresholds : (1, T) or (channels, T), T >= 1, ascending along T (equal ones count each), in
        the integers of the input as they are, whatever its zero point
    format, scale, zero_point : of the output
    base : the output below all thresholds; base and base + step * T are integers of the format

    Takes the place of a Requantize, and of everything else that never falls where the
    accumulator rises: batch norm, scale, rounding, clamp (`network.thresholds`). A sign, +1 where
    the accumulator is at least zero, is `Threshold([[0]], Binary(), scale, base=-1)`.
    """

    thresholds: IntArray
    format: Activation
    scale: FloatArray
    zero_point: int = 0
    base: int = 0

    def __post_init__(self) -> None:
        # one above the largest value of any accumulator is a threshold that nothing reaches
        thresholds = integers(self.thresholds, "Thresholds", 2, most=2**62)
        if 0 in thresholds.shape:
            raise NetworkError(f"Thresholds must not be empty, not of shape {thresholds.shape}")
        if (thresholds[:, 1:] < thresholds[:, :-1]).any():
            raise NetworkError("Thresholds must ascend along their last axis")
        scale = scales(self.scale, "Output scale")
        if scale.size != 1:
            raise NetworkError("Output scale of thresholds must be a single number")
        of, steps = self.format, thresholds.shape[1]
        number_format(of, "Output format", *ACTIVATIONS)
        base = as_int(self.base, "Base")
        last = base + of.step * steps
        if not of.lo <= base <= last <= of.hi:
            raise NetworkError(
                f"Outputs must lie in the range of {of}, not [{base}, {last}] "
                f"(base and {steps} steps of {of.step})"
            )
        self._set(
            thresholds=thresholds,
            scale=scale,
            zero_point=as_int(self.zero_point, "Zero point"),
            base=base,
        )


@dataclass(frozen=True, eq=False)
class ArgMax(Op):
    """The index of the largest of (features,) values of one scale; the first one wins.

    The result has shape (1,), scale 1, zero point 0, and the narrowest unsigned format.
    """
