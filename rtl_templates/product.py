"""Products of two streams, element by element."""

__all__ = ["Product", "ProductParameters"]

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from hwgen_rtl_templates.epilogue import EpilogueParameters
from hwgen_rtl_templates.fifo import Fifo
from hwgen_rtl_templates.followed import Followed, follow
from hwgen_rtl_templates.function_table import FunctionTableParameters
from hwgen_rtl_templates.recurrence import After, Recurrence, no_clocks
from hwgen_rtl_templates.streams import elements, range_shape
from hwgen_rtl_templates.tables import added
from hwgen_rtl_templates.timing import Link

Range = tuple[int, int]


@dataclass(frozen=True)
class ProductParameters(Followed):
    """y = epilogue(a * b), element by element, with a = offset + step * element, and b alike.

    channels, lanes : of a pixel, and of a beat
    bits, signs, steps, offsets : of an element of each input
    ranges : (least, largest) of a and of b
    lo, hi : range of the product
    beats : of a frame
    epilogue : what becomes of the product, or None
    depth : beats of the queue behind
    shifts : whether that is registers that shift
    table : what is read for what comes of that, or None
    """

    channels: int
    lanes: int
    bits: tuple[int, int]
    signs: tuple[bool, bool]
    steps: tuple[int, int]
    offsets: tuple[int, int]
    ranges: tuple[Range, Range]
    lo: int
    hi: int
    beats: int
    epilogue: EpilogueParameters | None
    depth: int
    shifts: bool = False
    table: FunctionTableParameters | None = None

    @property
    def levels(self) -> int:
        """Clocks from the inputs to a result."""
        return 2  # operands, product

    def create(self) -> "Product":
        """Return the component."""
        return Product(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Take a beat of each input at once, when both are there and the queue has room."""
        (o,), (first, second) = outputs, inputs
        entered = no_clocks()
        taken = (
            *(After(i.offered) for i in inputs),
            After(first.taken, (-1,), delay=1),
            After(o.taken, (-self.depth,), delay=1),
        )
        return [
            Recurrence(first.taken, beats, taken),
            Recurrence(second.taken, beats, (After(first.taken),)),
            Recurrence(entered, beats, (After(first.taken),), (self.latency,)),
            *self.fifo.emit(entered, o, beats),
        ]


class Product(wiring.Component):
    """Products of two streams.

    Members
    -------
    i_0, i_1 : streams of beats, taken together
    o : stream of results

    Nothing stalls between the inputs and the queue: a beat is taken when the queue has room for it.
    Registers stand before and behind the multiplication, where DSP blocks have theirs.
    """

    def __init__(self, parameters: ProductParameters):
        self.parameters = p = parameters
        inputs = {
            f"i_{n}": In(stream.Signature(elements(p.lanes, p.bits[n], p.signs[n])))
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
        take = Signal()
        m.d.comb += [
            take.eq(~room[-1] & self.i_0.valid & self.i_1.valid),
            self.i_0.ready.eq(take),
            self.i_1.ready.eq(take),
        ]
        m.d.sync += room.eq(added(room, take.as_signed(), returned))
        products = []
        for lane in range(p.lanes):
            a = self._operand(m, 0, lane, self.i_0.payload[lane])
            b = self._operand(m, 1, lane, self.i_1.payload[lane])
            product = Signal(p.result_shape, name=f"product_{lane}", reset_less=True)
            m.d.sync += product.eq(a * b)
            products.append(product)
        valid, multiplied = Signal(), Signal()
        m.d.sync += [valid.eq(take), multiplied.eq(valid)]
        valid, payload = multiplied, Cat(products)
        valid, payload = follow(m, p.behind, valid, payload)
        m.d.comb += [fifo.i.valid.eq(valid), fifo.i.payload.as_value().eq(payload)]
        return m

    def _operand(self, m: Module, n: int, lane: int, element: Value) -> Signal:
        """Return the number that an element stands for, from a register."""
        p = self.parameters
        operand = Signal(range_shape(*p.ranges[n]), name=f"operand_{n}_{lane}", reset_less=True)
        scaled = element << p.steps[n].bit_length() - 1  # 1, or 2 of a binary one
        m.d.sync += operand.eq(scaled + p.offsets[n] if p.offsets[n] else scaled)
        return operand
