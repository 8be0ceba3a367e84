"""The larger, or the smaller, of two streams, element by element."""

__all__ = ["Extreme", "ExtremeParameters"]

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.recurrence import After, Recurrence
from hwgen_rtl_templates.streams import elements
from hwgen_rtl_templates.timing import Link


@dataclass(frozen=True)
class ExtremeParameters:
    """The larger of two elements, or the smaller.

    channels, lanes : of a pixel, and of a beat
    bits, signs : of an element of each input
    element : (bits, signed) of an output element, which holds what leaves
    smaller : whether it is the smaller one
    beats : of a frame
    """

    channels: int
    lanes: int
    bits: tuple[int, int]
    signs: tuple[bool, bool]
    element: tuple[int, bool]
    smaller: bool
    beats: int

    @property
    def word(self) -> int:
        """Elements of a beat that enters."""
        return self.lanes

    @property
    def busy(self) -> int:
        """Clocks of a frame on which it works."""
        return self.beats

    def departures(self, beats: int) -> int:
        """Return how many beats leave for `beats` on each input."""
        return beats

    def create(self) -> "Extreme":
        """Return the component."""
        return Extreme(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Take a beat of each input when both are there and the last result leaves; offer what is
        made of them the clock after."""
        (o,), (first, second) = outputs, inputs
        taken = (
            *(After(i.offered) for i in inputs),
            After(first.taken, (-1,), delay=1),
            After(o.taken, (-1,)),
        )
        return [
            Recurrence(first.taken, beats, taken),
            Recurrence(second.taken, beats, (After(first.taken),)),
            Recurrence(o.offered, beats, (After(first.taken),), (1,)),
        ]


class Extreme(wiring.Component):
    """The larger of two streams, or the smaller.

    Members
    -------
    i_0, i_1 : streams of beats, taken together
    o : stream of results, a clock later; the next beats may enter as one leaves
    """

    def __init__(self, parameters: ExtremeParameters):
        self.parameters = p = parameters
        inputs = {
            f"i_{n}": In(stream.Signature(elements(p.lanes, bits, sign)))
            for n, (bits, sign) in enumerate(zip(p.bits, p.signs, strict=True))
        }
        super().__init__({**inputs, "o": Out(stream.Signature(elements(p.lanes, *p.element)))})

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        full, take = Signal(), Signal()
        payload = Signal.like(self.o.payload, name="held", reset_less=True)
        m.d.comb += [
            take.eq(self.i_0.valid & self.i_1.valid & (~full | self.o.ready)),
            self.i_0.ready.eq(take),
            self.i_1.ready.eq(take),
            self.o.valid.eq(full),
            self.o.payload.eq(payload),
        ]
        with m.If(take | self.o.ready):
            m.d.sync += full.eq(take)
        with m.If(take):
            for lane in range(p.lanes):
                a, b = self.i_0.payload[lane], self.i_1.payload[lane]
                first = a < b if p.smaller else a > b
                m.d.sync += payload[lane].eq(Mux(first, a, b))
        return m
