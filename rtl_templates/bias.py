"""Bias unit: a constant of each channel added to what an array delivers."""

__all__ = ["Bias", "BiasParameters"]

from dataclasses import dataclass, field

from amaranth import *
from amaranth.lib import wiring

from hwgen_rtl_templates.streams import beats_per_pixel, of_lane, unit_ports
from hwgen_rtl_templates.tables import ahead, nest


@dataclass(frozen=True)
class BiasParameters:
    """y = x * step + bias, modulo 2**bits.

    channels, lanes : of a pixel, and of a beat
    x_bits, x_signed : of an input element; narrower than an output only if it is the sum itself,
        and not the sum modulo some power of two, or if that power times `step` is 2**bits
    biases : one for all channels, or one a channel
    bits, signed : of an output element, as wide as the range of the result
    step : 1; or 2, where the sum is over inputs of 0 and 1 that stand for -1 and +1
    """

    channels: int
    lanes: int
    x_bits: int
    x_signed: bool
    biases: tuple[int, ...] = field(repr=False)
    bits: int
    signed: bool
    step: int = 1

    latency = 1  # clocks from a beat to its output

    def __post_init__(self) -> None:
        if len(self.biases) not in (1, self.channels):
            raise ValueError(f"Biases must be one or {self.channels}, not {len(self.biases)}")
        if self.step not in (1, 2):
            raise ValueError(f"Step must be 1 or 2, not {self.step}")

    name = "bias"  # of the instance

    @property
    def beats(self) -> int:
        """Beats of a pixel that have constants of their own."""
        return beats_per_pixel(self.channels, self.lanes) if len(set(self.biases)) > 1 else 1

    def constants_of(self, lane: int) -> tuple[int, ...]:
        """Return what is added in each beat of a pixel, in one lane, of least magnitude; beyond
        the last channel what the lane adds anyway."""
        turn = 1 << self.bits
        near = [(bias + turn // 2) % turn - turn // 2 for bias in self.biases]
        return of_lane(near, lane, self.lanes, self.beats)

    def create(self) -> "Bias":
        """Return the component."""
        return Bias(self)


class Bias(wiring.Component):
    """Add constants, a beat a clock.

    Members
    -------
    i : stream of `lanes` sums
    o : stream of `lanes` sums with their biases, one clock later

    Counts the beats of a pixel to know the channels, so it must see every beat from the first of a
    frame on.
    """

    def __init__(self, parameters: BiasParameters):
        self.parameters = p = parameters
        x, y = Shape(p.x_bits, p.x_signed), Shape(p.bits, p.signed)
        super().__init__(unit_ports(p.lanes, x, y))

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        (beat,), _ = nest(m, self.i.valid, [("beat", p.beats)])
        done = Signal()
        m.d.sync += done.eq(self.i.valid)
        m.d.comb += self.o.valid.eq(done)
        for lane in range(p.lanes):
            bias = ahead(m, self.i.valid, beat, p.constants_of(lane), f"bias_{lane}")
            out = Signal.like(self.o.payload[lane], name=f"sum_{lane}", reset_less=True)
            m.d.sync += out.eq((self.i.payload[lane] << (p.step - 1)) + bias)
            m.d.comb += self.o.payload[lane].eq(out)
        return m
