"""Rearrange: a stream in any other order, through a ring of words."""

__all__ = ["Rearrange", "RearrangeParameters"]

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np
import numpy.typing as npt
from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from hwgen_rtl_templates.fifo import Fifo, FifoParameters
from hwgen_rtl_templates.patterns import Pattern, looked_up
from hwgen_rtl_templates.recurrence import After, Recurrence, no_clocks
from hwgen_rtl_templates.streams import delayed, elements
from hwgen_rtl_templates.tables import added, nest
from hwgen_rtl_templates.timing import Link, schedule

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RearrangeParameters:
    """Beats that leave in any order of the words that they are made of.

    words : of a frame that enters
    order : for each beat of a frame that leaves, the word that it is made of, or -1 where it is the
        constant
    word : elements of a word
    taps : for each lane that leaves, the element of the word, or -1 for the constant
    bits, signed : of an element
    value : the constant
    loops : extents of nested loops over the beats of a frame, the outermost first; None for one
    ring : words of the memory, a power of two; None for `least_ring`
    style : "block" or "distributed" memory, or "logic"; None leaves it to synthesis
    depth : beats of the queue behind; from three on it holds nothing up
    shifts : whether the queue is registers that shift
    """

    words: int
    order: tuple[int, ...]
    word: int
    taps: tuple[int, ...]
    bits: int
    signed: bool
    value: int = 0
    loops: tuple[int, ...] | None = None
    ring: int | None = None
    style: str | None = None
    depth: int = 3
    shifts: bool = False

    latency = 1  # clocks from a command to the queue

    def __post_init__(self) -> None:
        if max(self.order) >= self.words or max(self.taps) >= self.word:
            raise ValueError(f"Order must lie in the {self.words} words of {self.word} elements")
        if prod(self.extents) != len(self.order):
            raise ValueError(f"Loops must have {len(self.order)} turns in all, not {self.extents}")
        if self.ring and (self.ring & (self.ring - 1) or self.ring < self.least_ring):
            raise ValueError(
                f"Ring must be a power of two of at least {self.least_ring}, not {self.ring}"
            )

    @property
    def lanes(self) -> int:
        """Elements of a beat that leaves."""
        return len(self.taps)

    @property
    def element(self) -> tuple[int, bool]:
        """(bits, signed) of an output element."""
        return self.bits, self.signed

    @property
    def extents(self) -> tuple[int, ...]:
        """Turns of the loops over the beats."""
        return self.loops or (len(self.order),)

    @cached_property
    def needed(self) -> Indices:
        """Words of the frame that must be there for each beat: as many as for all before it, and
        the first one for any."""
        return np.maximum.accumulate(np.array(self.order, dtype=np.int64).clip(0)) + 1

    @cached_property
    def freed(self) -> Indices:
        """Words of the frame that no beat after each one is made of."""
        order = np.array(self.order, dtype=np.int64)
        later = np.append(np.where(order < 0, self.words, order)[1:], self.words)
        found: Indices = np.minimum.accumulate(later[::-1])[::-1]
        return found

    @cached_property
    def advances(self) -> Pattern:
        """Words that the beat after each one needs beyond those that it does."""
        after = np.append(self.needed[1:], self.needed[0] + self.words)
        return Pattern(self.extents, tuple((after - self.needed).tolist()))

    @cached_property
    def releases(self) -> Pattern:
        """Words that are free with each beat, less one."""
        return Pattern(self.extents, tuple((np.diff(self.freed, prepend=0) - 1).tolist()))

    @cached_property
    def places(self) -> Indices:
        """Where each beat is read; of a constant, where the one before it was."""
        order = np.array(self.order, dtype=np.int64)
        known = np.maximum.accumulate(np.where(order < 0, -1, np.arange(order.size)))
        first = order[order >= 0][:1].sum()  # 0 where there is none
        found: Indices = np.where(known < 0, first, order[known])
        return found

    @cached_property
    def moves(self) -> Pattern:
        """How far it is from where each beat is read to where the next one is, in the ring."""
        after = np.append(self.places[1:], self.places[0] + self.words)
        return Pattern(self.extents, tuple(((after - self.places) % self.memory).tolist()))

    @cached_property
    def constants(self) -> Pattern:
        """Which beats are the constant."""
        return Pattern(self.extents, tuple(int(place < 0) for place in self.order))

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """All that is looked up."""
        return self.advances, self.releases, self.moves, self.constants

    @cached_property
    def least_ring(self) -> int:
        """Words of a ring, a power of two, that has room for what each beat needs before the words
        are free that those before it were made of."""
        before = np.append(0, self.freed[:-1])
        return 1 << max(1, (int((self.needed - before).max()) - 1).bit_length())

    @property
    def memory(self) -> int:
        """Words of the ring."""
        return self.ring or self.least_ring

    @property
    def skipped(self) -> int:
        """Words at most that are freed before they are written."""
        return max(0, int((self.freed - self.needed).max()))

    @property
    def ahead_range(self) -> range:
        """Words written beyond those that the next beat needs: least and most."""
        before = np.append(0, self.freed[:-1])
        most = self.memory + int((before - self.needed).max())
        return range(-max(int(self.needed[0]), *self.advances.values), max(most, 0) + 1)

    @cached_property
    def fifo(self) -> FifoParameters:
        """The queue behind."""
        return FifoParameters(self.lanes, *self.element, self.depth, self.shifts)

    @property
    def busy(self) -> int:
        """Clocks of a frame on which it works."""
        return max(self.words, len(self.order))

    def at_full_rate(self) -> "RearrangeParameters":
        """Return it with the smallest ring that leaves its busier side no idle clock."""
        found = self
        while found.memory < 2 * self.words:
            departures = found.schedule([0] * (4 * self.words))
            if departures[-1] - departures[-1 - len(self.order)] <= self.busy:
                break
            found = replace(found, ring=2 * found.memory)
        return found

    def departures(self, beats: int) -> int:
        """Return how many beats leave for the `beats` of whole frames that enter."""
        return beats // self.words * len(self.order)

    def schedule(self, arrivals: Sequence[int]) -> list[int]:
        """Return the clocks on which beats leave, from those on which they arrive."""
        return schedule(self, arrivals)

    def create(self) -> "Rearrange":
        """Return the component."""
        return Rearrange(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Take a word when there is room, read a beat when its words are there and the queue has
        room."""
        (i,), (o,) = inputs, outputs
        count, length = self.departures(beats), len(self.order)
        issued, entered = no_clocks(), no_clocks()
        frames, words = np.divmod(np.arange(self.words) - self.memory, self.words)
        freeing = frames * length + np.searchsorted(self.freed, words, side="right")
        taken = (
            After(i.offered),
            After(i.taken, (-1,), delay=1),
            After(issued, freeing.tolist(), length, 1),
        )
        issue = (
            After(issued, (-1,), delay=1),
            After(i.taken, (self.needed - 1).tolist(), self.words, 1),
            After(o.taken, (-self.depth,), delay=1),
        )
        return [
            Recurrence(i.taken, beats, taken),
            Recurrence(issued, count, issue),
            Recurrence(entered, count, (After(issued),), (self.latency,)),
            *self.fifo.emit(entered, o, count),
        ]


class Rearrange(wiring.Component):
    """A stream in another order.

    Members
    -------
    i : stream of words
    o : stream of beats

    Words enter a ring. A beat is read as soon as all words are there that it and those before it
    are made of, and the queue behind has a place; with it those words are free that no later beat
    of the frame is made of. Both conditions are the sign of a counter, as in the `Sequencer`.
    """

    def __init__(self, parameters: RearrangeParameters):
        self.parameters = p = parameters
        super().__init__(
            {
                "i": In(stream.Signature(elements(p.word, p.bits, p.signed))),
                "o": Out(stream.Signature(elements(p.lanes, p.bits, p.signed))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        go, written = Signal(), Signal()
        loops = [(f"loop_{n}", extent) for n, extent in enumerate(p.extents)]
        counters = nest(m, go, loops[::-1])[0][::-1]
        names = ("advance", "release", "move", "constant")
        advance, release, move, constant = (
            looked_up(m, counters, pattern, name)
            for pattern, name in zip(p.patterns, names, strict=True)
        )
        room = Signal(range(-1, p.memory + p.skipped), init=p.memory - 1)  # free words less one
        ahead = Signal(p.ahead_range, init=-int(p.needed[0]))
        credit = Signal(range(-1, p.depth), init=p.depth - 1)  # free places less one
        returned = self.o.valid & self.o.ready
        m.d.comb += [
            self.i.ready.eq(~room[-1]),
            written.eq(self.i.valid & self.i.ready),
            go.eq(~ahead[-1] & ~credit[-1]),
        ]
        m.d.sync += [
            room.eq(added(room, Mux(go, release, Const(-1, signed(1))), ~written)),
            ahead.eq(added(ahead, Mux(go, -advance, 0), written)),
            credit.eq(added(credit, go.as_signed(), returned)),
        ]
        word = self._memory(m, written, go, move)
        (entering,) = delayed(m, self.parameters.latency, entering=go)
        m.submodules.fifo = fifo = Fifo(p.fifo)
        connect(m, fifo.o, wiring.flipped(self.o))
        held = Signal(reset_less=True)
        m.d.sync += held.eq(constant)
        m.d.comb += fifo.i.valid.eq(entering)
        for lane, tap in enumerate(p.taps):
            fixed = Const(p.value, p.bits)
            read = fixed if tap < 0 else word.word_select(tap, p.bits)
            m.d.comb += (
                fifo.i.payload.as_value()
                .word_select(lane, p.bits)
                .eq(Mux(held, fixed, read) if p.constants.axes else read)
            )
        return m

    def _memory(self, m: Module, written: Value, go: Value, move: Value) -> Value:
        """Return the word that is read with each command, a clock later."""
        p = self.parameters
        m.submodules.memory = storage = memory.Memory(
            shape=unsigned(p.word * p.bits),
            depth=p.memory,
            init=[],
            attrs={"no_rw_check": 1, **({"ram_style": p.style} if p.style else {})},
        )
        write, read = storage.write_port(), storage.read_port()
        writer_at = Signal(range(p.memory))
        reader_at = Signal(range(p.memory), init=int(p.places[0]) % p.memory)
        with m.If(go):
            m.d.sync += reader_at.eq(reader_at + move)
        m.d.sync += writer_at.eq(writer_at + written)
        m.d.comb += [
            write.addr.eq(writer_at),
            write.en.eq(written),
            write.data.eq(self.i.payload.as_value()),
            read.addr.eq(reader_at),
        ]
        return read.data
