"""Even thresholds: how many thresholds on a straight line a value reaches, by division."""

__all__ = ["EvenThresholdParameters", "EvenThresholds"]

from dataclasses import dataclass, field

from amaranth import *
from amaranth.lib import wiring

from rtl_templates.streams import beats_per_pixel, delayed, unit_ports
from rtl_templates.tables import added, ahead, nest


@dataclass(frozen=True)
class EvenThresholdParameters:
    """y = base + step * the number of thresholds that x reaches: of k from 1 to `steps` with
    x * 2**fraction >= start + k * pitch.

    channels, lanes : of a pixel, and of a beat
    x_lo, x_hi : range of the input, which gives its width
    lines : (start, pitch), one for all channels or one a channel; no pitch is negative
    fraction : bits of starts and pitches behind the point
    steps : thresholds of a channel, at least two
    base : the output below all thresholds
    bits, signed : of an output element
    step : from one output to the next; 2 between the signs
    """

    channels: int
    lanes: int
    x_lo: int
    x_hi: int
    lines: tuple[tuple[int, int], ...] = field(repr=False)
    fraction: int
    steps: int
    base: int
    bits: int
    signed: bool
    step: int = 1

    def __post_init__(self) -> None:
        if len(self.lines) not in (1, self.channels):
            raise ValueError(f"Lines must be one or {self.channels}, not {len(self.lines)}")
        if min(pitch for _, pitch in self.lines) < 0:
            raise ValueError("Thresholds must ascend")
        if self.steps < 2:
            raise ValueError(f"Steps must be at least 2, not {self.steps}")

    @property
    def x_shape(self) -> Shape:
        """Shape of an input element."""
        return Shape.cast(range(min(self.x_lo, 0), self.x_hi + 1))

    @property
    def levels(self) -> int:
        """Bits of the count, and clocks that find them."""
        return self.steps.bit_length()

    @property
    def latency(self) -> int:
        """Clocks from a beat to its output."""
        return self.levels + 1

    @property
    def beats(self) -> int:
        """Beats of a pixel that have lines of their own."""
        return beats_per_pixel(self.channels, self.lanes) if len(self.lines) > 1 else 1

    def create(self) -> "EvenThresholds":
        """Return the component."""
        return EvenThresholds(self)

    def lines_of(self, lane: int) -> tuple[tuple[int, int], ...]:
        """Return the line of each beat of a pixel, in one lane; beyond the last channel any."""
        if self.beats == 1:
            return (self.lines[lane if len(self.lines) > lane else 0],)
        own = self.lines[lane :: self.lanes]
        return own + own[:1] * (self.beats - len(own))

    def offsets_of(self, lane: int) -> tuple[int, ...]:
        """Return, for each beat, what is added to x * 2**fraction: minus the middle threshold."""
        top = self.levels - 1
        return tuple(-(start + (pitch << top)) for start, pitch in self.lines_of(lane))

    def pitches_of(self, lane: int) -> tuple[int, ...]:
        """Return the pitch of each beat."""
        return tuple(pitch for _, pitch in self.lines_of(lane))

    def whole_range(self, lane: int) -> tuple[int, int]:
        """Return the range of the first remainder."""
        offsets = self.offsets_of(lane)
        lo, hi = (x << self.fraction for x in (self.x_lo, self.x_hi))
        return lo + min(offsets), hi + max(offsets)

    def remainder_bits(self, lane: int) -> list[int]:
        """Return the bits of the remainder behind each level, the first level first.

        A remainder is kept as wide as one can be that further levels matter to, and its sign is
        above what they add at. The first may be wider; then its sign alone decides the count.
        """
        pitches = self.pitches_of(lane)
        lo, hi = self.whole_range(lane)
        most = max(pitches) << (self.levels - 1)
        bits = max(self.levels, min(_bits(lo, hi), _bits(-most, most - 1)))
        half = 1 << (bits - 1)
        ranges = [(max(lo, -half), min(hi, half - 1), pitch) for pitch in pitches]
        found = [bits]
        for bit in reversed(range(self.levels - 1)):
            below = [_next(lo, hi, pitch << bit) for lo, hi, pitch in ranges]
            found.append(max(bit + 1, *(_bits(lo, hi) for lo, hi in below)))
            ranges = [(lo, hi, pitch) for (lo, hi), pitch in zip(below, pitches, strict=True)]
        return found

    def first_bits(self, lane: int) -> int:
        """Return the bits of the first remainder, before any are left out."""
        bits = max(_bits(*self.whole_range(lane)), self.remainder_bits(lane)[0])
        return max(bits, self.fraction + 1)

    def saturates(self, lane: int) -> bool:
        """Say whether the first remainder can be wider than is kept of it."""
        return self.first_bits(lane) > self.remainder_bits(lane)[0]

    def adder_bits(self, lane: int) -> int:
        """Return the places of a lane's adders, one for the carry into each but the first."""
        bits = self.remainder_bits(lane)[1:]
        first = self.first_bits(lane) - self.fraction
        return first + sum(n - bit + 1 for bit, n in enumerate(reversed(bits)))

    def pitch_bits(self, lane: int) -> int:
        """Return the bits of a lane's pitches."""
        return max(self.pitches_of(lane)).bit_length()


def _bits(lo: int, hi: int) -> int:
    """Return the bits of a signed number of a range."""
    return max(hi.bit_length(), (~lo).bit_length() if lo < 0 else 0) + 1


def _next(lo: int, hi: int, by: int) -> tuple[int, int]:
    """Return the range of what is in [lo, hi], less `by` where it is not negative, and more by
    that where it is."""
    ends = [end - by for end in (max(lo, 0), hi) if hi >= 0]
    ends += [end + by for end in (lo, min(hi, -1)) if lo < 0]
    return min(ends), max(ends)


class EvenThresholds(wiring.Component):
    """Divide by the pitch, a bit of the quotient a clock, without restoring remainders.

    Members
    -------
    i : stream of `lanes` wide elements
    o : stream of `lanes` outputs, `latency` clocks later

    The first remainder is what an element is above the threshold in the middle. The sign of a
    remainder is a bit of the count; half as many pitches as before are then taken off it, or added
    if it is negative (division without restoring). That is an adder a level, and two words of
    tables a channel, whatever the number of thresholds. Counts the beats of a pixel to know the
    channels, so it must see every beat from the first of a frame on.
    """

    def __init__(self, parameters: EvenThresholdParameters):
        self.parameters = p = parameters
        super().__init__(unit_ports(p.lanes, p.x_shape, Shape(p.bits, p.signed)))

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        (beat,), _ = nest(m, self.i.valid, [("beat", p.beats)])
        (valid,) = delayed(m, p.latency, valid=self.i.valid)
        m.d.comb += self.o.valid.eq(valid)
        for lane in range(p.lanes):
            count = self._divide(m, lane, beat)
            if p.steps + 1 < 1 << p.levels:
                count = Mux(count > p.steps, p.steps, count)
            out = Signal.like(self.o.payload[lane], name=f"out_{lane}", reset_less=True)
            m.d.sync += out.eq(count * p.step + p.base)
            m.d.comb += self.o.payload[lane].eq(out)
        return m

    def _divide(self, m: Module, lane: int, beat: Value) -> Value:
        """Return the count of a lane's element, from registers."""
        p = self.parameters
        widths = p.remainder_bits(lane)
        first = self._first(m, lane, beat)
        pitch = ahead(m, self.i.valid, beat, p.pitches_of(lane), f"pitch_{lane}")
        saturates = p.saturates(lane)
        beyond = first[widths[0] - 1 : -1]
        extreme: Value = beyond != first[-1].replicate(len(beyond))
        count: Value = Const(0, 0)
        rest: Value = Cat(first[: widths[0] - 1], first[-1])
        for bit in reversed(range(p.levels)):
            name = f"{lane}_{bit}"
            if bit == 0:
                held = Signal(p.levels, name=f"count_{name}", reset_less=True)
                m.d.sync += held.eq(Cat(~rest[-1], count))
            else:
                held = Signal(len(rest), name=f"rest_{name}", reset_less=True)
                kept = Signal(len(count), name=f"above_{name}", reset_less=True)
                m.d.sync += [held.eq(rest), kept.eq(count)]
                count = Cat(~held[-1], kept)
                positive = (~held[-1]).replicate(len(pitch))
                if isinstance(pitch, Const):
                    addend = pitch ^ positive
                else:
                    addend = Signal(len(pitch), name=f"addend_{name}", reset_less=True)
                    m.d.sync += addend.eq(pitch ^ (~rest[-1]).replicate(len(pitch)))
                    pitch = addend ^ positive
                rest = self._step(held, addend, bit - 1, widths[p.levels - bit])
            if saturates:
                later = Signal(name=f"extreme_{name}", reset_less=True)
                m.d.sync += later.eq(extreme)
                extreme = later
        if saturates:
            return Mux(extreme, held[-1].replicate(p.levels), held)
        return held

    def _first(self, m: Module, lane: int, beat: Value) -> Value:
        """Return the first remainder, all of it: its bits behind the point are the offset's."""
        p = self.parameters
        offset = ahead(m, self.i.valid, beat, p.offsets_of(lane), f"offset_{lane}")
        above = Signal(signed(p.first_bits(lane) - p.fraction), name=f"above_middle_{lane}")
        m.d.comb += above.eq(self.i.payload[lane] + (offset >> p.fraction))
        behind = Signal(signed(p.fraction + 1), name=f"behind_point_{lane}")
        m.d.comb += behind.eq(offset)  # which a table may hold without a sign
        return Cat(behind[: p.fraction], above)

    @staticmethod
    def _step(rest: Value, addend: Value, bit: int, width: int) -> Value:
        """Return a remainder less the pitch at a bit, or more by it if it is negative: the addend
        is the pitch, inverted where it is to be taken off. The adder's carry in is its lowest
        place, and what lies below the bit stays as it is."""
        positive = ~rest[-1]
        total = added(rest[bit:].as_signed(), Cat(addend, positive).as_signed(), positive)
        return Cat(rest[:bit], total)[:width]
