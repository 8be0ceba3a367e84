"""Requantizer: accumulators become narrow integers of another scale."""

__all__ = ["Requantizer", "RequantizerParameters"]

from dataclasses import dataclass, field

from amaranth import *
from amaranth.lib import wiring

from hwgen_rtl_templates.streams import beats_per_pixel, delayed, of_lane, range_shape, unit_ports
from hwgen_rtl_templates.tables import added, lookup, nest


@dataclass(frozen=True)
class RequantizerParameters:
    """y = clamp(zero_point + round_shift((x - x_zero_point) * multiplier, shift), lo, hi).

    channels, lanes : of a pixel, and of a beat
    x_lo, x_hi : range of the input, which gives its width
    multipliers : one, or one a channel
    shift : common to all channels
    rounding : half_up, half_even or half_away
    rests : of double rounding, the bits that are then rounded half away from zero, one or one a
        channel; the first rounding is half up
    bits, signed : of an output element
    """

    channels: int
    lanes: int
    x_lo: int
    x_hi: int
    multipliers: tuple[int, ...] = field(repr=False)
    shift: int
    zero_point: int
    lo: int
    hi: int
    bits: int
    signed: bool
    x_zero_point: int = 0
    rounding: str = "half_up"
    rests: tuple[int, ...] = field(default=(), repr=False)

    name = "post"  # of the instance

    def __post_init__(self) -> None:
        if len(self.multipliers) not in (1, self.channels):
            raise ValueError(f"Multipliers must be one or {self.channels}")
        if self.rounding not in ("half_up", "half_even", "half_away"):
            raise ValueError(f"Rounding must be a known one, not {self.rounding!r}")
        if len(self.rests) not in (0, 1, self.channels):
            raise ValueError(f"Second shifts must be none, one or {self.channels}")

    @property
    def title(self) -> str:
        """What it does, in words."""
        return "multiply"

    @property
    def x_shape(self) -> Shape:
        """Shape of an input element."""
        return range_shape(self.x_lo, self.x_hi)

    @property
    def scaled(self) -> bool:
        """Whether anything is multiplied."""
        return self.multipliers != (1,) * len(self.multipliers)

    @property
    def latency(self) -> int:
        """Clocks from a beat to its output: multiply, round once or twice, clamp."""
        return 2 + self.scaled + bool(self.rests)

    def create(self) -> "Requantizer":
        """Return the component."""
        return Requantizer(self)

    def multipliers_of(self, lane: int) -> tuple[int, ...]:
        """Return the multiplier of each beat of a pixel, in one lane."""
        return self._of_lane(self.multipliers, lane)

    def rests_of(self, lane: int) -> tuple[int, ...]:
        """Return the second shift of each beat of a pixel, in one lane."""
        return self._of_lane(self.rests, lane)

    def _of_lane(self, values: tuple[int, ...], lane: int) -> tuple[int, ...]:
        if len(values) == 1:
            return values
        return of_lane(values, lane, self.lanes, beats_per_pixel(self.channels, self.lanes))


class Requantizer(wiring.Component):
    """Multiply, shift with rounding, and clamp, a beat a clock.

    Members
    -------
    i : stream of `lanes` wide elements
    o : stream of `lanes` narrow elements, `latency` clocks later

    Where every multiplier of a lane is a power of two, it is a shift. Counts the beats of a pixel
    to know the channels, so it must see every beat from the first of a frame on.
    """

    def __init__(self, parameters: RequantizerParameters):
        self.parameters = p = parameters
        super().__init__(unit_ports(p.lanes, p.x_shape, Shape(p.bits, p.signed)))

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        beats = beats_per_pixel(p.channels, p.lanes)
        (beat,), _ = nest(m, self.i.valid, [("beat", beats)])
        (valid,) = delayed(m, p.latency, valid=self.i.valid)
        m.d.comb += self.o.valid.eq(valid)
        for lane in range(p.lanes):
            scaled = self._scale(m, lane, beat)
            rounded = self._round(m, lane, scaled)
            if p.rests:
                rounded = self._round_again(m, lane, rounded, beat)
            self._clamp(m, lane, rounded)
        return m

    def _register(self, m: Module, name: str, value: Value, lo: int, hi: int) -> Signal:
        held = Signal(Shape.cast(range(lo, hi + 1)), name=name, reset_less=True)
        m.d.sync += held.eq(value)
        return held

    def _range(self) -> tuple[int, int]:
        """Range of the scaled input over all channels."""
        p = self.parameters
        ends = [
            (x - p.x_zero_point) * by
            for x in (p.x_lo, p.x_hi)
            for by in (min(p.multipliers), max(p.multipliers))
        ]
        return min(ends), max(ends)

    def _scale(self, m: Module, lane: int, beat: Value) -> Value:
        p = self.parameters
        x = self.i.payload[lane]
        if p.x_zero_point:
            x = x - p.x_zero_point
        if not p.scaled:
            return x
        by = p.multipliers_of(lane)
        if all(n & (n - 1) == 0 for n in by):
            places = lookup(m, beat, [n.bit_length() - 1 for n in by], f"places_{lane}")
            product = x << places
        else:
            product = x * lookup(m, beat, by, f"multiplier_{lane}")
        return self._register(m, f"scaled_{lane}", product, *self._range())

    def _round(self, m: Module, lane: int, value: Value) -> Value:
        p = self.parameters
        lo, hi = self._range()
        if p.shift == 0:
            return self._register(m, f"rounded_{lane}", value, lo, hi)
        half = 1 << (p.shift - 1)
        if p.rounding == "half_up":
            total = value + half
        else:
            if p.rounding == "half_even":
                up = value[p.shift] if p.shift < len(value) else value[-1] if lo < 0 else Const(0)
            else:
                up = value >= 0
            total = value + (half - 1) + up
        return self._register(
            m,
            f"rounded_{lane}",
            total >> p.shift,
            (lo + half - 1) >> p.shift,
            (hi + half) >> p.shift,
        )

    def _round_again(self, m: Module, lane: int, value: Value, beat: Value) -> Value:
        """Return a value over 2**rest, rounded half away from zero."""
        rests = self.parameters.rests_of(lane)
        # the beat that the product and the first rounding were of
        latency = 1 + self.parameters.scaled
        (beat,) = delayed(m, latency, beat=beat) if isinstance(beat, Signal) else (beat,)
        rest = lookup(m, beat, rests, f"rest_{lane}")
        below_half = lookup(m, beat, [(1 << r >> 1) - 1 for r in rests], f"below_half_{lane}")
        total = added(value, below_half, (value >= 0) | (rest == 0))
        held = Signal(signed(len(value) + 1), name=f"again_{lane}", reset_less=True)
        m.d.sync += held.eq(total >> rest)
        return held

    def _clamp(self, m: Module, lane: int, value: Value) -> None:
        p = self.parameters
        low, high = p.lo - p.zero_point, p.hi - p.zero_point
        out = Signal.like(self.o.payload[lane], name=f"clamped_{lane}", reset_less=True)
        m.d.sync += out.eq(value + p.zero_point)
        with m.If(value < low):
            m.d.sync += out.eq(p.lo)
        with m.Elif(value > high):
            m.d.sync += out.eq(p.hi)
        m.d.comb += self.o.payload[lane].eq(out)
