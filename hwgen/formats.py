"""Number formats: how an integer is written in bits.

A format knows the integers it can hold, how each is encoded as a bit pattern, and how a bit
pattern decodes back. Scale and zero point are not part of it: they belong to the tensor.
"""

__all__ = ["MAX_BITS", "MIN_BITS", "Fixed", "Format", "bits_for", "parse_format"]

import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hwgen.errors import FormatError

MIN_BITS = 2
MAX_BITS = 16


class Format(Protocol):
    """What every number format offers."""

    @property
    def storage_bits(self) -> int: ...
    @property
    def lo(self) -> int: ...
    @property
    def hi(self) -> int: ...
    def encode(self, values: npt.ArrayLike) -> npt.NDArray[np.int64]: ...
    def decode(self, codes: npt.ArrayLike) -> npt.NDArray[np.int64]: ...
    def holds(self, values: npt.ArrayLike) -> bool: ...


@dataclass(frozen=True)
class Fixed:
    """Fixed-point: two's complement when signed, plain binary when not.

    Attributes
    ----------
    bits : 2 to 16
    signed : whether the top bit weighs -2**(bits-1)
    """

    bits: int
    signed: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.bits, bool) or not isinstance(self.bits, int):
            raise FormatError(f"Number of bits must be an integer, not {self.bits!r}")
        if not MIN_BITS <= self.bits <= MAX_BITS:
            raise FormatError(
                f"Number of bits of a fixed-point format must be {MIN_BITS} to {MAX_BITS}, "
                f"not {self.bits}; choose a narrower format such as int8"
            )
        if not isinstance(self.signed, bool):
            raise FormatError(f"Signed must be True or False, not {self.signed!r}")

    def __str__(self) -> str:
        return f"{'int' if self.signed else 'uint'}{self.bits}"

    @property
    def storage_bits(self) -> int:
        """Bits that one stored value takes."""
        return self.bits

    @property
    def lo(self) -> int:
        """Smallest integer the format holds."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def hi(self) -> int:
        """Largest integer the format holds."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    def holds(self, values: npt.ArrayLike) -> bool:
        """Say whether every value has a code."""
        array = np.asarray(values)
        if array.size == 0:
            return True
        if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.rint(array))).all():
            return False
        return bool(array.min() >= self.lo and array.max() <= self.hi)

    def encode(self, values: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the bit patterns, as non-negative integers, of integer values.

        Raises
        ------
        FormatError : a value is not an integer of [lo, hi]
        """
        array = np.asarray(values)
        if not self.holds(array):
            raise FormatError(
                f"Values must be integers of [{self.lo}, {self.hi}] to be written as {self}"
            )
        return array.astype(np.int64) & ((1 << self.bits) - 1)

    def decode(self, codes: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the integers that bit patterns stand for.

        Raises
        ------
        FormatError : a code lies outside [0, 2**bits)
        """
        array = np.asarray(codes, dtype=np.int64)
        if array.size and (array.min() < 0 or array.max() >= 1 << self.bits):
            raise FormatError(f"Codes of {self} must lie in [0, {(1 << self.bits) - 1}]")
        return array - ((array >> (self.bits - 1)) << self.bits) if self.signed else array


_FIXED = re.compile(r"(u?)int(0|[1-9][0-9]{0,5})")


def parse_format(text: str) -> Fixed:
    """Return the format that `text` names: `int8`, `uint4`.

    Raises
    ------
    FormatError : the name is not a known format, or its width is out of range
    """
    match = _FIXED.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise FormatError(f"Number format must be written like int8 or uint4, not {text!r}")
    return Fixed(int(match[2]), signed=not match[1])


def bits_for(lo: int, hi: int) -> tuple[int, bool]:
    """Return (bits, signed) of the narrowest plain binary that holds every integer of [lo, hi].

    Signed only when `lo` is negative; at least one bit.
    """
    if lo > hi:
        raise FormatError(f"Range must not be empty, not [{lo}, {hi}]")
    if lo < 0:
        return max((-lo - 1).bit_length(), max(hi, 0).bit_length()) + 1, True
    return max(1, hi.bit_length()), False
