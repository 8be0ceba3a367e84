"""Builder: a circuit, cell by cell; equal cells are made once."""

__all__ = ["Builder", "Range", "Ref", "constant"]

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwgen.network.ranges import round_shift
from hwgen_rtl_templates.adder_graph import Adder
from hwgen_rtl_templates.circuit import (
    Cell,
    Circuit,
    Clamp,
    Extreme,
    HalfToEven,
    Look,
    Offset,
    Reach,
    Shift,
    operands,
    with_operands,
)

Range = tuple[int, int]


@dataclass(frozen=True)
class Ref:
    """A value: a term shifted up, perhaps negated, or a constant.

    term : None of a constant
    lo, hi : its range, with shift and sign
    """

    term: int | None
    lo: int
    hi: int
    shift: int = 0
    negate: bool = False

    def __neg__(self) -> "Ref":
        return replace(self, lo=-self.hi, hi=-self.lo, negate=not self.negate)

    def __lshift__(self, by: int) -> "Ref":
        return replace(self, lo=self.lo << by, hi=self.hi << by, shift=self.shift + by)


def constant(value: int) -> Ref:
    """Return a value that is always the same."""
    return Ref(None, value, value)


class Builder:
    """Cells in their order, each once.

    A value that its range makes a constant is one; what is added to it or chosen from it is made
    accordingly.
    """

    def __init__(self, inputs: Sequence[Range]) -> None:
        self._inputs = len(inputs)
        self._ranges = list(inputs)
        self._cells: list[Cell] = []
        self._known: dict[Cell, int] = {}

    def inputs(self) -> list[Ref]:
        """Return the values that enter."""
        ends = enumerate(self._ranges[: self._inputs])
        return [constant(lo) if lo == hi else Ref(n, lo, hi) for n, (lo, hi) in ends]

    def add(self, a: Ref, b: Ref, ends: Range | None = None) -> Ref:
        """Return a + b.

        Parameters
        ----------
        ends : of the sum, where it is known to have fewer values than its operands would let it
        """
        lo, hi = ends or (a.lo + b.lo, a.hi + b.hi)
        if a.term is None or b.term is None:
            value, other = (a.lo, b) if a.term is None else (b.lo, a)
            return self.offset(other, value)
        if lo == hi:
            return constant(lo)
        if a.negate and b.negate:
            return -self.add(-a, -b, (-hi, -lo))
        if a.negate:
            a, b = b, a
        common = min(a.shift, b.shift)
        if not b.negate and (a.term, a.shift) > (b.term, b.shift):
            a, b = b, a
        cell = Adder(_term(a), _term(b), b.shift - a.shift, b.negate)
        return self._made(cell, lo >> common, hi >> common) << common

    def offset(self, a: Ref, value: int) -> Ref:
        """Return a + value."""
        if a.term is None:
            return constant(a.lo + value)
        if not value:
            return a
        if value & ((1 << a.shift) - 1):  # bits below the value's are the constant's
            a = self.plain(a)
        lo, hi, value = a.lo >> a.shift, a.hi >> a.shift, value >> a.shift
        cell = Offset(_term(a), value, a.negate)
        return self._made(cell, lo + value, hi + value) << a.shift

    def floor(self, a: Ref, value: int, places: int) -> Ref:
        """Return (a + value) over 2**places, rounded down."""
        if a.term is None:
            return constant((a.lo + value) >> places)
        down = min(a.shift, places)  # floor of floor: what is below the shift is the constant's
        a = replace(a, lo=a.lo >> down, hi=a.hi >> down, shift=a.shift - down)
        value, places = value >> down, places - down
        if a.shift:
            return self.offset(a, value)  # the shift takes all places
        a = self.offset(a, value)
        if not places:
            return a
        a = self.plain(a)
        lo, hi = a.lo >> places, a.hi >> places
        return constant(lo) if lo == hi else self._made(Shift(_term(a), -places), lo, hi)

    def to_even(self, a: Ref, places: int) -> Ref:
        """Return a over 2**places, rounded to the nearest, halves to the even one."""
        if places == 0:
            return a
        if a.term is None:
            return constant(round_shift(a.lo, places, "half_even"))
        if a.shift >= places:
            return replace(a, lo=a.lo >> places, hi=a.hi >> places, shift=a.shift - places)
        a, places = replace(a, lo=a.lo >> a.shift, hi=a.hi >> a.shift, shift=0), places - a.shift
        a = self.plain(a)
        lo, hi = round_shift(a.lo, places, "half_even"), round_shift(a.hi, places, "half_even")
        return constant(lo) if lo == hi else self._made(HalfToEven(_term(a), places), lo, hi)

    def clamp(self, a: Ref, lo: int, hi: int) -> Ref:
        """Return the nearest integer to a in a range."""
        if lo <= a.lo and a.hi <= hi:
            return a
        ends = min(max(a.lo, lo), hi), min(max(a.hi, lo), hi)
        if ends[0] == ends[1]:
            return constant(ends[0])
        return self._made(Clamp(_term(self.plain(a)), lo, hi), *ends)

    def extreme(self, a: Ref, b: Ref, *, least: bool = False) -> Ref:
        """Return the larger of two values, or the smaller."""
        if b.lo >= a.hi if least else a.lo >= b.hi:
            return a
        if a.lo >= b.hi if least else b.lo >= a.hi:
            return b
        if a.term is None or b.term is None:
            value, other = (a.lo, b) if a.term is None else (b.lo, a)
            return self.clamp(other, *((other.lo, value) if least else (value, other.hi)))
        ends = (min(a.lo, b.lo), min(a.hi, b.hi)) if least else (max(a.lo, b.lo), max(a.hi, b.hi))
        terms = sorted((_term(self.plain(a)), _term(self.plain(b))))
        return self._made(Extreme(terms[0], terms[1], least), *ends)

    def reached(self, a: Ref, thresholds: Sequence[int]) -> Ref:
        """Return how many thresholds, ascending, a value is at least."""
        below = sum(t <= a.lo for t in thresholds)
        open_ = [t for t in thresholds if a.lo < t <= a.hi]
        if not open_:
            return constant(below)
        places = len(open_).bit_length()
        padded = [*open_, *[a.hi + 1] * ((1 << places) - 1 - len(open_))]
        term, prefix = _term(self.plain(a)), None
        for bit in reversed(range(places)):
            # behind a prefix, the threshold in the middle of those that are left
            at = [(n << bit + 1) + (1 << bit) - 1 for n in range(1 << places - 1 - bit)]
            most = len(open_) >> bit
            found = self._made(Reach(term, prefix, tuple(padded[n] for n in at)), 0, most)
            prefix = found.term
        return self.offset(found, below)

    def look(self, a: Ref, lo: int, entries: Sequence[int]) -> Ref:
        """Return entries[a - lo]."""
        if a.term is None:
            return constant(entries[a.lo - lo])
        own = tuple(entries[a.lo - lo : a.hi - lo + 1])
        if len(set(own)) == 1:
            return constant(own[0])
        return self._made(Look(_term(self.plain(a)), a.lo, own), min(own), max(own))

    def plain(self, a: Ref) -> Ref:
        """Return a value that is a term itself."""
        if a.term is None or not (a.shift or a.negate):
            return a
        if a.negate:
            lo, hi = a.lo >> a.shift, a.hi >> a.shift
            a = self._made(Offset(_term(a), 0, True), lo, hi) << a.shift
        return self._made(Shift(_term(a), a.shift), a.lo, a.hi) if a.shift else a

    def finish(self, values: Sequence[Ref]) -> Circuit:
        """Return the circuit of some values, without cells that none of them needs."""
        plain = [self.plain(value) for value in values]
        needed = {value.term for value in plain if value.term is not None}
        first = self._inputs
        for n in reversed(range(len(self._cells))):
            if first + n in needed:
                needed.update(operands(self._cells[n]))
        kept = [n for n in range(len(self._cells)) if first + n in needed]
        place = {n: n for n in range(first)} | {first + n: first + k for k, n in enumerate(kept)}
        return Circuit(
            inputs=first,
            cells=tuple(with_operands(self._cells[n], place) for n in kept),
            ranges=(*self._ranges[:first], *(self._ranges[first + n] for n in kept)),
            outputs=tuple(None if v.term is None else place[v.term] for v in plain),
            constants=tuple(v.lo if v.term is None else 0 for v in plain),
        )

    def _made(self, cell: Cell, lo: int, hi: int) -> Ref:
        """Return a cell's value, of the cell that is there if there is one like it."""
        term = self._known.setdefault(cell, len(self._ranges))
        if term == len(self._ranges):
            self._cells.append(cell)
            self._ranges.append((lo, hi))
        else:  # two ways to know a range: both hold
            known = self._ranges[term]
            self._ranges[term] = lo, hi = max(lo, known[0]), min(hi, known[1])
        return Ref(term, lo, hi)


def _term(a: Ref) -> int:
    assert a.term is not None
    return a.term
