"""First-in first-out queue."""

__all__ = ["DEEP", "Fifo", "FifoParameters"]

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.recurrence import After, Clocks, Recurrence, no_clocks
from hwgen_rtl_templates.streams import elements
from hwgen_rtl_templates.tables import added
from hwgen_rtl_templates.timing import Link, schedule

DEEP = 64  # beats; a deeper queue is a block RAM


@dataclass(frozen=True)
class FifoParameters:
    """A first-in first-out queue.

    lanes, bits, signed : shape of a beat
    depth : beats that it holds, at least 1; above `DEEP` in block RAM, and one more at its output
    shifts : whether a shallow one is registers that beats move through, and not a memory; where
        memories are registers, that takes fewer
    """

    lanes: int
    bits: int
    signed: bool
    depth: int
    shifts: bool = False

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise ValueError(f"Depth must be at least 1, not {self.depth}")

    @property
    def deep(self) -> bool:
        """Whether it is a block RAM."""
        return self.depth > DEEP

    @property
    def shifting(self) -> bool:
        """Whether it is registers that beats move through."""
        return self.depth == 1 or (self.shifts and not self.deep)

    @property
    def latency(self) -> int:
        """Clocks from a beat's entry to its first offer."""
        return 1 + self.deep

    def departures(self, beats: int) -> int:
        """Return how many beats leave for `beats` that enter."""
        return beats

    def schedule(self, arrivals: Sequence[int]) -> list[int]:
        """Return the clocks on which beats leave, from those on which they arrive."""
        return schedule(self, arrivals)

    def create(self) -> "Fifo":
        """Return the component."""
        return Fifo(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Pass beats on as long as there is room."""
        (i,), (o,) = inputs, outputs
        emitted = self.emit(i.taken, o, beats)
        assert o.left is not None
        accepted = (
            After(i.offered),
            After(i.taken, (-1,), delay=1),
            After(o.left, (-self.depth,), delay=1),
        )
        return [*emitted, Recurrence(i.taken, beats, accepted)]

    def emit(self, entered: Clocks, o: Link, beats: int) -> list[Recurrence]:
        """Describe how beats leave that enter on some clocks, when there is room for each."""
        left = no_clocks() if self.deep else o.taken
        o.entered, o.left = entered, left
        if not self.deep:
            return [Recurrence(o.offered, beats, (After(entered), After(o.taken, (-1,))), (1,))]
        return [
            Recurrence(left, beats, (After(entered, delay=1), After(o.taken, (-1,)))),
            Recurrence(o.offered, beats, (After(left),), (1,)),
        ]


class Fifo(wiring.Component):
    """First-in first-out queue: in registers that shift, on LUT memory read in the same clock, or
    on block RAM with the memory's own output register.

    Members
    -------
    i, o : streams of beats. `i.ready` is low only when the queue is full, and comes from
        registers, as does `o.valid`: a queue cuts both combinational paths.

    Latency is one clock, of a deep queue two.
    """

    def __init__(self, parameters: FifoParameters):
        self.parameters = parameters
        shape = elements(parameters.lanes, parameters.bits, parameters.signed)
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        if self.parameters.shifting:
            self._shift(m)
        else:
            self._go_round(m)
        return m

    def _shift(self, m: Module) -> None:
        """Move all beats on when one enters; the oldest is wherever `at` says."""
        depth = self.parameters.depth
        at = Signal(range(-1, depth), init=-1)  # below 0 when empty
        write, read = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(at != depth - 1),
            self.o.valid.eq(~at[-1]),
            write.eq(self.i.valid & self.i.ready),
            read.eq(self.o.valid & self.o.ready),
        ]
        m.d.sync += at.eq(added(at, read.as_signed(), write))
        entering = self.i.payload.as_value()
        words = [Signal(len(entering), name=f"word_{n}", reset_less=True) for n in range(depth)]
        with m.If(write):
            m.d.sync += [
                word.eq(before) for word, before in zip(words, (entering, *words[:-1]), strict=True)
            ]
        m.d.comb += self.o.payload.as_value().eq(_choose(words, at[:-1]))

    def _go_round(self, m: Module) -> None:
        """Drive the output from a memory that is written and read in a circle."""
        p = self.parameters
        level = Signal(range(p.depth + 1))
        write, read = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(level != p.depth),
            write.eq(self.i.valid & self.i.ready),
        ]
        m.d.sync += level.eq(added(level, read.as_signed(), write))
        if p.deep:
            held = Signal()  # whether the memory's output register holds a beat
            m.d.comb += [
                self.o.valid.eq(held),
                read.eq((level != 0) & (~held | self.o.ready)),
            ]
            m.d.sync += held.eq(read | (held & ~self.o.ready))
        else:
            m.d.comb += [
                self.o.valid.eq(level != 0),
                read.eq(self.o.valid & self.o.ready),
            ]
        m.submodules.storage = storage = memory.Memory(
            shape=unsigned(len(self.i.payload.as_value())),
            depth=p.depth,
            init=[],
            attrs={"ram_style": "block"} if p.deep else {},
        )
        writer = storage.write_port()
        reader = storage.read_port(domain="sync" if p.deep else "comb")
        write_at, read_at = (Signal(range(p.depth), name=f"{n}_at") for n in ("write", "read"))
        for at, advance in ((write_at, write), (read_at, read)):
            with m.If(advance):
                m.d.sync += at.eq(Mux(at == p.depth - 1, 0, at + 1))
        m.d.comb += [
            writer.addr.eq(write_at),
            writer.en.eq(write),
            writer.data.eq(self.i.payload.as_value()),
            reader.addr.eq(read_at),
            self.o.payload.as_value().eq(reader.data),
        ]
        if p.deep:
            m.d.comb += reader.en.eq(read)


def _choose(words: Sequence[Value], index: Value) -> Value:
    """Return the word at an index, by a tree of choices between two; anything past the last."""
    for bit in index:
        pairs = range(0, len(words), 2)
        words = [
            Mux(bit, words[n + 1], words[n]) if n + 1 < len(words) else words[n] for n in pairs
        ]
    return words[0]
