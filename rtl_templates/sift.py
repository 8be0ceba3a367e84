"""Sift: a stream whose order stays, some beats left out, some repeated, constants between them."""

__all__ = ["Sift", "SiftParameters", "Step"]

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from hwgen_rtl_templates.fifo import Fifo, FifoParameters
from hwgen_rtl_templates.patterns import Pattern, looked_up
from hwgen_rtl_templates.recurrence import NEVER, After, Recurrence, no_clocks
from hwgen_rtl_templates.streams import elements
from hwgen_rtl_templates.tables import nest
from hwgen_rtl_templates.timing import Link, schedule


class Step(NamedTuple):
    """What is done on a clock on which nothing stalls.

    word : that waits at the input
    emits, takes : whether a beat leaves, and whether the word is gone afterwards
    constant : whether what leaves is the constant
    waits : whether the word must be there
    """

    word: int
    emits: bool
    takes: bool
    constant: bool
    waits: bool


@dataclass(frozen=True)
class SiftParameters:
    """Beats that leave in the order of the words that they are made of.

    words : of a frame that enters
    order : for each beat of a frame that leaves, the word that it is made of, none before the one
        of the beat before; -1 where it is the constant
    word : elements of a word
    taps : for each lane that leaves, the element of the word, or -1 for the constant
    loops : extents of nested loops over the steps of a frame, the outermost first; None for one
    bits, signed : of an element
    value : the constant
    """

    words: int
    order: tuple[int, ...]
    word: int
    taps: tuple[int, ...]
    bits: int
    signed: bool
    value: int = 0
    loops: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        real = [place for place in self.order if place >= 0]
        if any(a > b for a, b in zip(real, real[1:], strict=False)):
            raise ValueError("Order must not go back; a Rearrange can")
        if real and real[-1] >= self.words or max(self.taps) >= self.word:
            raise ValueError(f"Order must lie in the {self.words} words of {self.word} elements")
        if prod(self.extents) != len(self.steps):
            raise ValueError(f"Loops must have {len(self.steps)} turns in all, not {self.extents}")

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
        """Turns of the loops over the steps."""
        return self.loops or (len(self.steps),)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """What is done in a frame, step after step."""
        uses = [(n, place) for n, place in enumerate(self.order) if place >= 0]
        last_use = {place: n for n, place in uses}
        found: list[Step] = []
        word, begun = 0, False  # the next word, and whether one of the frame has gone
        for n, place in enumerate(self.order):
            if place < 0:
                found.append(Step(word, True, False, True, not begun))
                continue
            for unused in range(word, place):
                found.append(Step(unused, False, True, False, True))
            takes = last_use[place] == n
            found.append(Step(place, True, takes, False, True))
            word = place + takes
            begun = begun or word > 0
        found += [Step(unused, False, True, False, True) for unused in range(word, self.words)]
        return tuple(found)

    @property
    def wires(self) -> bool:
        """Whether every word becomes one beat, so that there is nothing to be done."""
        return self.order == tuple(range(self.words))

    def pattern(self, what: str) -> Pattern:
        """Return one field of the steps."""
        return Pattern(self.extents, tuple(int(getattr(step, what)) for step in self.steps))

    @cached_property
    def patterns(self) -> tuple[Pattern, ...]:
        """All that is looked up."""
        return tuple(self.pattern(what) for what in ("emits", "takes", "constant"))

    @property
    def leads(self) -> bool:
        """Whether constants come before the first word."""
        return any(step.constant and step.waits for step in self.steps)

    @cached_property
    def fifo(self) -> FifoParameters | None:
        """A queue behind, where words are left when a frame's last beat leaves: it may have to wait
        for them to be taken."""
        if self.steps[-1].emits:
            return None
        return FifoParameters(self.lanes, self.bits, self.signed, 2, shifts=True)

    @property
    def last_through(self) -> slice:
        """Inputs whose last beat of a frame is taken only as the last one that leaves is."""
        return slice(None) if self.fifo is None and self.steps[-1].takes else slice(0)

    @property
    def busy(self) -> int:
        """Clocks of a frame on which it works."""
        return len(self.steps)

    def departures(self, beats: int) -> int:
        """Return how many beats leave for the `beats` of whole frames that enter."""
        return beats // self.words * len(self.order)

    def schedule(self, arrivals: Sequence[int]) -> list[int]:
        """Return the clocks on which beats leave, from those on which they arrive."""
        return schedule(self, arrivals)

    def create(self) -> "Sift":
        """Return the component."""
        return Sift(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Go on to the next step when its word is there, if it waits for one, and its beat is
        taken, if it emits one."""
        (i,), (o,) = inputs, outputs
        count = self.departures(beats)
        if self.wires:
            return [
                Recurrence(o.offered, count, (After(i.offered),)),
                Recurrence(i.taken, beats, (After(o.taken),)),
            ]
        frames, steps = beats // self.words, self.steps
        done, entered = no_clocks(), no_clocks()
        words = [step.word if step.waits else NEVER for step in steps]
        emitting = [n for n, step in enumerate(steps) if step.emits]
        taking = [n for n, step in enumerate(steps) if step.takes]
        beat = iter(range(len(emitting)))
        beats_of = [next(beat) if step.emits else NEVER for step in steps]
        stepped = (After(i.offered, words, self.words), After(done, (-1,), delay=1))
        if self.fifo:
            room = After(o.taken, [n - self.fifo.depth for n in beats_of], len(emitting), 1)
            behind = [
                Recurrence(entered, count, (After(done, emitting, len(steps)),)),
                *self.fifo.emit(entered, o, count),
            ]
        else:
            room = After(o.taken, beats_of, len(emitting))
            offered = (
                After(i.offered, [words[n] for n in emitting], self.words),
                After(done, [n - 1 for n in emitting], len(steps), 1),
            )
            behind = [Recurrence(o.offered, count, offered)]
        return [
            *behind,
            Recurrence(done, frames * len(steps), (*stepped, room)),
            Recurrence(i.taken, beats, (After(done, taking, len(steps)),)),
        ]


class Sift(wiring.Component):
    """A stream of some beats of another, in their order.

    Members
    -------
    i : stream of words
    o : stream of beats

    There is no memory but a short queue where a frame ends with words of which nothing is wanted: a
    word waits at the input until its last beat has left, and one of which nothing is wanted is
    taken at once. Constants before a frame's first word wait for it, so that no frame begins that
    has not come.
    """

    def __init__(self, parameters: SiftParameters):
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
        go = Signal()
        constant: Value = Const(0)
        o = self.o
        if p.fifo:
            m.submodules.fifo = fifo = Fifo(p.fifo)
            connect(m, fifo.o, wiring.flipped(self.o))
            o = fifo.i
        if p.wires:
            m.d.comb += [o.valid.eq(self.i.valid), self.i.ready.eq(o.ready)]
        else:
            loops = [(f"loop_{n}", extent) for n, extent in enumerate(p.extents)]
            counters, ends = nest(m, go, loops[::-1])
            emits, takes, constant = (
                looked_up(m, counters[::-1], pattern, name).bool()
                for pattern, name in zip(p.patterns, ("emits", "takes", "constant"), strict=True)
            )
            there = self.i.valid | (constant & self._begun(m, ends[-1]))
            m.d.comb += [
                o.valid.eq(emits & there),
                self.i.ready.eq(takes & (~emits | o.ready)),
                go.eq(there & (~emits | o.ready)),
            ]
        for lane, tap in enumerate(p.taps):
            given = Const(p.value, p.bits) if tap < 0 else self.i.payload[tap]
            m.d.comb += o.payload[lane].eq(Mux(constant, Const(p.value, p.bits), given))
        return m

    def _begun(self, m: Module, frame_end: Value) -> Value:
        """Return whether a word of the frame has come, where that matters."""
        if not self.parameters.leads:
            return Const(1)
        begun = Signal()
        with m.If(frame_end):
            m.d.sync += begun.eq(0)
        with m.Elif(self.i.valid & self.i.ready):
            m.d.sync += begun.eq(1)
        return begun
