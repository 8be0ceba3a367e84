"""What every number format offers, and the checks that they share."""

__all__ = ["MAX_BITS", "MIN_BITS", "Format", "Integers", "check_count", "within"]

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from hwgen.errors import FormatError

Integers = npt.NDArray[np.int64]

MIN_BITS = 2
MAX_BITS = 16


class Format(ABC):
    """What every number format offers. Formats are frozen dataclasses; `str` gives the name."""

    @property
    @abstractmethod
    def storage_bits(self) -> int:
        """Bits that one stored value takes."""

    @property
    def table_bits(self) -> int:
        """Bits that all values share beside their own, of a codebook."""
        return 0

    @property
    @abstractmethod
    def levels(self) -> Integers:
        """Every integer the format holds, ascending."""

    @property
    def lo(self) -> int:
        """Smallest integer the format holds."""
        return int(self.levels[0])

    @property
    def hi(self) -> int:
        """Largest integer the format holds."""
        return int(self.levels[-1])

    @property
    @abstractmethod
    def extent(self) -> str:
        """The integers it holds, for messages: `[-8, 7]`, `{-1, 0, 1}`."""

    @abstractmethod
    def holds(self, values: npt.ArrayLike) -> bool:
        """Say whether every value has a code."""

    def encode(self, values: npt.ArrayLike) -> Integers:
        """Return the bit patterns, as non-negative integers, of integer values.

        Where several patterns stand for a value, the smallest.

        Raises
        ------
        FormatError : a value is not an integer that the format holds
        """
        array = np.asarray(values)
        if not self.holds(array):
            raise FormatError(f"Values must be integers of {self.extent} to be written as {self}")
        return self._encode(array.astype(np.int64))

    @abstractmethod
    def _encode(self, values: Integers) -> Integers: ...

    def decode(self, codes: npt.ArrayLike) -> Integers:
        """Return the integers that bit patterns stand for.

        Raises
        ------
        FormatError : a code is not one of `storage_bits` bits, or stands for no integer
        """
        array = np.asarray(codes, dtype=np.int64)
        if array.size and (array.min() < 0 or array.max() >= 1 << self.storage_bits):
            raise FormatError(f"Codes of {self} must lie in [0, {(1 << self.storage_bits) - 1}]")
        return self._decode(array)

    @abstractmethod
    def _decode(self, codes: Integers) -> Integers: ...


def within(array: npt.NDArray[np.generic], lo: int, hi: int) -> bool:
    """Say whether all of a not empty array are integers of [lo, hi]."""
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.rint(array))).all():
        return False
    return bool(array.min() >= lo and array.max() <= hi)


def check_count(value: object, what: str, least: int, most: int, instead: str) -> None:
    """Check that a width or a number of parts is an integer of [least, most].

    Raises
    ------
    FormatError : it is not
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise FormatError(f"Number of {what} must be an integer, not {value!r}")
    if not least <= value <= most:
        raise FormatError(f"Number of {what} must be {least} to {most}, not {value}; {instead}")
