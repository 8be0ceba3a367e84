"""Unrolled layers: whole frames through pipelined cells, one a clock."""

__all__ = ["Unrolled", "UnrolledParameters"]

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.adder_graph import Adder
from hwgen_rtl_templates.circuit import (
    Carry,
    Cell,
    Circuit,
    Clamp,
    Extreme,
    HalfToEven,
    Look,
    Offset,
    Reach,
    Shift,
    constant_bits,
    low_zeros,
    operands,
)
from hwgen_rtl_templates.constant import own_adder, term_sum
from hwgen_rtl_templates.recurrence import After, Recurrence
from hwgen_rtl_templates.streams import elements, range_shape
from hwgen_rtl_templates.tables import lookup
from hwgen_rtl_templates.timing import Link, schedule


@dataclass(frozen=True)
class UnrolledParameters:
    """A circuit with registers between its cells.

    circuit : what is computed of a frame
    stages : of each term, the stage, from 0, on which it is computed
    x_bits, x_signed : of an element that enters
    bits, signed : of an element that leaves
    """

    circuit: Circuit
    stages: tuple[int, ...] = field(repr=False)
    x_bits: int
    x_signed: bool
    bits: int
    signed: bool

    busy = 1  # clocks of a frame on which it works

    @property
    def word(self) -> int:
        """Elements of a beat that enters: a whole frame."""
        return self.circuit.inputs

    @property
    def lanes(self) -> int:
        """Elements of a beat that leaves."""
        return len(self.circuit.outputs)

    @property
    def element(self) -> tuple[int, bool]:
        """(bits, signed) of an element that leaves."""
        return self.bits, self.signed

    @cached_property
    def latency(self) -> int:
        """Clocks from a frame to its results, which are held in registers."""
        return 1 + max(self.stages)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Exact shape of each term."""
        return tuple(range_shape(*ends) for ends in self.circuit.ranges)

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """The last stage on which each term is needed; that of the results is `latency`."""
        found = list(self.stages)
        for n, cell in enumerate(self.circuit.cells, self.circuit.inputs):
            for term in operands(cell):
                found[term] = max(found[term], self.stages[n])
        for term in self.circuit.outputs:
            if term is not None:
                found[term] = self.latency
        return tuple(found)

    @cached_property
    def registers(self) -> int:
        """Bits of all registers, those that say that a frame is there included."""
        held = zip(self.shapes, self.ends, self.stages, strict=True)
        return self.latency + sum(shape.width * (end - stage) for shape, end, stage in held)

    def departures(self, beats: int) -> int:
        """Return how many beats leave for those that enter."""
        return beats

    def schedule(self, arrivals: Sequence[int]) -> list[int]:
        """Return the clocks on which beats leave, from those on which they arrive."""
        return schedule(self, arrivals)

    def create(self) -> "Unrolled":
        """Return the component."""
        return Unrolled(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Take a frame when it can move on: what waits at the end holds up the next ones only once
        no stage between them is empty."""
        (i,), (o,) = inputs, outputs
        taken = (
            After(i.offered),
            After(i.taken, (-1,), delay=1),
            After(o.taken, (-self.latency,)),
        )
        offered = (After(i.taken, delay=self.latency), After(o.taken, (-1,), delay=1))
        return [Recurrence(i.taken, beats, taken), Recurrence(o.offered, beats, offered)]

    def wired(self, cell: Adder) -> bool:
        """Whether a sum is two terms side by side, which takes no adder."""
        a = self.shapes[cell.a]
        return cell.is_wires(a.width, a.signed)

    @cached_property
    def adder_bits(self) -> int:
        """Bits of all adders and comparators; those of a sum below the higher operand pass by."""
        total, circuit = 0, self.circuit
        for n, cell in enumerate(circuit.cells, circuit.inputs):
            width = self.shapes[n].width
            match cell:
                case Adder():
                    total += 0 if self.wired(cell) else max(0, width - max(0, cell.shift))
                    total += isinstance(cell, Carry)
                case Offset():
                    ends = circuit.ranges[cell.a]
                    total += width if cell.negate else constant_bits(*ends, cell.value)
                case HalfToEven() | Extreme():
                    total += max(self.shapes[term].width for term in operands(cell))
                case Reach():
                    total += self.shapes[cell.a].width
                case _:
                    pass
        return total

    @cached_property
    def chosen_bits(self) -> int:
        """Bits that are one of several: of clamps, of the larger of two."""
        cells = enumerate(self.circuit.cells, self.circuit.inputs)
        return sum(self.shapes[n].width for n, cell in cells if isinstance(cell, Clamp | Extreme))

    @cached_property
    def tables(self) -> tuple[tuple[int, ...], ...]:
        """Contents of all tables."""
        return tuple(cell.entries for cell in self.circuit.cells if isinstance(cell, Look)) + tuple(
            cell.thresholds
            for cell in self.circuit.cells
            if isinstance(cell, Reach) and len(cell.thresholds) > 1
        )


class Unrolled(wiring.Component):
    """Layers, a frame a clock.

    Members
    -------
    i : stream of frames, a beat each
    o : stream of results, `latency` clocks later

    Every value is exactly as wide as its range; one that is needed stages later is delayed once
    for all that need it. Data has no reset. A stage moves on when the next one is empty or moves
    on itself, so that a frame that waits lets others come up behind it.
    """

    def __init__(self, parameters: UnrolledParameters):
        self.parameters = p = parameters
        super().__init__(
            {
                "i": In(stream.Signature(elements(p.word, p.x_bits, p.x_signed))),
                "o": Out(stream.Signature(elements(p.lanes, *p.element))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p, circuit = self.parameters, self.parameters.circuit
        values = {}  # value of each term on each stage
        loads: list[list] = [[] for _ in range(p.latency)]  # registers behind each stage

        def at(term: int, stage: int) -> Value:
            for n in range(p.stages[term], stage):
                if (term, n + 1) not in values:
                    held = Signal(p.shapes[term], name=f"t{term}_{n + 1}", reset_less=True)
                    loads[n].append(held.eq(values[term, n]))
                    values[term, n + 1] = held
            return values[term, stage]

        for n in range(circuit.inputs):
            x = self.i.payload[n]
            short = x[: p.shapes[n].width]
            values[n, 0] = short.as_signed() if p.shapes[n].signed else short
        for n, cell in enumerate(circuit.cells, circuit.inputs):
            taken = [at(term, p.stages[n]) for term in operands(cell)]
            value = Signal(p.shapes[n], name=f"t{n}")
            m.d.comb += value.eq(self._made(m, n, cell, taken))
            values[n, p.stages[n]] = value
        for n, (term, constant) in enumerate(zip(circuit.outputs, circuit.constants, strict=True)):
            m.d.comb += self.o.payload[n].eq(constant if term is None else at(term, p.latency))
        self._flow(m, loads)
        return m

    def _flow(self, m: Module, loads: Sequence[list]) -> None:
        """Let frames through the stages."""
        valids = [self.i.valid, *(Signal(name=f"valid_{n}") for n in range(1, len(loads) + 1))]
        ready = self.o.ready
        for n in reversed(range(len(loads))):
            moves = Signal(name=f"moves_{n}")
            m.d.comb += moves.eq(~valids[n + 1] | ready)
            with m.If(moves):
                m.d.sync += [valids[n + 1].eq(valids[n]), *loads[n]]
            ready = moves
        m.d.comb += [self.i.ready.eq(ready), self.o.valid.eq(valids[-1])]

    def _made(self, m: Module, n: int, cell: Cell, taken: Sequence[Value]) -> Value:
        """Return what a cell makes of its operands."""
        a, p = taken[0], self.parameters
        match cell:
            case Adder():
                carry = cell.place if isinstance(cell, Carry) else None
                return term_sum(m, n, cell, a, taken[1], wired=p.wired(cell), carry=carry)
            case Offset():
                if cell.negate:
                    return own_adder(m, n, Const(cell.value), a, True)
                below = min(low_zeros(cell.value), len(a) - a.shape().signed)
                total = own_adder(m, n, a >> below, Const(cell.value >> below), False)
                return Cat(a[:below], total).as_signed() if below else total
            case Shift():
                return a << cell.places if cell.places > 0 else a >> -cell.places
            case HalfToEven():
                odd = a[cell.places] if cell.places < len(a) else a[-1] & a.shape().signed
                lower = Cat((~odd).replicate(cell.places - 1), odd)  # half, or just below it
                return own_adder(m, n, a, lower, False) >> cell.places
            case Clamp():
                return _clamped(a, cell, *p.circuit.ranges[cell.a])
            case Extreme():
                b = taken[1]
                return Mux((a < b) if cell.least else (a > b), a, b)
            case Reach():
                if cell.prefix is None:
                    return a >= cell.thresholds[0]
                threshold = lookup(m, taken[1], cell.thresholds, f"threshold{n}")
                return Cat(a >= threshold, taken[1])
            case Look():
                index = Signal(range(len(cell.entries)), name=f"index{n}")
                m.d.comb += index.eq(a - cell.lo)
                return lookup(m, index, cell.entries, f"table{n}")


def _clamped(a: Value, cell: Clamp, lo: int, hi: int) -> Value:
    """Return the nearest integer in a range; where its ends are powers of two, the bits above say
    whether a value lies beyond them."""
    shape = range_shape(cell.lo, cell.hi)
    value: Value = a[: shape.width]
    value = value.as_signed() if shape.signed else value
    if hi > cell.hi:
        value = Mux(_above(a, cell.hi), Const(cell.hi, shape), value)
    if lo < cell.lo:
        value = Mux(_below(a, cell.lo), Const(cell.lo, shape), value)
    return value


def _above(a: Value, hi: int) -> Value:
    if hi >= 0 and hi & (hi + 1) == 0:
        upper = a[hi.bit_length() : len(a) - a.shape().signed]
        positive = ~a[-1] if a.shape().signed else Const(1)
        return positive & upper.any()
    return a > hi


def _below(a: Value, lo: int) -> Value:
    if lo == 0:
        return a[-1]
    if lo < 0 and -lo & (-lo - 1) == 0:
        upper = a[(-lo - 1).bit_length() : -1]
        return a[-1] & ~upper.all()
    return a < lo
