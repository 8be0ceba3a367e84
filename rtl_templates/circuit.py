"""Circuit: what unrolled layers compute, as cells that each make one value of one or two others."""

__all__ = [
    "Carry",
    "Cell",
    "Circuit",
    "Clamp",
    "Extreme",
    "HalfToEven",
    "Look",
    "Offset",
    "Reach",
    "Shift",
    "constant_bits",
    "low_zeros",
    "operands",
    "with_operands",
]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from hwgen_rtl_templates.adder_graph import Adder
from hwgen_rtl_templates.streams import range_shape


@dataclass(frozen=True)
class Offset:
    """a + value, or value - a.

    negate : whether a is taken off
    """

    a: int
    value: int
    negate: bool = False


@dataclass(frozen=True)
class Carry(Adder):
    """A sum and 2**place more, or a difference and as much less: that of an adder's lowest place,
    where a carry enters.

    place : in the sum; a shift of b, or what a has of it
    """

    place: int = 0


@dataclass(frozen=True)
class Shift:
    """a times 2**places, rounded down: where places are negative, lower bits are left out."""

    a: int
    places: int


@dataclass(frozen=True)
class HalfToEven:
    """a over 2**places, rounded to the nearest integer, halves to the even one."""

    a: int
    places: int


@dataclass(frozen=True)
class Clamp:
    """The nearest integer to a that lies in [lo, hi]."""

    a: int
    lo: int
    hi: int


@dataclass(frozen=True)
class Extreme:
    """The larger of a and b, or the smaller."""

    a: int
    b: int
    least: bool = False


@dataclass(frozen=True)
class Reach:
    """2 * prefix + 1 if a is at least the threshold of the prefix, else 2 * prefix: a place in
    sorted thresholds, a bit a cell.

    prefix : the places that the cell before leaves open; None of the first one
    thresholds : one for each of them
    """

    a: int
    prefix: int | None
    thresholds: tuple[int, ...]


@dataclass(frozen=True)
class Look:
    """entries[a - lo]: a function of few values."""

    a: int
    lo: int
    entries: tuple[int, ...]


Cell: TypeAlias = Adder | Offset | Shift | HalfToEven | Clamp | Extreme | Reach | Look


def low_zeros(value: int) -> int:
    """Return how many bits of a value are zero below the lowest that is not; 0 of 0."""
    return (value & -value).bit_length() - 1 if value else 0


def constant_bits(lo: int, hi: int, value: int) -> int:
    """Return the bits of the adder that adds a constant to a term of a range: those below it pass
    by, and one that lies above all of them is wires, or a sign that is turned."""
    if not value:
        return 0
    term, total = range_shape(lo, hi), range_shape(lo + value, hi + value)
    if low_zeros(value) >= term.width - term.signed:
        return int(term.signed)
    bits: int = total.width - low_zeros(value)
    return bits


def with_operands(cell: Cell, place: Mapping[int, int]) -> Cell:
    """Return a cell whose operands are in other places."""
    taken = {
        name: place[term]
        for name in ("a", "b", "prefix")
        if (term := getattr(cell, name, None)) is not None
    }
    found: Cell = replace(cell, **taken)  # type: ignore[arg-type]
    return found


def operands(cell: Cell) -> tuple[int, ...]:
    """Return the terms that a cell takes."""
    if isinstance(cell, Adder | Extreme):
        return cell.a, cell.b
    if isinstance(cell, Reach) and cell.prefix is not None:
        return cell.a, cell.prefix
    return (cell.a,)


@dataclass(frozen=True)
class Circuit:
    """Cells in an order in which each takes terms before it.

    inputs : how many enter; they are the first terms, the cells the next
    cells : what each further term is
    ranges : (least, greatest) of each term, of the inputs too
    outputs : the terms that leave, in their order; None of one that is always the same
    constants : what that is, by output
    """

    inputs: int
    cells: tuple[Cell, ...] = field(repr=False)
    ranges: tuple[tuple[int, int], ...] = field(repr=False)
    outputs: tuple[int | None, ...] = field(repr=False)
    constants: tuple[int, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.ranges) != self.inputs + len(self.cells):
            raise ValueError(f"Ranges must be those of all terms, not {len(self.ranges)}")
        if len(self.constants) != len(self.outputs):
            raise ValueError("Constants must be as many as outputs")
        for n, cell in enumerate(self.cells, self.inputs):
            if not all(0 <= term < n for term in operands(cell)):
                raise ValueError(f"Cell {n} must take terms before it, not {cell}")

    @cached_property
    def users(self) -> tuple[tuple[int, ...], ...]:
        """The cells that take each term, as terms."""
        found: list[list[int]] = [[] for _ in self.ranges]
        for n, cell in enumerate(self.cells, self.inputs):
            for term in dict.fromkeys(operands(cell)):
                found[term].append(n)
        return tuple(map(tuple, found))

    def evaluate(self, x: Sequence[int]) -> list[int]:
        """Return the outputs for one value of each input."""
        terms = list(x)
        for cell in self.cells:
            terms.append(_value(cell, terms))
        pairs = zip(self.outputs, self.constants, strict=True)
        return [value if term is None else terms[term] for term, value in pairs]


def _value(cell: Cell, terms: Sequence[int]) -> int:
    a = terms[cell.a]
    match cell:
        case Adder():
            b = terms[cell.b] << max(0, cell.shift)
            b += 1 << cell.place if isinstance(cell, Carry) else 0
            return (a << max(0, -cell.shift)) + (-b if cell.negate else b)
        case Offset():
            return cell.value + (-a if cell.negate else a)
        case Shift():
            return a << cell.places if cell.places > 0 else a >> -cell.places
        case HalfToEven():
            half = 1 << cell.places >> 1
            return (a + half - 1 + (a >> cell.places & 1)) >> cell.places
        case Clamp():
            return min(max(a, cell.lo), cell.hi)
        case Extreme():
            return (min if cell.least else max)(a, terms[cell.b])
        case Reach():
            prefix = 0 if cell.prefix is None else terms[cell.prefix]
            return 2 * prefix + (a >= cell.thresholds[prefix])
        case Look():
            return cell.entries[a - cell.lo]
