"""Retiming: on which stage each cell of a circuit computes, with few bits of registers between.

Cells one behind the other fill a stage as far as a clock goes. Where one could lie on several
stages it lies where it and its operands are held the fewest bit-clocks (Leiserson and Saxe 1991
solve that for gates without a limit to their number; here each cell moves alone, again and again).
"""

__all__ = ["LEVEL", "staged"]

from dataclasses import dataclass

from hwgen_rtl_templates.adder_graph import Adder
from hwgen_rtl_templates.circuit import (
    Carry,
    Circuit,
    Clamp,
    Extreme,
    HalfToEven,
    Look,
    Offset,
    Reach,
    Shift,
    operands,
)
from hwgen_rtl_templates.streams import range_shape

LEVEL = 4  # how long an adder takes; other cells in the same unit
DELAYS = {
    Adder: 4,
    Carry: 4,
    Offset: 4,
    HalfToEven: 4,
    Shift: 0,
    Clamp: 3,
    Extreme: 6,
    Reach: 5,
    Look: 4,
}
SWEEPS = 8  # over all cells, there and back


def staged(circuit: Circuit, levels: int) -> tuple[int, ...]:
    """Return the stage of each term, inputs on 0; as few stages as can be.

    Parameters
    ----------
    levels : adders that a clock lets stand one behind the other
    """
    net = _Net.of(circuit, levels)
    found = []
    for late in (False, True):
        places = net.latest() if late else net.earliest()
        net.settle(places)
        found.append((net.bits(places), [stage for stage, _ in places]))
    return tuple(min(found)[1])


Place = tuple[int, int]  # stage, and when in it a term is there


@dataclass(frozen=True)
class _Net:
    """What retiming has to know of a circuit.

    capacity : of a stage; no cell takes longer
    first : the first term that is a cell's
    delays, widths, takes, users : of each term
    leaves : terms that leave
    """

    capacity: int
    first: int
    delays: list[int]
    widths: list[int]
    takes: list[tuple[int, ...]]
    users: tuple[tuple[int, ...], ...]
    leaves: frozenset[int]

    @classmethod
    def of(cls, circuit: Circuit, levels: int) -> "_Net":
        shapes = [(s.width, s.signed) for s in (range_shape(*ends) for ends in circuit.ranges)]
        delays = [0] * circuit.inputs
        for cell in circuit.cells:
            wired = isinstance(cell, Adder) and cell.is_wires(*shapes[cell.a])
            delays.append(0 if wired else DELAYS[type(cell)])
        return cls(
            max(LEVEL * levels, *delays),
            circuit.inputs,
            delays,
            [width for width, _ in shapes],
            [() for _ in range(circuit.inputs)] + [operands(cell) for cell in circuit.cells],
            circuit.users,
            frozenset(term for term in circuit.outputs if term is not None),
        )

    def earliest(self) -> list[Place]:
        """Return every term as early as it can be."""
        places: list[Place] = [(0, 0)] * self.first
        for term in range(self.first, len(self.widths)):
            places.append(self._from(term, places))
        return places

    def latest(self) -> list[Place]:
        """Return every cell as late as it can be; the inputs are there from the start."""
        last = max((stage for stage, _ in self.earliest()), default=0)
        places: list[Place] = [(0, 0)] * len(self.widths)
        for term in reversed(range(self.first, len(self.widths))):
            places[term] = self._until(term, places, last)
        return places

    def _from(self, term: int, places: list[Place]) -> Place:
        """Return the earliest place that its operands allow a term."""
        stage, start = max(places[other] for other in self.takes[term])
        end = start + self.delays[term]
        return (stage, end) if end <= self.capacity else (stage + 1, self.delays[term])

    def _until(self, term: int, places: list[Place], last: int) -> Place:
        """Return the latest place that its users allow a term."""
        found = (last, self.capacity)
        for user in self.users[term]:
            stage, end = places[user]
            start = end - self.delays[user]
            if start < self.delays[term]:
                stage, start = stage - 1, self.capacity
            found = min(found, (stage, start))
        return found

    def settle(self, places: list[Place]) -> None:
        """Move cells to where fewer bits are held, one by one."""
        last = max(stage for stage, _ in places)
        terms = range(self.first, len(self.widths))
        for sweep in range(SWEEPS):
            moved = False
            for term in reversed(terms) if sweep % 2 else terms:
                first, until = self._from(term, places), self._until(term, places, last)
                best = min(
                    range(first[0], until[0] + 1),
                    key=lambda stage: (self._held(term, stage, places, last), stage),
                )
                place = first if best == first[0] else (best, self.delays[term])
                moved |= places[term][0] != best
                places[term] = place
            if not moved:
                break

    def _end(self, term: int, places: list[Place], last: int, without: int = -1) -> int:
        """Return the last stage on which a term is needed, by others than one of its users."""
        end = last + 1 if term in self.leaves else places[term][0]
        for user in self.users[term]:
            if user != without and places[user][0] > end:
                end = places[user][0]
        return end

    def _held(self, term: int, stage: int, places: list[Place], last: int) -> int:
        """Return the bits that a term and its operands are held with the term on a stage."""
        end = max(stage, *(places[user][0] for user in self.users[term]), 0)
        bits = self.widths[term] * ((last + 1 if term in self.leaves else end) - stage)
        for other in set(self.takes[term]):
            until = max(stage, self._end(other, places, last, term))
            bits += self.widths[other] * until
        return bits

    def bits(self, places: list[Place]) -> int:
        """Return the bits of all registers."""
        last = max(stage for stage, _ in places)
        return sum(
            self.widths[term] * (self._end(term, places, last) - places[term][0])
            for term in range(len(places))
        )
