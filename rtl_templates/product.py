"""Products of two streams, element by element."""

__all__ = ["Product", "ProductParameters"]

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from hwgen_rtl_templates.epilogue import EpilogueParameters
from hwgen_rtl_templates.fifo import Fifo, FifoParameters
from hwgen_rtl_templates.recurrence import NEVER, After, Recurrence, no_clocks
from hwgen_rtl_templates.ring import SHALLOW, went_by
from hwgen_rtl_templates.streams import elements, range_shape
from hwgen_rtl_templates.tables import added, nest
from hwgen_rtl_templates.timing import Link

Range = tuple[int, int]


@dataclass(frozen=True)
class ProductParameters:
    """y = epilogue(a * b), element by element, with a = offset + step * element, and b alike.

    The second stream may bring fewer beats than the first: of every `period` beats of the first,
    it has a beat for each of the first `fresh`, and these go round for the rest. A factor a channel
    has a pixel's beats in a frame; one a pixel has one beat in a pixel, for all of its channels.

    channels, lanes : of a pixel, and of a beat
    bits, signs, steps, offsets : of an element of each input
    factors : lanes of the second input: as many, or one for all
    ranges : (least, largest) of a and of b
    lo, hi : range of the product
    beats : of a frame
    fresh, period : beats of the second input, and of the first, in a turn
    epilogue : what becomes of the product, or None
    depth : beats of the queue behind
    shifts : whether that is registers that shift
    style : of the memory of the beats that go round: "block" or "distributed"; otherwise, and where
        there are few, registers
    """

    channels: int
    lanes: int
    bits: tuple[int, int]
    signs: tuple[bool, bool]
    steps: tuple[int, int]
    offsets: tuple[int, int]
    factors: int
    ranges: tuple[Range, Range]
    lo: int
    hi: int
    beats: int
    fresh: int
    period: int
    epilogue: EpilogueParameters | None
    depth: int
    shifts: bool = False
    style: str | None = None

    def __post_init__(self) -> None:
        if self.factors not in (1, self.lanes):
            raise ValueError(f"Factors must be one or {self.lanes}, not {self.factors}")
        if self.period % self.fresh or self.beats % self.period:
            raise ValueError(
                f"Beats must be whole turns, not {self.beats} in turns of {self.period} with "
                f"{self.fresh} fresh ones"
            )

    @property
    def word(self) -> int:
        """Elements of a beat that enters."""
        return self.lanes

    @property
    def product_shape(self) -> Shape:
        """Shape of a product."""
        return range_shape(self.lo, self.hi)

    @property
    def element(self) -> tuple[int, bool]:
        """(bits, signed) of an output element."""
        if self.epilogue:
            return self.epilogue.bits, self.epilogue.signed
        return self.product_shape.width, self.product_shape.signed

    @property
    def latency(self) -> int:
        """Clocks from the inputs to the queue: operands, product, and what follows."""
        return 2 + (self.epilogue.latency if self.epilogue else 0)

    @property
    def full_rate_depth(self) -> int:
        """Depth of the queue from which on it never holds the product up under a ready sink."""
        return self.latency + 3

    @property
    def busy(self) -> int:
        """Clocks of a frame on which it works."""
        return self.beats

    @property
    def ring(self) -> tuple[int, str | None]:
        """(words, style) of what goes round; no words where every beat is fresh."""
        words = self.fresh if self.fresh < self.period else 0
        return words, None if words <= SHALLOW or self.style == "logic" else self.style

    @cached_property
    def fifo(self) -> FifoParameters:
        """The queue behind."""
        return FifoParameters(self.lanes, *self.element, self.depth, self.shifts)

    def with_depth(self, depth: int) -> "ProductParameters":
        """Return the same product with another queue."""
        return replace(self, depth=depth)

    def departures(self, beats: int) -> int:
        """Return how many beats leave for `beats` on the first input."""
        return beats

    def create(self) -> "Product":
        """Return the component."""
        return Product(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Take a beat when it is there, and its factor where that is a fresh one, and when the
        queue has room."""
        (o,), (first, factor) = outputs, inputs
        entered = no_clocks()
        fresh, period = self.fresh, self.period
        places = tuple(range(fresh)) + (NEVER,) * (period - fresh)
        taken = (
            After(first.offered),
            After(factor.offered, places, fresh),
            After(first.taken, (-1,), delay=1),
            After(o.taken, (-self.depth,), delay=1),
        )
        met = After(first.taken, tuple(range(fresh)), period)
        return [
            Recurrence(first.taken, beats, taken),
            Recurrence(factor.taken, beats // period * fresh, (met,)),
            Recurrence(entered, beats, (After(first.taken),), (self.latency,)),
            *self.fifo.emit(entered, o, beats),
        ]


class Product(wiring.Component):
    """Products of two streams.

    Members
    -------
    i_0 : stream of beats
    i_1 : stream of factors, each taken with the first beat that it meets
    o : stream of results

    Nothing stalls between the inputs and the queue: a beat is taken when the queue has room for it.
    Registers stand before and behind the multiplication, where DSP blocks have theirs.
    """

    def __init__(self, parameters: ProductParameters):
        self.parameters = p = parameters
        lanes = p.lanes, p.factors
        inputs = {
            f"i_{n}": In(stream.Signature(elements(lanes[n], p.bits[n], p.signs[n])))
            for n in range(2)
        }
        super().__init__({**inputs, "o": Out(stream.Signature(elements(p.lanes, *p.element)))})

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        m.submodules.fifo = fifo = Fifo(p.fifo)
        connect(m, fifo.o, wiring.flipped(self.o))
        returned = self.o.valid & self.o.ready
        room = Signal(range(-1, p.depth), init=p.depth - 1)  # free places less one
        take, fresh = Signal(), Signal()
        (_, turn), _ = nest(m, take, [("beat", p.fresh), ("turn", p.period // p.fresh)])
        m.d.comb += [
            fresh.eq(turn == 0),
            take.eq(~room[-1] & self.i_0.valid & (self.i_1.valid | ~fresh)),
            self.i_0.ready.eq(take),
            self.i_1.ready.eq(take & fresh),
        ]
        m.d.sync += room.eq(added(room, take.as_signed(), returned))
        factor = self._factor(m, take, fresh)
        products = []
        for lane in range(p.lanes):
            a = self._operand(m, 0, lane, self.i_0.payload[lane])
            b = self._operand(m, 1, lane, factor[lane if p.factors > 1 else 0])
            product = Signal(p.product_shape, name=f"product_{lane}", reset_less=True)
            m.d.sync += product.eq(a * b)
            products.append(product)
        valid, multiplied = Signal(), Signal()
        m.d.sync += [valid.eq(take), multiplied.eq(valid)]
        valid, payload = multiplied, Cat(products)
        if p.epilogue:
            m.submodules.post = epilogue = p.epilogue.create()
            m.d.comb += [epilogue.i.valid.eq(valid), epilogue.i.payload.as_value().eq(payload)]
            valid, payload = epilogue.o.valid, epilogue.o.payload.as_value()
        m.d.comb += [fifo.i.valid.eq(valid), fifo.i.payload.as_value().eq(payload)]
        return m

    def _factor(self, m: Module, take: Value, fresh: Value) -> data.View:
        """Return the factors of a beat: fresh ones, or those that come round."""
        words, style = self.parameters.ring
        given = self.i_1.payload
        if not words:
            return given
        factor = Signal.like(given, name="factor")
        before = went_by(m, "ring", factor.as_value(), words, take, style)
        m.d.comb += factor.as_value().eq(Mux(fresh, given.as_value(), before))
        return factor

    def _operand(self, m: Module, n: int, lane: int, element: Value) -> Signal:
        """Return the number that an element stands for, from a register."""
        p = self.parameters
        operand = Signal(range_shape(*p.ranges[n]), name=f"operand_{n}_{lane}", reset_less=True)
        scaled = element << p.steps[n].bit_length() - 1  # 1, or 2 of a binary one
        m.d.sync += operand.eq(scaled + p.offsets[n] if p.offsets[n] else scaled)
        return operand
