"""Position scale: values times a constant of where they are in the frame."""

__all__ = ["PositionScale", "PositionScaleParameters"]

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from hwgen_rtl_templates.epilogue import EpilogueParameters
from hwgen_rtl_templates.fifo import Fifo
from hwgen_rtl_templates.followed import Followed, follow
from hwgen_rtl_templates.function_table import FunctionTableParameters
from hwgen_rtl_templates.recurrence import After, Recurrence, no_clocks
from hwgen_rtl_templates.streams import beats_per_pixel, elements, range_shape
from hwgen_rtl_templates.tables import added, lookup, nest
from hwgen_rtl_templates.timing import Link


@dataclass(frozen=True)
class PositionScaleParameters(Followed):
    """y = epilogue((offset + step * x) * factor of the row * factor of the column).

    channels, lanes : of a pixel, and of a beat
    bits, signed : of an element that enters
    offset, step : what is added, such as the share of a zero point, and 2 where x is binary
    rows, columns : factors of each, at least 1
    lo, hi : range of the products
    epilogue : what becomes of the products, or None
    depth : beats of the queue behind
    shifts : whether that is registers that shift
    table : what is read for what comes of that, or None
    """

    channels: int
    lanes: int
    bits: int
    signed: bool
    offset: int
    step: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    lo: int
    hi: int
    epilogue: EpilogueParameters | None
    depth: int
    shifts: bool = False
    table: FunctionTableParameters | None = None

    @property
    def groups(self) -> int:
        """Beats of a pixel."""
        return beats_per_pixel(self.channels, self.lanes)

    @property
    def beats(self) -> int:
        """Beats of a frame."""
        return len(self.rows) * len(self.columns) * self.groups

    @cached_property
    def common(self) -> int:
        """The power of two that all factors have, which costs nothing."""
        whole = math.gcd(*self.rows) * math.gcd(*self.columns)
        return (whole & -whole).bit_length() - 1

    @cached_property
    def factors(self) -> tuple[int, ...]:
        """The different factors, ascending, less the power of two that all have."""
        found = {row * column for row in self.rows for column in self.columns}
        return tuple(sorted(factor >> self.common for factor in found))

    @cached_property
    def tables(self) -> tuple[tuple[int, ...], ...]:
        """What is looked up: by the row, which of its different factors it has; for each of these,
        by the column, the factor."""
        different = sorted(set(self.rows))
        of_columns = (
            tuple(by * other >> self.common for other in self.columns) for by in different
        )
        return (tuple(different.index(by) for by in self.rows), *of_columns)

    @property
    def factor_bits(self) -> int:
        """Bits of a factor, a summand each."""
        return max(self.factors).bit_length()

    @cached_property
    def places(self) -> tuple[tuple[int, bool], ...]:
        """Of each summand, the factors' bit that it is of, and whether some factors lack it."""
        found = []
        for place in range(self.factor_bits):
            bits = {factor >> place & 1 for factor in self.factors}
            if bits != {0}:
                found.append((place, bits == {0, 1}))
        return tuple(found)

    @property
    def summands(self) -> int:
        """Summands of a product."""
        return len(self.places)

    @property
    def chosen(self) -> int:
        """Summands that are there for some factors alone."""
        return sum(chosen for _, chosen in self.places)

    @property
    def x_shape(self) -> Shape:
        """Shape of offset + step * x, all of which the largest factor may meet."""
        most = max(self.factors) << self.common
        return range_shape(min(0, -(-self.lo // most)), max(0, self.hi // most))

    @property
    def levels(self) -> int:
        """Clocks from the inputs to a result."""
        return 2

    def create(self) -> "PositionScale":
        """Return the component."""
        return PositionScale(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Take a beat when the queue has room for it."""
        (i,), (o,) = inputs, outputs
        entered = no_clocks()
        taken = (
            After(i.offered),
            After(i.taken, (-1,), delay=1),
            After(o.taken, (-self.depth,), delay=1),
        )
        return [
            Recurrence(i.taken, beats, taken),
            Recurrence(entered, beats, (After(i.taken),), (self.latency,)),
            *self.fifo.emit(entered, o, beats),
        ]


class PositionScale(wiring.Component):
    """Multiplies by a constant of the position, which it counts.

    Members
    -------
    i : stream of beats
    o : stream of results

    Nothing stalls between the input and the queue: a beat is taken when the queue has room for it.
    """

    def __init__(self, parameters: PositionScaleParameters):
        self.parameters = p = parameters
        super().__init__(
            {
                "i": In(stream.Signature(elements(p.lanes, p.bits, p.signed))),
                "o": Out(stream.Signature(elements(p.lanes, *p.element))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        m.submodules.fifo = fifo = Fifo(p.fifo)
        connect(m, fifo.o, wiring.flipped(self.o))
        returned = self.o.valid & self.o.ready
        room = Signal(range(-1, p.depth), init=p.depth - 1)  # free places less one
        take = Signal()
        m.d.comb += [take.eq(~room[-1] & self.i.valid), self.i.ready.eq(take)]
        m.d.sync += room.eq(added(room, take.as_signed(), returned))
        loops = [("group", p.groups), ("column", len(p.columns)), ("row", len(p.rows))]
        (_, column, row), _ = nest(m, take, loops)
        factor = Signal(p.factor_bits, reset_less=True)
        m.d.sync += factor.eq(self._factor(m, row, column))
        valid, multiplied = Signal(), Signal()
        m.d.sync += [valid.eq(take), multiplied.eq(valid)]
        products = []
        for lane in range(p.lanes):
            x = Signal(p.x_shape, name=f"x_{lane}", reset_less=True)
            product = Signal(p.result_shape, name=f"product_{lane}", reset_less=True)
            m.d.sync += [x.eq(self.i.payload[lane] * p.step + p.offset)]
            m.d.sync += [product.eq(self._times(x, factor) << p.common)]
            products.append(product)
        valid, payload = multiplied, Cat(products)
        valid, payload = follow(m, p.behind, valid, payload)
        m.d.comb += [fifo.i.valid.eq(valid), fifo.i.payload.as_value().eq(payload)]
        return m

    def _factor(self, m: Module, row: Value, column: Value) -> Value:
        """Return the factor of a position: a table of columns for each factor that a row may have,
        since of a product synthesis makes a multiplier."""
        of_row, *of_columns = self.parameters.tables
        which = lookup(m, row, of_row, "rows")
        chosen: Value = Const(0)
        for number, factors in enumerate(of_columns):
            found = lookup(m, column, factors, f"columns_{number}")
            chosen = Mux(which == number, found, chosen) if number else found
        return chosen

    def _times(self, x: Value, factor: Value) -> Value:
        """Return x * factor, a summand for each of the factor's bits: those that all factors have
        are always there, those that none has never."""
        terms = [
            (Mux(factor[place], x, 0) if chosen else x) << place
            for place, chosen in self.parameters.places
        ]
        return sum(terms[1:], terms[0])
