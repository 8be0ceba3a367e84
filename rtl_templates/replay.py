"""Beats that go round: what a value lacks to have the shape of another."""

__all__ = ["Replay", "ReplayParameters"]

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.recurrence import NEVER, After, Recurrence
from hwgen_rtl_templates.ring import SHALLOW, went_by
from hwgen_rtl_templates.streams import elements
from hwgen_rtl_templates.tables import nest
from hwgen_rtl_templates.timing import Link, schedule


@dataclass(frozen=True)
class ReplayParameters:
    """Beats leave as they come, and again: `fresh` of each `period` that leave, then the same from
    the first on.

    A value a channel, whose beats are a pixel, comes round for each pixel of a frame; a value a
    pixel, of one element, for each beat of the pixel, in all of its lanes.

    lanes_in, lanes_out : of a beat; those that enter are as many, or one
    bits, signed : of an element
    fresh, period : beats that enter, and that leave, in a turn
    style : of the memory that they go round in: "block" or "distributed"; otherwise, and where
        there are few, registers
    """

    lanes_in: int
    lanes_out: int
    bits: int
    signed: bool
    fresh: int
    period: int
    style: str | None = None

    name = "replay"  # of the instance

    def __post_init__(self) -> None:
        if self.lanes_in not in (1, self.lanes_out):
            raise ValueError(f"Lanes must enter as {self.lanes_out} or 1, not {self.lanes_in}")
        if self.fresh < 1 or self.period % self.fresh:
            raise ValueError(
                f"Beats must leave in whole rounds of {self.fresh}, not {self.period} in a turn"
            )

    @property
    def ring_style(self) -> str | None:
        """Style of the memory, None where registers move on."""
        return None if self.fresh <= SHALLOW or self.style == "logic" else self.style

    @property
    def last_through(self) -> slice:
        """Inputs whose last beat of a frame is taken only as the last one that leaves is."""
        return slice(None) if self.period == self.fresh else slice(0)

    def departures(self, beats: int) -> int:
        """Return how many beats leave for `beats` that enter."""
        return beats // self.fresh * self.period

    def schedule(self, arrivals: Sequence[int]) -> list[int]:
        """Return the clocks on which beats leave, from those on which they arrive."""
        return schedule(self, arrivals)

    def create(self) -> "Replay":
        """Return the component."""
        return Replay(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Offer a fresh beat when it is there, any other at once; both leave as they are taken."""
        (i,), (o,) = inputs, outputs
        places = tuple(range(self.fresh)) + (NEVER,) * (self.period - self.fresh)
        offered = (After(o.taken, (-1,), delay=1), After(i.offered, places, self.fresh))
        taken = After(o.taken, tuple(range(self.fresh)), self.period)
        return [
            Recurrence(o.offered, self.departures(beats), offered),
            Recurrence(i.taken, beats, (taken,)),
        ]


class Replay(wiring.Component):
    """Send the first beats of a turn on, and then again.

    Members
    -------
    i : stream of beats
    o : stream of beats; fresh ones on the same clocks
    """

    def __init__(self, parameters: ReplayParameters):
        self.parameters = p = parameters
        super().__init__(
            {
                "i": In(stream.Signature(elements(p.lanes_in, p.bits, p.signed))),
                "o": Out(stream.Signature(elements(p.lanes_out, p.bits, p.signed))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        advance, fresh = Signal(), Signal(init=1)
        rounds = [("beat", p.fresh), ("turn", p.period // p.fresh)]
        (at, _), (end_of_round, end_of_turn) = nest(m, advance, rounds)
        if p.period > p.fresh:  # from a register: it chooses each bit
            with m.If(end_of_round):
                m.d.sync += fresh.eq(end_of_turn)
        beat = Signal.like(self.i.payload, name="leaving")
        if p.period > p.fresh:
            before = went_by(m, "ring", beat.as_value(), p.fresh, advance, p.ring_style, at)
        else:  # one element in all lanes
            before = Const(0)
        m.d.comb += [
            self.o.valid.eq(self.i.valid | ~fresh),
            self.i.ready.eq(self.o.ready & fresh),
            advance.eq(self.o.valid & self.o.ready),
            beat.as_value().eq(Mux(fresh, self.i.payload.as_value(), before)),
            self.o.payload.as_value().eq(beat.as_value().replicate(p.lanes_out // p.lanes_in)),
        ]
        return m
