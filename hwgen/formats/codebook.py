"""Codebooks: weights that share a few integers."""

__all__ = ["Codebook"]

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hwgen.errors import FormatError
from hwgen.formats.base import MAX_BITS, MIN_BITS, check_count
from hwgen.formats.fixed import Fixed
from hwgen.formats.listed import Listed

MAX_INDEX_BITS = 8


@dataclass(frozen=True)
class Codebook(Listed):
    """An index into integers that all weights of a layer share.

    The code of a weight is the place of its integer among the entries, the first one if it stands
    there twice. Fewer entries than indices leave the last codes without an integer. Without any,
    as `cb4:8` names it, a codebook says how wide things are and holds nothing: `with_entries`
    gives it those of a layer. Han et al., Deep Compression, 2016.

    Attributes
    ----------
    index_bits : of a stored weight, 1 to 8
    entry_bits : of an entry, signed, 2 to 16
    entries : up to 2**index_bits integers in any order
    """

    index_bits: int
    entry_bits: int
    entries: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        what = "index bits of a codebook"
        check_count(self.index_bits, what, 1, MAX_INDEX_BITS, "choose a format such as cb4:8")
        what = "bits of a codebook's entries"
        check_count(self.entry_bits, what, MIN_BITS, MAX_BITS, "choose a format such as cb4:8")
        try:
            entries = np.array(list(self.entries))
        except (TypeError, ValueError) as error:
            raise FormatError(f"Entries of {self} must be a list of integers") from error
        if entries.ndim != 1 or (entries.size and entries.dtype.kind not in "iu"):
            raise FormatError(f"Entries of {self} must be a list of integers")
        if entries.size > 1 << self.index_bits:
            raise FormatError(
                f"Number of entries of {self} must be at most {1 << self.index_bits}, "
                f"not {entries.size}"
            )
        each = Fixed(self.entry_bits)
        if not each.holds(entries):
            raise FormatError(f"Entries of {self} must be integers of {each.extent}")
        object.__setattr__(self, "entries", tuple(entries.tolist()))

    def __str__(self) -> str:
        return f"cb{self.index_bits}:{self.entry_bits}"

    @property
    def storage_bits(self) -> int:
        return self.index_bits

    @property
    def table_bits(self) -> int:
        return self.entry_bits << self.index_bits

    @property
    def extent(self) -> str:
        return super().extent if self.entries else "none before with_entries(...) gives it some"

    @property
    def lo(self) -> int:
        return min(self._given())

    @property
    def hi(self) -> int:
        return max(self._given())

    def _given(self) -> tuple[int, ...]:
        if not self.entries:
            raise FormatError(f"Entries of {self} must be given first, by with_entries(...)")
        return self.entries

    def with_entries(self, entries: Iterable[int]) -> "Codebook":
        """Return the codebook of these integers.

        Raises
        ------
        FormatError : they are too many, or one is not an integer of `entry_bits`
        """
        return replace(self, entries=tuple(entries))

    def _table(self) -> Sequence[int | None]:
        return self.entries
