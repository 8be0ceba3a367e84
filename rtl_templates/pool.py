"""Maximum over the beats of a window."""

__all__ = ["Maximum", "MaximumParameters"]

from dataclasses import dataclass

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.streams import elements
from hwgen_rtl_templates.window import beat_shape


@dataclass(frozen=True)
class MaximumParameters:
    """Running maxima of `lanes` channels; `groups` of them make a pixel."""

    lanes: int
    groups: int
    bits: int
    signed: bool

    latency = 1  # clocks from the last beat of a window to its maxima
    rest = 0  # clocks that must follow before the next
    name = "maximum"  # of the instance

    @property
    def read(self) -> tuple[bool, ...]:
        """Of each element of a beat, whether it is needed."""
        return (True,) * self.lanes


class Maximum(wiring.Component):
    """The largest element of each lane over the beats of a window.

    Members
    -------
    x : beats of a window
    o : the maxima of each window, `latency` clocks after its last beat
    """

    def __init__(self, parameters: MaximumParameters):
        self.parameters = p = parameters
        super().__init__(
            {
                "x": In(stream.Signature(beat_shape(p.lanes, p.bits, p.signed), always_ready=True)),
                "o": Out(stream.Signature(elements(p.lanes, p.bits, p.signed), always_ready=True)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        done = Signal()
        m.d.sync += done.eq(self.x.valid & self.x.payload.last)
        m.d.comb += self.o.valid.eq(done)
        for lane in range(self.parameters.lanes):
            x = self.x.payload.x[lane]
            largest = Signal.like(self.o.payload[lane], name=f"largest_{lane}", reset_less=True)
            with m.If(self.x.valid & (self.x.payload.first | (x > largest))):
                m.d.sync += largest.eq(x)
            m.d.comb += self.o.payload[lane].eq(largest)
        return m
