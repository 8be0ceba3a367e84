"""Fixed-point: two's complement, or plain binary."""

__all__ = ["Fixed", "bits_for"]

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hwgen.errors import FormatError
from hwgen.formats.base import MAX_BITS, MIN_BITS, Format, Integers, check_count, within


@dataclass(frozen=True)
class Fixed(Format):
    """Fixed-point: two's complement when signed, plain binary when not.

    Attributes
    ----------
    bits : 2 to 16
    signed : whether the top bit weighs -2**(bits-1)
    """

    bits: int
    signed: bool = True

    def __post_init__(self) -> None:
        what = "bits of a fixed-point format"
        few = isinstance(self.bits, int) and self.bits < MIN_BITS
        instead = "choose binary for one bit" if few else "choose a narrower format such as int8"
        check_count(self.bits, what, MIN_BITS, MAX_BITS, instead)
        if not isinstance(self.signed, bool):
            raise FormatError(f"Signed must be True or False, not {self.signed!r}")

    def __str__(self) -> str:
        return f"{'int' if self.signed else 'uint'}{self.bits}"

    @property
    def storage_bits(self) -> int:
        return self.bits

    @property
    def lo(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def hi(self) -> int:
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    @property
    def step(self) -> int:
        """From one integer to the next."""
        return 1

    @property
    def levels(self) -> Integers:
        return np.arange(self.lo, self.hi + 1, dtype=np.int64)

    @property
    def extent(self) -> str:
        return f"[{self.lo}, {self.hi}]"

    def holds(self, values: npt.ArrayLike) -> bool:
        array = np.asarray(values)
        return array.size == 0 or within(array, self.lo, self.hi)

    def nearest(self, real: npt.ArrayLike, zero_point: int = 0) -> Integers:
        """Return the integers of real numbers: zero_point + floor(real + 1/2), clamped."""
        q = zero_point + np.floor(np.asarray(real, dtype=np.float64) + 0.5)
        clamped: Integers = np.clip(q, self.lo, self.hi).astype(np.int64)
        return clamped

    def _encode(self, values: Integers) -> Integers:
        return values & ((1 << self.bits) - 1)

    def _decode(self, codes: Integers) -> Integers:
        return codes - ((codes >> (self.bits - 1)) << self.bits) if self.signed else codes


def bits_for(lo: int, hi: int) -> tuple[int, bool]:
    """Return (bits, signed) of the narrowest plain binary that holds every integer of [lo, hi].

    Signed only when `lo` is negative; at least one bit.
    """
    if lo > hi:
        raise FormatError(f"Range must not be empty, not [{lo}, {hi}]")
    if lo < 0:
        return max((-lo - 1).bit_length(), max(hi, 0).bit_length()) + 1, True
    return max(1, hi.bit_length()), False
