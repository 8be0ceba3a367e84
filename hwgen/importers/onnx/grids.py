"""Grids that quantizers put numbers on: which integers there are, and what is rounded to which.

Source: the operators Quant, BipolarQuant and Trunc as the executor of the package `qonnx` computes
them, QuantizeLinear as ONNX's specification says.
"""

__all__ = ["ROUNDINGS", "Grid", "integer_range", "least", "truncated"]

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from hwgen.formats import MAX_BITS, MIN_BITS, Activation, Binary, Fixed, bits_for
from hwgen.importers.growing import Refusal
from hwgen.importers.onnx.steps import Bounds, Fractions

HALF = Fraction(1, 2)
Bound = tuple[Fraction, bool]  # u reaches the level where u >= bound, or u > bound if strict
# The least number that each way of rounding makes n of, or the number behind which it does.
ROUNDINGS: dict[str, Callable[[int], Bound]] = {
    "HALF_EVEN": lambda n: (n - HALF, n % 2 != 0),
    "FLOOR": lambda n: (Fraction(n), False),
    "CEIL": lambda n: (Fraction(n - 1), True),
    "UP": lambda n: (Fraction(n - 1), True) if n > 0 else (Fraction(n), False),
    "DOWN": lambda n: (Fraction(n), False) if n > 0 else (Fraction(n - 1), True),
    "HALF_UP": lambda n: (n - HALF, n <= 0),
    "HALF_DOWN": lambda n: (n - HALF, n > 0),
}
ROUNDINGS["ROUND"] = ROUNDINGS["HALF_EVEN"]
ROUNDINGS["ROUND_TO_ZERO"] = ROUNDINGS["DOWN"]


def least(bound: Bound) -> int:
    """Return the least integer that reaches a level."""
    value, strict = bound
    return math.floor(value) + 1 if strict else math.ceil(value)


def truncated(rounding: Callable[[int], Bound], shift: int) -> Callable[[int], Bound]:
    """Return what is rounded to n by rounding half to even, dividing by 2**shift, and rounding."""

    def bound(n: int) -> Bound:
        edge, strict = rounding(n)
        return ROUNDINGS["HALF_EVEN"](least((edge * 2**shift, strict)))

    return bound


def integer_range(bits: int, signed: bool, narrow: bool) -> tuple[int, int]:
    """Return the ends of a quantizer's integers."""
    if not signed:
        return 0, (1 << bits) - 1 - narrow
    return narrow - (1 << (bits - 1)), (1 << (bits - 1)) - 1


@dataclass(frozen=True, eq=False)
class Grid:
    """n = rounded(x / scale + before) + behind, clamped; it stands for scale * (n - zero_point).

    scale : one, or one a channel, positive
    lo, hi : the integers; -1 and 1 without a 0 between them where it is binary
    rounding : of an integer, which numbers are rounded to it or above
    before, behind : the zero point, added before or behind rounding
    out : the scale of what it stands for, where that is another one
    is_truncated : whether integers are shifted as well
    """

    scale: Fractions
    zero_point: Fraction
    lo: int
    hi: int
    rounding: Callable[[int], Bound] = ROUNDINGS["HALF_EVEN"]
    before: Fraction = Fraction(0)
    behind: int = 0
    binary: bool = False
    out: Fractions | None = None
    is_truncated: bool = False

    @property
    def format(self) -> Activation:
        """The format of its integers.

        Raises
        ------
        Refusal : it needs more bits than there are
        """
        if self.binary:
            return Binary()
        bits, signed = bits_for(self.lo, self.hi)
        if bits > MAX_BITS:
            raise Refusal(f"a quantizer of {bits} bits", f"use at most {MAX_BITS} bits")
        return Fixed(max(bits, MIN_BITS), signed)

    @property
    def out_scale(self) -> Fractions:
        """Of what it stands for."""
        return self.scale if self.out is None else self.out

    def integer(self, u: Fraction) -> int:
        """Return what x / scale + before is rounded to."""
        if self.binary:
            return 1 if u >= 0 else -1
        lo, hi = self.lo, self.hi
        while lo < hi:  # the last level that is reached
            n = (lo + hi + 1) // 2
            bound, strict = self.rounding(n - self.behind)
            lo, hi = (n, hi) if u > bound or (u == bound and not strict) else (lo, n - 1)
        return lo

    def real(self, number: Fraction) -> Fraction:
        """Return what a number is on the grid, of one scale."""
        n = self.integer(number / self.scale[0] + self.before)
        found: Fraction = self.out_scale[0] * (n - self.zero_point)
        return found

    def levels(self) -> Bounds:
        """Return which numbers x / scale + before reach each level but the lowest."""
        if self.binary:
            return Bounds.of([(Fraction(0), False)])
        _ = self.format  # which says how many there are at most
        return Bounds.of([self.rounding(n - self.behind) for n in range(self.lo + 1, self.hi + 1)])
