"""Words of a bus: a frame's elements one behind the other, whatever a beat inside holds.

Element n of a frame is in bits [n*slot, (n+1)*slot) of its words, pixels row by row and the
channels of each innermost; the last word is filled up with zeros. So a frame lies in memory in the
same way whatever the width of a word is, lowest byte first.
"""

__all__ = ["Pack", "PackParameters", "Unpack", "UnpackParameters", "WordLayout"]

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd, lcm

import numpy as np
from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.recurrence import After, Recurrence
from hwgen_rtl_templates.streams import elements
from hwgen_rtl_templates.tables import nest
from hwgen_rtl_templates.timing import Link, schedule


@dataclass(frozen=True)
class WordLayout:
    """How elements lie in words.

    width : bits of a word
    padded : whether each element takes 1, 2, 4 or 8 bytes, sign and all; otherwise they are dense
    """

    width: int
    padded: bool

    def slot(self, bits: int) -> int:
        """Return the bits that an element of so many bits takes."""
        return max(8, 1 << (bits - 1).bit_length()) if self.padded else bits


@dataclass(frozen=True)
class _Regrouping:
    """Between beats and words.

    lanes, bits, signed : of a beat of elements
    channels, pixels : of a frame; several pixels share a beat where lanes are more than channels
    width, slot : bits of a word, and those that an element takes of words
    """

    lanes: int
    bits: int
    signed: bool
    channels: int
    pixels: int
    width: int
    slot: int

    @property
    def frame_bits(self) -> int:
        """Bits of a frame in words."""
        return self.channels * self.pixels * self.slot

    @property
    def words(self) -> int:
        """Words of a frame."""
        return -(-self.frame_bits // self.width)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Bits of words that each beat of a pixel is, or each beat where several share one."""
        rest = self.channels % self.lanes if self.lanes < self.channels else 0
        whole = (self.lanes * self.slot,) * max(1, self.channels // self.lanes)
        return (*whole, rest * self.slot) if rest else whole

    @property
    def beats(self) -> int:
        """Beats of a frame."""
        return self.frame_bits // sum(self.chunks) * len(self.chunks)

    @property
    def wires(self) -> bool:
        """Whether a beat is a word."""
        return set(self.chunks) == {self.width}

    @property
    def last_through(self) -> slice:
        """Inputs whose last beat of a frame is taken only as the last one that leaves is."""
        return slice(None) if self.wires else slice(0)

    @property
    def period(self) -> int:
        """Bits after which beats and words stand to one another as at first."""
        turn = lcm(sum(self.chunks), self.width)
        return self.frame_bits if self.frame_bits % turn else turn

    @cached_property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each beat and each word of a period ends, in bits of words."""
        turns = self.period // sum(self.chunks)
        beats = np.cumsum(np.tile(np.array(self.chunks, np.int64), turns))
        words = np.arange(1, -(-self.period // self.width) + 1, dtype=np.int64) * self.width
        return beats, words

    @property
    def sides(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each chunk ends that enters, and each that leaves, of a period."""
        raise NotImplementedError

    @property
    def counts(self) -> tuple[int, int]:
        """Chunks of a frame that enter, and that leave."""
        raise NotImplementedError

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where chunks that enter find their place behind what is there, in bits."""
        enter, leave = self.sides
        starts = np.concatenate([[0], enter[:-1]])
        left = np.concatenate([[0], leave])
        gone = left[np.searchsorted(leave, starts, side="right")]
        return tuple(np.unique(starts - gone).tolist())

    def departures(self, beats: int) -> int:
        """Return how many chunks leave for so many that enter."""
        enter, leave = self.counts
        return beats // enter * leave

    def schedule(self, arrivals: Sequence[int]) -> list[int]:
        """Return the clocks on which chunks leave, from those on which they arrive."""
        return schedule(self, arrivals)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Take `beats` chunks, each when those before leave less than one that leaves; offer one
        the clock after its last bit came."""
        (i,), (o,) = inputs, outputs
        count = self.departures(beats)
        if self.wires:
            return [
                Recurrence(o.offered, count, (After(i.offered),)),
                Recurrence(i.taken, beats, (After(o.taken),)),
            ]
        enter, leave = self.sides
        starts = np.concatenate([[0], enter[:-1]])
        # what has left as each enters, and what has entered as each leaves
        before = (np.searchsorted(leave, starts, side="right") - 1).tolist()
        after = np.searchsorted(enter, np.minimum(leave, enter[-1]), side="left").tolist()
        entry = (
            After(i.offered),
            After(i.taken, (-1,), delay=1),
            After(o.taken, before, len(leave)),
        )
        exit_ = (After(i.taken, after, len(enter)), After(o.taken, (-1,)))
        return [
            Recurrence(i.taken, beats, entry),
            Recurrence(o.offered, count, exit_, (1,)),
        ]


class UnpackParameters(_Regrouping):
    """Words become beats; fields as of `_Regrouping`."""

    name = "unpack"  # of the instance

    @property
    def sides(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each word ends that enters, and each beat that leaves, of a period."""
        return self.ends[::-1]

    @property
    def counts(self) -> tuple[int, int]:
        """Words and beats of a frame."""
        return self.words, self.beats

    def create(self) -> "Unpack":
        """Return the component."""
        return Unpack(self)


class PackParameters(_Regrouping):
    """Beats become words; fields as of `_Regrouping`."""

    name = "pack"  # of the instance

    @property
    def sides(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each beat ends that enters, and each word that leaves, of a period."""
        return self.ends

    @property
    def counts(self) -> tuple[int, int]:
        """Beats and words of a frame."""
        return self.beats, self.words

    def create(self) -> "Pack":
        """Return the component."""
        return Pack(self)


def _loops(m: Module, advance: Value, p: _Regrouping) -> tuple[Value, Value]:
    """Count beats; return which of its pixel's is next, and when a frame's last one passes."""
    groups = len(p.chunks)
    loops = [("group", groups), ("pixel", p.frame_bits // sum(p.chunks))]
    if p.frame_bits % p.width == 0:  # nothing happens between frames
        loops = loops[:1]
    (group, *_), ends = nest(m, advance, loops)
    return group, ends[-1]


class Unpack(wiring.Component):
    """Take words, send beats of elements.

    Members
    -------
    i : stream of words
    o : stream of beats, the first a clock after the word that completes it; lanes beyond a pixel's
        channels hold anything
    """

    def __init__(self, parameters: UnpackParameters):
        self.parameters = p = parameters
        super().__init__(
            {
                "i": In(stream.Signature(elements(1, p.width, False))),
                "o": Out(stream.Signature(elements(p.lanes, p.bits, p.signed))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        word = self.i.payload.as_value()

        def beat(bits: Value) -> Value:
            wide = bits if len(bits) >= p.lanes * p.slot else Cat(bits, C(0, p.lanes * p.slot))
            return Cat(wide[n * p.slot :][: p.bits] for n in range(p.lanes))

        if p.wires:
            m.d.comb += [
                self.o.valid.eq(self.i.valid),
                self.i.ready.eq(self.o.ready),
                self.o.payload.as_value().eq(beat(word)),
            ]
            return m
        unit = gcd(p.width, *p.chunks)
        offsets = p.offsets
        held_bits = Signal(max(offsets) + p.width, reset_less=True)
        held = Signal(range(len(held_bits) // unit + 1))  # units of bits
        left, after = Signal.like(held), Signal.like(held)
        enters, leaves = Signal(), Signal()
        group, ends = _loops(m, leaves, p)
        size, following = (
            _choice([bits // unit for bits in p.chunks], at)
            for at in (group, _next(group, leaves, len(p.chunks)))
        )
        last = ends if p.frame_bits % p.width else Const(0)
        m.d.comb += [
            self.o.valid.eq(held >= size),
            leaves.eq(self.o.valid & self.o.ready),
            left.eq(Mux(leaves, Mux(last, 0, held - size), held)),
            self.i.ready.eq(left < following),
            enters.eq(self.i.valid & self.i.ready),
            after.eq(Mux(enters, left + p.width // unit, left)),
            self.o.payload.as_value().eq(beat(held_bits)),
        ]
        m.d.sync += held.eq(after)
        _move(m, held_bits, leaves, group, p.chunks)
        _place(m, held_bits, enters, left, offsets, unit, word)
        return m


class Pack(wiring.Component):
    """Take beats of elements, send words.

    Members
    -------
    i : stream of beats; lanes beyond a pixel's channels are ignored
    o : stream of words, each a clock after the beat that completes it; a frame's last one is
        filled up with zeros
    """

    def __init__(self, parameters: PackParameters):
        self.parameters = p = parameters
        super().__init__(
            {
                "i": In(stream.Signature(elements(p.lanes, p.bits, p.signed))),
                "o": Out(stream.Signature(elements(1, p.width, False))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        # an element's sign fills its slot
        lanes = [Signal(p.slot, name=f"slot_{n}") for n in range(p.lanes)]
        m.d.comb += [slot.eq(self.i.payload[n]) for n, slot in enumerate(lanes)]
        chunk = Cat(lanes)
        if p.wires:
            m.d.comb += [
                self.o.valid.eq(self.i.valid),
                self.i.ready.eq(self.o.ready),
                self.o.payload.as_value().eq(chunk),
            ]
            return m
        unit = gcd(p.width, *p.chunks)
        word = p.width // unit
        offsets = p.offsets
        held_bits = Signal(max(max(offsets) + max(p.chunks), p.width), reset_less=True)
        held = Signal(range(len(held_bits) // unit + 1))  # units of bits
        left = Signal.like(held)
        enters, leaves = Signal(), Signal()
        group, ends = _loops(m, enters, p)
        size = _choice([bits // unit for bits in p.chunks], group)
        last_group = group == len(p.chunks) - 1 if len(set(p.chunks)) > 1 else Const(0)
        taken = Signal(len(chunk))
        ended = Signal() if p.frame_bits % p.width else Const(0)
        last = Signal()
        m.d.comb += [
            self.o.valid.eq((held >= word) | ended),
            leaves.eq(self.o.valid & self.o.ready),
            last.eq(ended & (held <= word)),
            left.eq(Mux(leaves, Mux(last, 0, held - word), held)),
            self.i.ready.eq((left < word) & (~ended | (leaves & last))),
            enters.eq(self.i.valid & self.i.ready),
            taken.eq(Mux(last_group, chunk[: p.chunks[-1]], chunk)),
            self.o.payload.as_value().eq(held_bits[: p.width]),
        ]
        m.d.sync += held.eq(Mux(enters, left + size, left))
        if p.frame_bits % p.width:
            with m.If(ends):
                m.d.sync += ended.eq(1)
            with m.Elif(leaves & last):
                m.d.sync += ended.eq(0)
        _move(m, held_bits, leaves, Const(0), (p.width,))
        _place(m, held_bits, enters, left, offsets, unit, taken)
        return m


def _choice(values: Sequence[int], at: Value) -> Value:
    """Return the value at a place, of which only the last differs."""
    if len(set(values)) == 1:
        return Const(values[0])
    return Mux(at == len(values) - 1, values[-1], values[0])


def _next(at: Value, advance: Value, count: int) -> Value:
    """Return where a counter will stand."""
    if count == 1:
        return at
    return Mux(advance, Mux(at == count - 1, 0, at + 1), at)


def _move(m: Module, held: Signal, leaves: Value, group: Value, chunks: Sequence[int]) -> None:
    """Let a chunk go."""
    with m.If(leaves):
        m.d.sync += held.eq(held >> chunks[0])
        if chunks[-1] != chunks[0]:
            with m.If(group == len(chunks) - 1):
                m.d.sync += held.eq(held >> chunks[-1])


def _place(
    m: Module,
    held: Signal,
    enters: Value,
    left: Value,
    offsets: Sequence[int],
    unit: int,
    chunk: Value,
) -> None:
    """Put a chunk behind what is left; in front of all else it clears what is above it."""
    with m.If(enters):
        for offset in offsets:
            with m.If(left == offset // unit):
                place = held if offset == 0 else held[offset : offset + len(chunk)]
                m.d.sync += place.eq(chunk)
