"""Formats of few integers, each a table from codes to integers: signs, and signs and shifts."""

__all__ = ["Binary", "Listed", "PowerOfTwo", "Ternary"]

import itertools
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hwgen.errors import FormatError
from hwgen.formats.base import MIN_BITS, Format, Integers, check_count, within

MAX_TERM_BITS = 5  # +-2**14: what 16 bits hold


class Listed(Format):
    """A format of few integers: a table from codes to integers."""

    @abstractmethod
    def _table(self) -> Sequence[int | None]:
        """Return the integer of each code, None for a code that stands for none."""

    @cached_property
    def _found(self) -> tuple[Integers, Integers]:
        """The integers, ascending, and the smallest code of each."""
        smallest: dict[int, int] = {}
        for code, value in enumerate(self._table()):
            if value is not None:
                smallest.setdefault(value, code)
        pairs = np.array(sorted(smallest.items()), dtype=np.int64).reshape(-1, 2)
        pairs.setflags(write=False)
        return pairs[:, 0], pairs[:, 1]

    @property
    def levels(self) -> Integers:
        return self._found[0]

    @property
    def extent(self) -> str:
        shown = [str(level) for level in self.levels]
        if len(shown) > 9:
            shown[4:-4] = ["..."]
        return f"{{{', '.join(shown)}}}"

    def holds(self, values: npt.ArrayLike) -> bool:
        array = np.asarray(values)
        if array.size == 0:
            return True
        if len(self.levels) == 0 or not within(array, self.lo, self.hi):
            return False
        integers = array.astype(np.int64)
        return bool((self.levels[self.levels.searchsorted(integers)] == integers).all())

    def _encode(self, values: Integers) -> Integers:
        levels, codes = self._found
        return codes[levels.searchsorted(values)]

    def _decode(self, codes: Integers) -> Integers:
        table = self._table()
        table = [*table, *[None] * ((1 << self.storage_bits) - len(table))]
        used = np.array([value is not None for value in table])
        if not used[codes].all():
            wrong = int(codes[~used[codes]].flat[0])
            raise FormatError(f"Codes of {self} must stand for an integer, not be {wrong}")
        return np.array([value or 0 for value in table], dtype=np.int64)[codes]


@dataclass(frozen=True)
class Binary(Listed):
    """-1 and +1, in one bit: 0 is -1, 1 is +1 (Hubara et al., Binarized Neural Networks, 2016)."""

    def __str__(self) -> str:
        return "binary"

    @property
    def storage_bits(self) -> int:
        return 1

    @property
    def step(self) -> int:
        """From one integer to the next."""
        return 2

    def nearest(self, real: npt.ArrayLike, zero_point: int = 0) -> Integers:
        """Return the signs of real numbers: +1 from zero on, else -1. `zero_point` is zero."""
        return np.where(np.asarray(real, dtype=np.float64) >= 0, 1, -1).astype(np.int64)

    def _table(self) -> Sequence[int | None]:
        return -1, 1


@dataclass(frozen=True)
class Ternary(Listed):
    """-1, 0 and +1, in two bits of two's complement: 0 is 0, 1 is +1, 3 is -1, 2 is none.

    Li and Liu, Ternary Weight Networks, 2016.
    """

    def __str__(self) -> str:
        return "ternary"

    @property
    def storage_bits(self) -> int:
        return 2

    def _table(self) -> Sequence[int | None]:
        return 0, 1, None, -1


@dataclass(frozen=True)
class PowerOfTwo(Listed):
    """Zero and +-2**k for k = 0 .. 2**(bits-1) - 2; with two terms, the sum of two such.

    A term is a sign, its top bit, and below it a number e: 0 is zero (without sign), and any other
    e is 2**(e-1). The first of two terms lies in the low bits. Incremental Network Quantization
    (Zhou et al., 2017) has one term; Additive Powers-of-Two (Li et al., 2020) has more.

    Attributes
    ----------
    bits : of a term, 2 to 5
    terms : 1 or 2
    """

    bits: int
    terms: int = 1

    def __post_init__(self) -> None:
        what = "bits of a power-of-two term"
        check_count(self.bits, what, MIN_BITS, MAX_TERM_BITS, "choose a format such as pot4")
        check_count(self.terms, "power-of-two terms", 1, 2, "choose a format such as pot4x2")

    def __str__(self) -> str:
        return f"pot{self.bits}" + (f"x{self.terms}" if self.terms > 1 else "")

    @property
    def storage_bits(self) -> int:
        return self.bits * self.terms

    def _table(self) -> Sequence[int | None]:
        powers = [1 << k for k in range((1 << (self.bits - 1)) - 1)]
        term = [0, *powers, None, *(-power for power in powers)]
        sums = itertools.product(term, repeat=self.terms)  # the last factor changes fastest
        return [None if None in parts else sum(filter(None, parts)) for parts in sums]
