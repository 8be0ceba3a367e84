"""Affine thresholds: how many thresholds on a straight line a value reaches, by division."""

__all__ = ["AffineThresholdParameters", "AffineThresholds", "Lane"]

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from amaranth import *
from amaranth.lib import wiring

from hwgen_rtl_templates.streams import beats_per_pixel, delayed, of_lane, range_shape, unit_ports
from hwgen_rtl_templates.tables import added, ahead, nest


@dataclass(frozen=True)
class AffineThresholdParameters:
    """y = base + step * the number of thresholds that x reaches: of k from 1 to `steps` with
    x * 2**fraction >= start + k * pitch.

    channels, lanes : of a pixel, and of a beat
    x_lo, x_hi : range of the input, which gives its width
    lines : (start, pitch), one for all channels or one a channel; no pitch is negative
    fraction : bits of starts and pitches behind the point
    below_zero : the starts where x is below zero, as many as lines; none where they are the same
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
    below_zero: tuple[int, ...] = field(default=(), repr=False)

    name = "post"  # of the instance

    def __post_init__(self) -> None:
        if len(self.below_zero) not in (0, len(self.lines)):
            raise ValueError(f"Starts below zero must be none or {len(self.lines)}")
        if len(self.lines) not in (1, self.channels):
            raise ValueError(f"Lines must be one or {self.channels}, not {len(self.lines)}")
        if min(pitch for _, pitch in self.lines) < 0:
            raise ValueError("Thresholds must ascend")
        if self.steps < 2:
            raise ValueError(f"Steps must be at least 2, not {self.steps}")

    @property
    def title(self) -> str:
        """What it does, in words."""
        return f"{self.steps} affine steps"

    @property
    def x_shape(self) -> Shape:
        """Shape of an input element."""
        return range_shape(self.x_lo, self.x_hi)

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

    def create(self) -> "AffineThresholds":
        """Return the component."""
        return AffineThresholds(self)

    @cached_property
    def each_lane(self) -> tuple["Lane", ...]:
        """What each lane divides by."""
        return tuple(
            Lane(
                of_lane(self.lines, lane, self.lanes, self.beats),
                of_lane(self.below_zero, lane, self.lanes, self.beats) if self.below_zero else (),
                self.x_lo << self.fraction,
                self.x_hi << self.fraction,
                self.fraction,
                self.levels,
            )
            for lane in range(self.lanes)
        )


@dataclass(frozen=True)
class Lane:
    """The lines of one lane, and how wide its remainders are.

    lines : (start, pitch) of each beat of a pixel
    below_zero : the starts where x is below zero, or none
    lo, hi : range of x * 2**fraction
    fraction, levels : as of the unit
    """

    lines: tuple[tuple[int, int], ...]
    below_zero: tuple[int, ...]
    lo: int
    hi: int
    fraction: int
    levels: int

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """For each beat, what is added to x * 2**fraction: minus the middle threshold."""
        return self._offsets(start for start, _ in self.lines)

    @cached_property
    def offsets_below_zero(self) -> tuple[int, ...]:
        """The same where x is below zero, none where nothing else is added there."""
        return self._offsets(self.below_zero) if self.below_zero else ()

    def _offsets(self, starts: Iterable[int]) -> tuple[int, ...]:
        top = self.levels - 1
        return tuple(
            -(start + (pitch << top)) for start, (_, pitch) in zip(starts, self.lines, strict=True)
        )

    @cached_property
    def pitches(self) -> tuple[int, ...]:
        """The pitch of each beat."""
        return tuple(pitch for _, pitch in self.lines)

    @property
    def pitch_bits(self) -> int:
        """Bits of a pitch."""
        return max(self.pitches).bit_length()

    @cached_property
    def whole_range(self) -> tuple[int, int]:
        """Range of the first remainder."""
        if not self.below_zero:
            return self.lo + min(self.offsets), self.hi + max(self.offsets)
        below = self.offsets_below_zero
        least = min(self.lo + min(below), min(self.offsets))
        return least, max(self.hi + max(self.offsets), max(below))

    @cached_property
    def remainder_bits(self) -> tuple[int, ...]:
        """Bits of the remainder behind each level, the first level first.

        A remainder is kept as wide as one can be that further levels matter to, and its sign is
        above what they add at. The first may be wider; then its sign alone decides the count.
        """
        lo, hi = self.whole_range
        most = max(self.pitches) << (self.levels - 1)
        bits = max(self.levels, min(_bits(lo, hi), _bits(-most, most - 1)))
        half = 1 << (bits - 1)
        ranges = [(max(lo, -half), min(hi, half - 1))] * len(self.pitches)
        found = [bits]
        for bit in reversed(range(self.levels - 1)):
            ranges = [
                _next(*ends, pitch << bit) for ends, pitch in zip(ranges, self.pitches, strict=True)
            ]
            found.append(max(bit + 1, *(_bits(*ends) for ends in ranges)))
        return tuple(found)

    @cached_property
    def first_bits(self) -> int:
        """Bits of the first remainder, before any are left out."""
        return max(_bits(*self.whole_range), self.remainder_bits[0], self.fraction + 1)

    @property
    def saturates(self) -> bool:
        """Whether the first remainder can be wider than is kept of it."""
        return self.first_bits > self.remainder_bits[0]

    @property
    def adder_bits(self) -> int:
        """Places of the adders, one for the carry into each but the first."""
        below = enumerate(reversed(self.remainder_bits[1:]))
        return self.first_bits - self.fraction + sum(bits - bit + 1 for bit, bits in below)


def _bits(lo: int, hi: int) -> int:
    """Return the bits of a signed number of a range."""
    return range_shape(min(lo, -1), hi).width


def _next(lo: int, hi: int, by: int) -> tuple[int, int]:
    """Return the range of what is in [lo, hi], less `by` where it is not negative, and more by
    that where it is."""
    ends = [end - by for end in (max(lo, 0), hi) if hi >= 0]
    ends += [end + by for end in (lo, min(hi, -1)) if lo < 0]
    return min(ends), max(ends)


class AffineThresholds(wiring.Component):
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

    def __init__(self, parameters: AffineThresholdParameters):
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
        own = p.each_lane[lane]
        widths = own.remainder_bits
        first = self._first(m, lane, beat)
        pitch = ahead(m, self.i.valid, beat, own.pitches, f"pitch_{lane}")
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
            if own.saturates:
                later = Signal(name=f"extreme_{name}", reset_less=True)
                m.d.sync += later.eq(extreme)
                extreme = later
        if own.saturates:
            return Mux(extreme, held[-1].replicate(p.levels), held)
        return held

    def _first(self, m: Module, lane: int, beat: Value) -> Value:
        """Return the first remainder, all of it: its bits behind the point are the offset's."""
        p = self.parameters
        own = p.each_lane[lane]
        offset = ahead(m, self.i.valid, beat, own.offsets, f"offset_{lane}")
        if own.below_zero:
            below = ahead(m, self.i.valid, beat, own.offsets_below_zero, f"below_zero_{lane}")
            offset = Mux(self.i.payload[lane] < 0, below, offset)
        above = Signal(signed(own.first_bits - p.fraction), name=f"above_middle_{lane}")
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
