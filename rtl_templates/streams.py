"""Stream parts without storage of their own: width adapters and the fork."""

__all__ = [
    "Fork",
    "ForkParameters",
    "Narrow",
    "NarrowParameters",
    "Widen",
    "WidenParameters",
    "beats_per_pixel",
    "count_inside",
    "delayed",
    "elements",
    "gather",
    "of_lane",
    "range_shape",
    "unit_ports",
]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.recurrence import After, Recurrence
from hwgen_rtl_templates.timing import Link, schedule

T = TypeVar("T")


def delayed(m: Module, clocks: int, **flags: Value) -> list[Value]:
    """Return values so many clocks later, from registers `NAME_0`, `NAME_1` and so on, which reset
    clears."""
    values = list(flags.values())
    for stage in range(clocks):
        later = [
            Signal(Value.cast(value).shape(), name=f"{name}_{stage}")
            for name, value in zip(flags, values, strict=True)
        ]
        m.d.sync += [a.eq(b) for a, b in zip(later, values, strict=True)]
        values = later
    return values


def count_inside(m: Module, count: Signal, enters: Value, leaves: Value) -> None:
    """Count what has entered and not left."""
    with m.If(enters != leaves):
        m.d.sync += count.eq(Mux(enters, count + 1, count - 1))


def elements(lanes: int, bits: int, is_signed: bool) -> data.ArrayLayout:
    """Return the payload shape of a beat: `lanes` elements of `bits` bits."""
    return data.ArrayLayout(signed(bits) if is_signed else unsigned(bits), lanes)


def unit_ports(lanes: int, x: Shape, y: Shape) -> dict[str, wiring.Member]:
    """Return the ports of a unit that makes of each beat of `lanes` elements another, and never
    stalls."""
    shapes = {"i": (In, x), "o": (Out, y)}
    return {
        name: flow(stream.Signature(elements(lanes, of.width, of.signed), always_ready=True))
        for name, (flow, of) in shapes.items()
    }


def range_shape(lo: int, hi: int) -> Shape:
    """Return the shape of integers of a range, and of 0."""
    return Shape.cast(range(min(lo, 0), max(hi, 0) + 1))


def of_lane(values: Sequence[T], lane: int, lanes: int, beats: int) -> tuple[T, ...]:
    """Return the values of the channels that pass one lane, a beat after the other; beyond the last
    channel one that the lane has anyway.

    Parameters
    ----------
    values : one a channel, or one for all
    beats : of a pixel that have values of their own; 1 where one value serves all channels
    """
    if beats == 1:
        return (values[lane if len(values) > lane else 0],)
    own = tuple(values[lane::lanes])
    return own + own[:1] * (beats - len(own))


def beats_per_pixel(channels: int, lanes: int) -> int:
    """Return how many beats carry one pixel; the last may be partly filled."""
    return -(-channels // lanes)


@dataclass(frozen=True)
class WidenParameters:
    """Several narrow beats of a pixel become one wide beat.

    channels : of the pixel
    lanes_in, lanes_out : `lanes_in` divides `lanes_out`, which divides `channels`; or `lanes_out`
        is `channels`, and the last beat of the pixel may be partly filled
    bits, signed : of an element
    """

    channels: int
    lanes_in: int
    lanes_out: int
    bits: int
    signed: bool

    name = "widen"  # of the instance

    def __post_init__(self) -> None:
        whole = self.lanes_out == self.channels
        even = self.lanes_out % self.lanes_in == 0 and self.channels % self.lanes_out == 0
        if not (whole or even):
            raise ValueError(
                f"Lanes must divide each other and the {self.channels} channels, or leave as one "
                f"whole pixel, not widen from {self.lanes_in} to {self.lanes_out}"
            )

    @property
    def gathered(self) -> int:
        """Beats that make one wide beat."""
        return beats_per_pixel(self.lanes_out, self.lanes_in)

    def departures(self, beats: int) -> int:
        """Return how many beats leave for `beats` that enter."""
        return beats // self.gathered

    def schedule(self, arrivals: Sequence[int]) -> list[int]:
        """Return the clocks on which beats leave, from those on which they arrive."""
        return schedule(self, arrivals)

    def create(self) -> "Widen":
        """Return the component."""
        return Widen(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Take `beats` beats; offer a wide one the clock after its last part."""
        return gather(*inputs, *outputs, beats, self.gathered)


def gather(i: Link, o: Link, beats: int, parts: int) -> list[Recurrence]:
    """Describe how each `parts` beats are taken, and one offered the clock after the last of them;
    the next may enter as that one leaves."""
    entry = (
        After(i.offered),
        After(i.taken, (-1,), delay=1),
        After(o.taken, (-1,) * parts),
    )
    return [
        Recurrence(i.taken, beats, entry),
        Recurrence(o.offered, beats // parts, (After(i.taken, (parts - 1,), parts),), (1,)),
    ]


class Widen(wiring.Component):
    """Gather beats of a pixel into wider ones.

    Members
    -------
    i : stream of `lanes_in` elements
    o : stream of `lanes_out` elements

    Latency is one clock from the last part; a part may enter on the clock on which the previous
    wide beat leaves.
    """

    def __init__(self, parameters: WidenParameters):
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
        part, full = Signal(range(p.gathered)), Signal()
        width = p.lanes_in * p.bits
        word = Signal(p.gathered * width, reset_less=True)
        m.d.comb += [
            self.i.ready.eq(~full | self.o.ready),
            self.o.valid.eq(full),
            self.o.payload.as_value().eq(word),
        ]
        with m.If(self.o.ready):
            m.d.sync += full.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += word.eq(Cat(word, self.i.payload.as_value())[width:])
            with m.If(part == p.gathered - 1):
                m.d.sync += [part.eq(0), full.eq(1)]
            with m.Else():
                m.d.sync += part.eq(part + 1)
        return m


@dataclass(frozen=True)
class NarrowParameters:
    """One wide beat of a pixel becomes several narrow ones.

    channels : of the pixel
    lanes_in, lanes_out : `lanes_out` divides `lanes_in`, or a beat is a whole pixel. Narrow beats
        beyond the last channel are not sent.
    bits, signed : of an element
    """

    channels: int
    lanes_in: int
    lanes_out: int
    bits: int
    signed: bool

    name = "narrow"  # of the instance

    def __post_init__(self) -> None:
        if self.lanes_in % self.lanes_out and self.lanes_in < self.channels:
            raise ValueError(
                f"Number of outgoing lanes must divide the {self.lanes_in} incoming ones, unless "
                f"these hold all {self.channels} channels, not be {self.lanes_out}"
            )

    @property
    def pieces(self) -> tuple[int, ...]:
        """Narrow beats that each wide beat of a pixel becomes."""
        groups = beats_per_pixel(self.channels, self.lanes_in)
        rest = self.channels - (groups - 1) * self.lanes_in
        full = beats_per_pixel(self.lanes_in, self.lanes_out)
        return (full,) * (groups - 1) + (beats_per_pixel(rest, self.lanes_out),)

    def departures(self, beats: int) -> int:
        """Return how many beats leave for the `beats` of whole pixels that enter."""
        return beats // len(self.pieces) * sum(self.pieces)

    def schedule(self, arrivals: Sequence[int]) -> list[int]:
        """Return the clocks on which beats leave, from those on which they arrive."""
        return schedule(self, arrivals)

    def create(self) -> "Narrow":
        """Return the component."""
        return Narrow(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Take `beats` wide beats; the next may enter as the last piece leaves."""
        (i,), (o,) = inputs, outputs
        pieces = self.pieces
        sent = sum(pieces)
        before = tuple(sum(pieces[:n]) - 1 for n in range(len(pieces)))
        of = tuple(n for n, count in enumerate(pieces) for _ in range(count))
        entry = (After(i.offered), After(o.taken, before, sent))
        leave = (After(i.taken, of, len(pieces)), After(o.taken, (-1,)))
        return [
            Recurrence(i.taken, beats, entry),
            Recurrence(o.offered, self.departures(beats), leave, (1,)),
        ]


class Narrow(wiring.Component):
    """Send a wide beat of a pixel as several narrow ones, lowest channels first.

    Members
    -------
    i : stream of `lanes_in` elements
    o : stream of `lanes_out` elements

    Latency is one clock; a beat may enter on the clock on which the last piece of the previous
    one leaves, so that no clock is lost between them.
    """

    def __init__(self, parameters: NarrowParameters):
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
        pieces = p.pieces
        left = Signal(range(max(pieces) + 1))  # pieces still to be sent
        group = Signal(range(len(pieces)))
        width = p.lanes_out * p.bits
        word = Signal(max(pieces) * width, reset_less=True)
        accept = Signal()
        m.d.comb += [
            self.i.ready.eq((left == 0) | ((left == 1) & self.o.ready)),
            self.o.valid.eq(left != 0),
            self.o.payload.as_value().eq(word[:width]),
            accept.eq(self.i.valid & self.i.ready),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [left.eq(left - 1), word.eq(word >> width)]
        with m.If(accept):
            m.d.sync += [
                word.eq(self.i.payload.as_value()),
                left.eq(Mux(group == len(pieces) - 1, pieces[-1], pieces[0])),
                group.eq(Mux(group == len(pieces) - 1, 0, group + 1)),
            ]
        return m


@dataclass(frozen=True)
class ForkParameters:
    """One stream becomes several alike.

    lanes, bits, signed : shape of a beat
    branches : how many
    """

    lanes: int
    bits: int
    signed: bool
    branches: int

    def departures(self, beats: int) -> int:
        """Return how many beats leave on each branch."""
        return beats

    def create(self) -> "Fork":
        """Return the component."""
        return Fork(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Offer each beat to every branch at once; it is taken when the last branch took it."""
        (i,) = inputs
        return [
            *(Recurrence(o.offered, beats, (After(i.offered),)) for o in outputs),
            Recurrence(i.taken, beats, tuple(After(o.taken) for o in outputs)),
        ]


class Fork(wiring.Component):
    """Send each beat down every branch; a branch that took it does not wait for the others.

    Members
    -------
    i : stream of beats
    o_0, o_1, ... : the same beats
    """

    def __init__(self, parameters: ForkParameters):
        self.parameters = p = parameters
        beat = stream.Signature(elements(p.lanes, p.bits, p.signed))
        super().__init__({"i": In(beat), **{f"o_{n}": Out(beat) for n in range(p.branches)}})

    def elaborate(self, platform):
        m = Module()
        branches = [getattr(self, f"o_{n}") for n in range(self.parameters.branches)]
        done = Signal(len(branches))
        took = Signal(len(branches))
        for n, o in enumerate(branches):
            m.d.comb += [
                o.payload.eq(self.i.payload),
                o.valid.eq(self.i.valid & ~done[n]),
                took[n].eq(done[n] | o.ready),
            ]
        m.d.comb += self.i.ready.eq(took.all())
        with m.If(self.i.valid):
            m.d.sync += done.eq(Mux(took.all(), 0, took))
        return m
