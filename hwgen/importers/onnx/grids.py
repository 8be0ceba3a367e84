"""Grids that quantizers put numbers on: which integers there are, and what is rounded to which.

Source: the operators Quant, BipolarQuant and Trunc as the executor of the package `qonnx` computes
them, QuantizeLinear as ONNX's specification says.
"""

__all__ = ["ROUNDINGS", "Grid", "integer_range", "least", "truncated"]

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from hwgen.formats import MIN_BITS, Activation, Binary, Fixed, bits_for
from hwgen.importers.growing import Refusal
from hwgen.importers.onnx.steps import Bounds, Fractions

MOST_LEVELS = 1 << 16
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
    """n = rounded(x / scale + shift), clamped; what n stands for is scale * (n - zero_point).

    scale : one, or one a channel, positive
    lo, hi : the integers; -1 and 1 without a 0 between them where it is binary
    bound : of a level n, which numbers u = x / scale + shift reach it
    shift : the zero point, where it is added before rounding
    out : the scale behind it, where that is another one
    """

    scale: Fractions
    zero_point: Fraction
    lo: int
    hi: int
    bound: Callable[[int], Bound] = ROUNDINGS["HALF_EVEN"]
    shift: Fraction = Fraction(0)
    binary: bool = False
    out: Fractions | None = None

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
        if bits > 16:
            raise Refusal(f"a quantizer of {bits} bits", "use at most 16 bits")
        return Fixed(max(bits, MIN_BITS), signed)

    def levels(self) -> Bounds:
        """Return which u reach each level but the lowest."""
        if self.binary:
            return Bounds.of([(Fraction(0), False)])
        return Bounds.of([self.bound(n) for n in range(self.lo + 1, self.hi + 1)])
