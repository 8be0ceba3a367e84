"""Threshold unit: how many thresholds a value reaches."""

__all__ = ["ThresholdParameters", "Thresholds"]

from dataclasses import dataclass, field

from amaranth import *
from amaranth.lib import wiring

from hwgen_rtl_templates.streams import beats_per_pixel, range_shape, unit_ports
from hwgen_rtl_templates.tables import lookup, nest


@dataclass(frozen=True)
class ThresholdParameters:
    """y = base + step * the number of thresholds t with x >= t.

    channels, lanes : of a pixel, and of a beat
    x_lo, x_hi : range of the input, which gives its width
    thresholds : ascending, one row for all channels or one a channel, equally long
    base : the output below all thresholds
    bits, signed : of an output element
    step : from one output to the next; 2 between the signs
    """

    channels: int
    lanes: int
    x_lo: int
    x_hi: int
    thresholds: tuple[tuple[int, ...], ...] = field(repr=False)
    base: int
    bits: int
    signed: bool
    step: int = 1

    name = "post"  # of the instance

    def __post_init__(self) -> None:
        if len(self.thresholds) not in (1, self.channels):
            raise ValueError(f"Rows of thresholds must be one or {self.channels}")
        if any(list(row) != sorted(row) for row in self.thresholds):
            raise ValueError("Thresholds must ascend")

    @property
    def title(self) -> str:
        """What it does, in words."""
        return f"{self.steps} step" + "s" * (self.steps != 1)

    @property
    def x_shape(self) -> Shape:
        """Shape of an input element."""
        return range_shape(self.x_lo, self.x_hi)

    @property
    def steps(self) -> int:
        """Thresholds of a channel."""
        return len(self.thresholds[0])

    @property
    def latency(self) -> int:
        """Clocks from a beat to its output: one comparison each, halving what is left."""
        return self.steps.bit_length() + 1

    def create(self) -> "Thresholds":
        """Return the component."""
        return Thresholds(self)

    def level(self, bit: int) -> list[list[int]]:
        """Return, for each row, the thresholds that decide bit `bit` of the count, by the bits
        above it. What lies beyond the last threshold is never reached."""
        never = self.x_hi + 1
        top = self.steps.bit_length()
        indices = [(above << (bit + 1)) + (1 << bit) - 1 for above in range(1 << (top - bit - 1))]
        return [[row[n] if n < len(row) else never for n in indices] for row in self.thresholds]


class Thresholds(wiring.Component):
    """Count the thresholds that each element reaches, bit by bit of the count from the top: a
    binary search, a comparison and a table a clock.

    Members
    -------
    i : stream of `lanes` wide elements
    o : stream of `lanes` outputs, `latency` clocks later

    Counts the beats of a pixel to know the channels, so it must see every beat from the first of
    a frame on.
    """

    def __init__(self, parameters: ThresholdParameters):
        self.parameters = p = parameters
        super().__init__(unit_ports(p.lanes, p.x_shape, Shape(p.bits, p.signed)))

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        beats = beats_per_pixel(p.channels, p.lanes) if len(p.thresholds) > 1 else 1
        (beat,), _ = nest(m, self.i.valid, [("beat", beats)])
        valid, turn = self.i.valid, beat
        counts: list[Value] = [Const(0, 0)] * p.lanes
        x = [self.i.payload[lane] for lane in range(p.lanes)]
        for bit in reversed(range(p.steps.bit_length())):
            counts, x = self._decide(m, bit, turn, counts, x)
            held, kept = Signal(name=f"valid_{bit}"), Signal.like(beat, name=f"beat_{bit}")
            m.d.sync += [held.eq(valid), kept.eq(turn)]
            valid, turn = held, kept
        done = Signal()
        m.d.sync += done.eq(valid)
        m.d.comb += self.o.valid.eq(done)
        for lane, count in enumerate(counts):
            out = Signal.like(self.o.payload[lane], name=f"count_{lane}", reset_less=True)
            m.d.sync += out.eq(count * p.step + p.base)
            m.d.comb += self.o.payload[lane].eq(out)
        return m

    def _decide(
        self, m: Module, bit: int, turn: Value, counts: list[Value], x: list[Value]
    ) -> tuple[list[Value], list[Value]]:
        """Register one more bit of each lane's count, and the lane's element beside it."""
        p = self.parameters
        rows = p.level(bit)
        deeper, moved = [], []
        for lane, (count, element) in enumerate(zip(counts, x, strict=True)):
            beats = range(lane, p.channels, p.lanes) if len(rows) > 1 else range(1)
            table = [threshold for channel in beats for threshold in rows[channel]]
            index = Cat(count, turn)
            threshold = lookup(m, index, table, f"threshold_{lane}_{bit}")
            found = Signal(len(count) + 1, name=f"found_{lane}_{bit}", reset_less=True)
            held = Signal.like(element, name=f"x_{lane}_{bit}", reset_less=True)
            m.d.sync += [found.eq(Cat(element >= threshold, count)), held.eq(element)]
            deeper.append(found)
            moved.append(held)
        return deeper, moved
