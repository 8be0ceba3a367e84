"""Index of the largest element of a frame."""

__all__ = ["ArgMax", "ArgMaxParameters"]

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.recurrence import Recurrence
from hwgen_rtl_templates.streams import elements, gather
from hwgen_rtl_templates.timing import Link, schedule


@dataclass(frozen=True)
class ArgMaxParameters:
    """Index of the largest of `count` elements, the first one if several are.

    count : elements of a frame, one a beat
    bits, signed : of an element
    index_bits : of the index
    """

    count: int
    bits: int
    signed: bool
    index_bits: int

    lanes = 1  # of a beat that leaves
    word = 1  # of one that enters

    @property
    def element(self) -> tuple[int, bool]:
        """(bits, signed) of an output element."""
        return self.index_bits, False

    @property
    def busy(self) -> int:
        """Clocks of a frame on which it works."""
        return self.count

    def departures(self, beats: int) -> int:
        """Return how many beats leave for the `beats` of whole frames that enter."""
        return beats // self.count

    def schedule(self, arrivals: Sequence[int]) -> list[int]:
        """Return the clocks on which beats leave, from those on which they arrive."""
        return schedule(self, arrivals)

    def create(self) -> "ArgMax":
        """Return the component."""
        return ArgMax(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Take a frame; offer its index the clock after its last beat."""
        return gather(*inputs, *outputs, beats, self.count)


class ArgMax(wiring.Component):
    """Index of the largest element of each frame.

    Members
    -------
    i : stream of single elements
    o : stream of one index a frame

    Latency is one clock from the last element; the next frame may enter as the index leaves.
    """

    def __init__(self, parameters: ArgMaxParameters):
        self.parameters = p = parameters
        super().__init__(
            {
                "i": In(stream.Signature(elements(1, p.bits, p.signed))),
                "o": Out(stream.Signature(elements(1, *p.element))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        at, index = Signal(range(p.count)), Signal(p.index_bits, reset_less=True)
        largest = Signal.like(self.i.payload[0], name="largest", reset_less=True)
        full = Signal()
        x = self.i.payload[0]
        m.d.comb += [
            self.i.ready.eq(~full | self.o.ready),
            self.o.valid.eq(full),
            self.o.payload[0].eq(index),
        ]
        with m.If(self.o.ready):
            m.d.sync += full.eq(0)
        with m.If(self.i.valid & self.i.ready):
            with m.If((at == 0) | (x > largest)):
                m.d.sync += [largest.eq(x), index.eq(at)]
            with m.If(at == p.count - 1):
                m.d.sync += [at.eq(0), full.eq(1)]
            with m.Else():
                m.d.sync += at.eq(at + 1)
        return m
