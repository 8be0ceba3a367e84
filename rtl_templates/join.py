"""Where streams come together: sum and concatenation."""

__all__ = ["Concat", "ConcatParameters", "Sum", "SumParameters"]

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from hwgen_rtl_templates.epilogue import EpilogueParameters
from hwgen_rtl_templates.fifo import Fifo
from hwgen_rtl_templates.followed import Followed, follow
from hwgen_rtl_templates.function_table import FunctionTableParameters
from hwgen_rtl_templates.recurrence import NEVER, After, Recurrence, no_clocks
from hwgen_rtl_templates.streams import beats_per_pixel, delayed, elements
from hwgen_rtl_templates.tables import added
from hwgen_rtl_templates.term_tree import TermTree
from hwgen_rtl_templates.timing import Link


@dataclass(frozen=True)
class SumParameters(Followed):
    """y = epilogue(offset + sum over the inputs of multiplier * x), element by element.

    channels, lanes : of a pixel, and of a beat
    bits, signs : of an element of each input
    multipliers : of each input, not zero; what has a negative one is taken off
    offset : what is added, such as the share of zero points
    lo, hi : range of the sum
    beats : of a frame
    epilogue : what becomes of the sum, or None
    depth : beats of the queue behind
    shifts : whether that is registers that shift
    table : what is read for what comes of the sum, or None
    """

    channels: int
    lanes: int
    bits: tuple[int, ...]
    signs: tuple[bool, ...]
    multipliers: tuple[int, ...]
    offset: int
    lo: int
    hi: int
    beats: int
    epilogue: EpilogueParameters | None
    depth: int
    shifts: bool = False
    table: FunctionTableParameters | None = None

    @cached_property
    def tree(self) -> TermTree:
        """The adders of a lane."""
        ranges = tuple(
            (-(1 << bits - 1), (1 << bits - 1) - 1) if sign else (0, (1 << bits) - 1)
            for bits, sign in zip(self.bits, self.signs, strict=True)
        )
        return TermTree(ranges, self.multipliers, self.offset)

    @property
    def levels(self) -> int:
        """Clocks from the inputs to a result."""
        return self.tree.levels

    def create(self) -> "Sum":
        """Return the component."""
        return Sum(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Take a beat of each input at once, when all are there and the queue has room."""
        (o,), (first, *others) = outputs, inputs
        entered = no_clocks()
        taken = (
            *(After(i.offered) for i in inputs),
            After(first.taken, (-1,), delay=1),
            After(o.taken, (-self.depth,), delay=1),
        )
        return [
            Recurrence(first.taken, beats, taken),
            *(Recurrence(i.taken, beats, (After(first.taken),)) for i in others),
            Recurrence(entered, beats, (After(first.taken),), (self.latency,)),
            *self.fifo.emit(entered, o, beats),
        ]


class Sum(wiring.Component):
    """Weighted sum of two or more streams, element by element.

    Members
    -------
    i_0, i_1, ... : streams of beats, taken together
    o : stream of results

    Nothing stalls between the inputs and the queue: a beat is taken when the queue has room for it.
    """

    def __init__(self, parameters: SumParameters):
        self.parameters = p = parameters
        inputs = {
            f"i_{n}": In(stream.Signature(elements(p.lanes, bits, sign)))
            for n, (bits, sign) in enumerate(zip(p.bits, p.signs, strict=True))
        }
        super().__init__({**inputs, "o": Out(stream.Signature(elements(p.lanes, *p.element)))})

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        m.submodules.fifo = fifo = Fifo(p.fifo)
        connect(m, fifo.o, wiring.flipped(self.o))
        inputs = [getattr(self, f"i_{n}") for n in range(len(p.bits))]
        returned = self.o.valid & self.o.ready
        room = Signal(range(-1, p.depth), init=p.depth - 1)  # free places less one
        take = Signal()
        m.d.comb += take.eq(~room[-1] & Cat(i.valid for i in inputs).all())
        m.d.comb += [i.ready.eq(take) for i in inputs]
        m.d.sync += room.eq(added(room, take.as_signed(), returned))
        (valid,) = delayed(m, p.tree.levels, valid=take)
        payload = Cat(
            p.tree.build(m, f"sum_{lane}", [i.payload[lane] for i in inputs], p.result_shape)
            for lane in range(p.lanes)
        )
        valid, payload = follow(m, p.behind, valid, payload)
        m.d.comb += [fifo.i.valid.eq(valid), fifo.i.payload.as_value().eq(payload)]
        return m


@dataclass(frozen=True)
class ConcatParameters:
    """Pixels of several streams, one after the other in each pixel.

    channels : of each input, which `lanes` divides
    lanes, bits, signed : of a beat
    """

    channels: tuple[int, ...]
    lanes: int
    bits: int
    signed: bool

    busy = 0  # clocks of a frame on which more is to do than its beats
    last_through = slice(-1, None)  # inputs whose last beat is taken as the last one leaves

    def __post_init__(self) -> None:
        if any(n % self.lanes for n in self.channels):
            raise ValueError(f"Number of lanes must divide the channels {self.channels}")

    @property
    def word(self) -> int:
        """Elements of a beat that enters."""
        return self.lanes

    @property
    def element(self) -> tuple[int, bool]:
        """(bits, signed) of an output element."""
        return self.bits, self.signed

    @property
    def counts(self) -> tuple[int, ...]:
        """Beats that a pixel has of each input."""
        return tuple(beats_per_pixel(n, self.lanes) for n in self.channels)

    def departures(self, beats: int) -> int:
        """Return how many beats leave for `beats` on the first input."""
        return beats // self.counts[0] * sum(self.counts)

    def create(self) -> "Concat":
        """Return the component."""
        return Concat(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Pass the beats of each input on in turn."""
        (o,) = outputs
        counts, pixel = self.counts, sum(self.counts)
        turns = [range(sum(counts[:n]), sum(counts[: n + 1])) for n in range(len(counts))]
        offered = [After(o.taken, (-1,), delay=1)]
        for i, turn in zip(inputs, turns, strict=True):
            places = tuple(n - turn[0] if n in turn else NEVER for n in range(pixel))
            offered.append(After(i.offered, places, len(turn)))
        pixels = beats // counts[0]
        return [
            Recurrence(o.offered, pixels * pixel, tuple(offered)),
            *(
                Recurrence(i.taken, pixels * len(turn), (After(o.taken, tuple(turn), pixel),))
                for i, turn in zip(inputs, turns, strict=True)
            ),
        ]


class Concat(wiring.Component):
    """Send the channels of each input in turn, pixel by pixel.

    Members
    -------
    i_0, i_1, ... : streams of beats
    o : stream of beats, on the same clocks
    """

    def __init__(self, parameters: ConcatParameters):
        self.parameters = p = parameters
        beat = stream.Signature(elements(p.lanes, p.bits, p.signed))
        inputs = {f"i_{n}": In(beat) for n in range(len(p.channels))}
        super().__init__({**inputs, "o": Out(beat)})

    def elaborate(self, platform):
        m = Module()
        counts = self.parameters.counts
        turn = Signal(range(len(counts)))
        beat = Signal(range(max(counts)))
        with m.Switch(turn):
            for n, count in enumerate(counts):
                i = getattr(self, f"i_{n}")
                with m.Case(n):
                    m.d.comb += [
                        self.o.valid.eq(i.valid),
                        self.o.payload.eq(i.payload),
                        i.ready.eq(self.o.ready),
                    ]
                    with m.If(self.o.valid & self.o.ready):
                        m.d.sync += beat.eq(beat + 1)
                        with m.If(beat == count - 1):
                            m.d.sync += [beat.eq(0), turn.eq((n + 1) % len(counts))]
        return m
