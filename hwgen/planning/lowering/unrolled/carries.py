"""Constants that are added to sums, where they cost least.

A constant behind a sum takes an adder as wide as the sum. Of the adders that lead to that sum and
nowhere else, each may take a part of it for less: its carry may enter, a one more at its lowest
place, and that of a difference may be left out, a one less; and what it adds may have a constant
added that is narrower than the sum, or that lies above all its bits and then is nothing but wires.
"""

__all__ = ["absorbed"]

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from hwgen_rtl_templates.adder_graph import Adder
from hwgen_rtl_templates.circuit import Carry, Cell, Circuit, Offset, constant_bits, with_operands
from hwgen_rtl_templates.streams import range_shape

MOST = 2  # carries of a place and sign
LOOKED_AT = 6  # operands alike of which the one is taken that widens the fewest sums

Ranges = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class _Carry:
    """A carry that may enter: of which adder, at which place of its own and of the sum, and whether
    it takes one off."""

    term: int
    own: int
    place: int
    negative: bool


@dataclass(frozen=True)
class _Operand:
    """What an adder takes: which of its operands, what a one of it is in the sum, whether it is
    taken off, and the adders from there to the sum, each with what a one is in it and its sign."""

    user: int
    name: str
    term: int
    scale: int
    negative: bool
    way: tuple[tuple[int, int, bool], ...]


def absorbed(circuit: Circuit) -> Circuit:
    """Return a circuit whose constants are where they cost least."""
    leaves = frozenset(term for term in circuit.outputs if term is not None)
    carries: dict[int, int] = {}  # adders whose carry enters, and where
    added: dict[tuple[int, str], int] = {}  # to operands of adders
    gone: dict[int, int] = {}  # constants that are left out, and the sums in their places
    for term, cell in enumerate(circuit.cells, circuit.inputs):
        if not isinstance(cell, Offset) or cell.negate or not _alone(circuit, cell.a, leaves):
            continue
        entering, operands = _tree(circuit, cell.a, leaves)
        found = _cheapest(circuit, cell, entering, operands)
        if found is None:
            continue
        chosen, operand, value = found
        gone[term] = cell.a
        carries |= {carry.term: carry.own for carry in chosen}
        if operand is not None:
            added[operand.user, operand.name] = value
    return _rebuilt(circuit, carries, added, gone)


def _alone(circuit: Circuit, term: int, leaves: frozenset[int]) -> bool:
    """Say whether a term is a cell's that one other alone takes."""
    return term >= circuit.inputs and term not in leaves and len(circuit.users[term]) == 1


def _tree(
    circuit: Circuit, top: int, leaves: frozenset[int]
) -> tuple[list[_Carry], list[_Operand]]:
    """Return the carries that may enter and the operands on the way to a term, of adders that lead
    nowhere else."""
    entering, found = [], []
    open_: list[tuple[int, int, bool, tuple[tuple[int, int, bool], ...]]] = [(top, 0, False, ())]
    while open_:
        term, scale, negative, way = open_.pop()
        cell = circuit.cells[term - circuit.inputs] if _alone(circuit, term, leaves) else None
        if type(cell) is not Adder or cell.a == cell.b:
            continue
        a = range_shape(*circuit.ranges[cell.a])
        if not cell.is_wires(a.width, a.signed):
            own = cell.lowest_place(a.width)
            entering.append(_Carry(term, own, scale + own, negative != cell.negate))
        for name, other, up, turned in (
            ("a", cell.a, max(0, -cell.shift), negative),
            ("b", cell.b, max(0, cell.shift), negative != cell.negate),
        ):
            minus = name == "b" and cell.negate
            below = (*((t, s + up, n != minus) for t, s, n in way), (term, up, minus))
            found.append(_Operand(term, name, other, scale + up, turned, below))
            open_.append((other, scale + up, turned, below))
    return entering, found


def _cheapest(
    circuit: Circuit, cell: Offset, entering: Sequence[_Carry], operands: Sequence[_Operand]
) -> tuple[list[_Carry], _Operand | None, int] | None:
    """Return the carries, and an operand with its constant, that make up a constant for less than
    an adder of its own; None where nothing does."""
    by: dict[tuple[int, bool], list[_Carry]] = {}
    for carry in entering:
        by.setdefault((carry.place, carry.negative), []).append(carry)
    there = tuple(sorted((key, min(MOST, len(found))) for key, found in by.items()))
    own = constant_bits(*circuit.ranges[cell.a], cell.value)
    best: tuple[int, tuple[int, ...], _Operand | None, int] | None = None
    counts = _fewest(there, cell.value)
    if counts is not None:
        best = sum(map(abs, counts)), counts, None, 0
    classes: dict[tuple[int, bool, tuple[int, int]], list[_Operand]] = {}
    for operand in operands:
        key = operand.scale, operand.negative, circuit.ranges[operand.term]
        classes.setdefault(key, []).append(operand)
    for (scale, negative, ends), alike in classes.items():
        for value in _values(-cell.value if negative else cell.value, scale, ends):
            bits = constant_bits(*ends, value)
            if bits >= min(own, best[0] if best else own):
                continue
            part = (-value if negative else value) << scale
            counts = _fewest(there, cell.value - part)
            if counts is None:
                continue
            cost = bits + sum(map(abs, counts))
            if cost >= min(own, best[0] if best else own):
                continue
            widened = [_widened(circuit.ranges, one, value) for one in alike[:LOOKED_AT]]
            cost += min(widened)
            if cost < min(own, best[0] if best else own):
                best = cost, counts, alike[widened.index(min(widened))], value
    if best is None or best[0] >= own:
        return None
    carries = [
        carry
        for bit, count in enumerate(best[1])
        for carry in by.get((bit, count < 0), [])[: abs(count)]
    ]
    return carries, best[2], best[3]


def _values(value: int, scale: int, ends: tuple[int, int]) -> Iterator[int]:
    """Yield constants near a value, over 2**scale: of the multiples of each power of two up to a
    term's bits the next ones below and above."""
    for places in range(range_shape(*ends).width + 1):
        low = value >> (scale + places) << places
        yield low
        yield low + (1 << places)


def _widened(ranges: Ranges, operand: _Operand, value: int) -> int:
    """Return by how many bits sums become wider with a constant on their way."""
    total = 0
    for term, scale, negative in operand.way:
        lo, hi = ranges[term]
        more = (-value if negative else value) << scale
        total += range_shape(lo + more, hi + more).width - range_shape(lo, hi).width
    return max(0, total)


@lru_cache(maxsize=1 << 14)
def _fewest(there: tuple[tuple[tuple[int, bool], int], ...], value: int) -> tuple[int, ...] | None:
    """Return how often each power of two is added, or taken off, to make up a value.

    Parameters
    ----------
    there : how often each is there, by its exponent and whether it is taken off
    """
    has = dict(there)
    top = max((place for (place, _), _ in there), default=-1)
    if abs(value) >> (top + 3):
        return None
    known: dict[tuple[int, int], tuple[int, tuple[int, ...]] | None] = {}

    def fewest(bit: int, left: int) -> tuple[int, tuple[int, ...]] | None:
        if bit > top:
            return None if left else (0, ())
        if (bit, left) in known:
            return known[bit, left]
        best = None
        for count in range(-has.get((bit, True), 0), has.get((bit, False), 0) + 1):
            if (left - count) % 2 == 0 and (rest := fewest(bit + 1, (left - count) // 2)):
                cost = abs(count) + rest[0]
                if best is None or cost < best[0]:
                    best = cost, (count, *rest[1])
        known[bit, left] = best
        return best

    found = fewest(0, value)
    return None if found is None else found[1]


def _rebuilt(
    circuit: Circuit,
    carries: Mapping[int, int],
    added: Mapping[tuple[int, str], int],
    gone: Mapping[int, int],
) -> Circuit:
    """Return the circuit with its constants in other places."""
    first = circuit.inputs
    place = {n: n for n in range(first)}
    cells: list[Cell] = []
    ranges = list(circuit.ranges[:first])
    moved: dict[int, int] = {}  # by how much a term becomes more
    offsets: dict[Offset, int] = {}

    def make(cell: Cell, lo: int, hi: int) -> int:
        cells.append(cell)
        ranges.append((lo, hi))
        return first + len(cells) - 1

    def with_constant(user: int, name: str, cell: Adder) -> tuple[int, int]:
        """Return an operand, and by how much it is more than before."""
        term = getattr(cell, name)
        more, value = moved.get(term, 0), added.get((user, name), 0)
        if not value:
            return place[term], more
        offset = Offset(place[term], value)
        if offset not in offsets:
            lo, hi = ranges[place[term]]
            offsets[offset] = make(offset, lo + value, hi + value)
        return offsets[offset], more + value

    for term, cell in enumerate(circuit.cells, first):
        if term in gone:
            place[term] = place[gone[term]]
            continue
        lo, hi = circuit.ranges[term]
        if not isinstance(cell, Adder):
            place[term] = make(with_operands(cell, place), lo, hi)
            continue
        a, more = with_constant(term, "a", cell)
        b, other = with_constant(term, "b", cell)
        more, other = more << max(0, -cell.shift), other << max(0, cell.shift)
        more += -other if cell.negate else other
        made = Adder(a, b, cell.shift, cell.negate)
        if term in carries:
            at = carries[term]
            more += -(1 << at) if cell.negate else 1 << at
            made = Carry(a, b, cell.shift, cell.negate, at)
        if more:
            moved[term] = more
        place[term] = make(made, lo + more, hi + more)
    outputs = tuple(None if term is None else place[term] for term in circuit.outputs)
    return replace(circuit, cells=tuple(cells), ranges=tuple(ranges), outputs=outputs)
