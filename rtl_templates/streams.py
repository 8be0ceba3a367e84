"""Stream parts: FIFO, and the two width adapters."""

__all__ = [
    "Fifo",
    "FifoParameters",
    "Narrow",
    "NarrowParameters",
    "Widen",
    "WidenParameters",
    "beats_per_pixel",
    "elements",
]

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.timing import Link, Process, schedule


def elements(lanes: int, bits: int, is_signed: bool) -> data.ArrayLayout:
    """Return the payload shape of a beat: `lanes` elements of `bits` bits."""
    return data.ArrayLayout(signed(bits) if is_signed else unsigned(bits), lanes)


def beats_per_pixel(channels: int, lanes: int) -> int:
    """Return how many beats carry one pixel; the last may be partly filled."""
    return -(-channels // lanes)


@dataclass(frozen=True)
class FifoParameters:
    """A first-in first-out queue.

    lanes, bits, signed : shape of a beat
    depth : beats that it holds, at least 1
    """

    lanes: int
    bits: int
    signed: bool
    depth: int

    latency = 1  # clocks from a beat's entry to its first offer

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise ValueError(f"Depth must be at least 1, not {self.depth}")

    def schedule(self, arrivals: Sequence[int]) -> list[int]:
        """Return the clocks on which beats leave, from those on which they arrive."""
        return schedule(lambda i, o: self.processes(i, o, len(arrivals)), arrivals, len(arrivals))

    def processes(self, i: Link, o: Link, beats: int) -> list[Process]:
        """Pass beats on, each a clock after it came, as long as there is room."""

        def accept() -> Process:
            for n in range(beats):
                while len(i.offered) <= n or len(o.taken) <= n - self.depth:
                    yield
                room = o.taken[n - self.depth] + 1 if n >= self.depth else 0
                i.taken.append(max(i.offered[n], room, i.taken[-1] + 1 if n else 0))

        return [accept(), offer(i.taken, o, beats)]


def offer(entered: Sequence[int], o: Link, beats: int) -> Process:
    """Offer each beat the clock after it entered a queue, and after the one before it left."""
    for n in range(beats):
        while len(entered) <= n or len(o.taken) < n:
            yield
        o.offered.append(max(entered[n] + 1, o.taken[n - 1] + 1 if n else 0))


class Fifo(wiring.Component):
    """First-in first-out queue on LUT memory, read in the same clock.

    Members
    -------
    i, o : streams of beats. `i.ready` is low only when the queue is full, and comes from
        registers, as does `o.valid`: a FIFO cuts both combinational paths.

    Latency is one clock.
    """

    def __init__(self, parameters: FifoParameters):
        self.parameters = parameters
        shape = elements(parameters.lanes, parameters.bits, parameters.signed)
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        depth = self.parameters.depth
        level = Signal(range(depth + 1))
        write, read = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(level != depth),
            self.o.valid.eq(level != 0),
            write.eq(self.i.valid & self.i.ready),
            read.eq(self.o.valid & self.o.ready),
        ]
        m.d.sync += level.eq(level + write - read)
        if depth == 1:
            word = Signal.like(self.i.payload, reset_less=True)
            m.d.comb += self.o.payload.eq(word)
            with m.If(write):
                m.d.sync += word.eq(self.i.payload)
            return m

        width = Shape.cast(self.i.payload.shape()).width
        m.submodules.storage = storage = memory.Memory(shape=unsigned(width), depth=depth, init=[])
        writer, reader = storage.write_port(), storage.read_port(domain="comb")
        for port, advance in ((writer, write), (reader, read)):
            with m.If(advance):
                m.d.sync += port.addr.eq(Mux(port.addr == depth - 1, 0, port.addr + 1))
        m.d.comb += [
            writer.en.eq(write),
            writer.data.eq(self.i.payload.as_value()),
            self.o.payload.as_value().eq(reader.data),
        ]
        return m


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

    def schedule(self, arrivals: Sequence[int]) -> list[int]:
        """Return the clocks on which beats leave, from those on which they arrive."""
        beats = len(arrivals)
        return schedule(lambda i, o: [self.process(i, o, beats)], arrivals, beats // self.gathered)

    def process(self, i: Link, o: Link, beats: int) -> Process:
        """Take `beats` beats; offer a wide one the clock after its last part."""
        for n in range(beats):
            out, part = divmod(n, self.gathered)
            while len(i.offered) <= n or (part == 0 and len(o.taken) < out):
                yield
            clock = max(i.offered[n], i.taken[-1] + 1 if n else 0)
            if part == 0 and out:
                clock = max(clock, o.taken[out - 1])
            i.taken.append(clock)
            if part == self.gathered - 1:
                o.offered.append(clock + 1)


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

    def schedule(self, arrivals: Sequence[int]) -> list[int]:
        """Return the clocks on which beats leave, from those on which they arrive."""
        pieces = self.pieces
        beats = len(arrivals) // len(pieces) * sum(pieces)
        return schedule(lambda i, o: [self.process(i, o, len(arrivals))], arrivals, beats)

    def process(self, i: Link, o: Link, beats: int) -> Process:
        """Take `beats` wide beats; the next may enter as the last piece leaves."""
        pieces = self.pieces
        for n in range(beats):
            sent = len(o.offered)
            while len(i.offered) <= n or len(o.taken) < sent:
                yield
            clock = max(i.offered[n], o.taken[-1]) if sent else i.offered[n]
            i.taken.append(clock)
            clock += 1
            for _ in range(pieces[n % len(pieces)]):
                while len(o.taken) < len(o.offered):
                    yield
                if o.taken:
                    clock = max(clock, o.taken[-1] + 1)
                o.offered.append(clock)


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
