"""Sliding window: a line buffer that is read in the order of the dot product."""

__all__ = ["Tap", "Window", "WindowParameters", "beat_shape", "command_shape"]

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, pairwise
from math import gcd

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.streams import delayed, elements
from hwgen_rtl_templates.tables import added, lookup


@dataclass(frozen=True)
class Tap:
    """Where one word of the window lies: rows down, columns right, words from the origin."""

    dy: int
    dx: int
    offset: int


@dataclass(frozen=True)
class WindowParameters:
    """A window over frames of `height` by `width` pixels of `channels` elements.

    kernel, stride, dilation : (vertical, horizontal)
    padding : ((above, below), (left, right))
    lanes : elements of the flattened (kernel row, kernel column, channel) that leave in a beat;
        need not divide the channels, and may exceed them
    bits, signed : of an element
    pad_value : what stands outside the frame
    slices : equal parts of the channels, visited one after the other outside the taps; a window
        is over one part. Grouped convolutions have as many as groups, pools and depthwise
        convolutions as many as beats a pixel
    ring : words of the line buffer, a power of two; None for `least_ring`
    style : "block" or "distributed" memory, or "logic"; None leaves it to synthesis
    live : what is read of a window, as indices of its words in the order of the dot product: one
        list for every dot product, or one for each that a pixel takes, slice after slice; None
        for all words
    """

    channels: int
    height: int
    width: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int]
    lanes: int
    bits: int
    signed: bool
    pad_value: int = 0
    slices: int = 1
    ring: int | None = None
    style: str | None = None
    live: tuple[tuple[int, ...], ...] | None = field(default=None, repr=False)

    latency = 4  # clocks from a command to its beat
    release_delay = 3  # clocks from the last command of a row to the first word in its place

    def __post_init__(self) -> None:
        if self.channels % self.slices:
            raise ValueError(
                f"Number of slices must divide the {self.channels} channels, not be {self.slices}"
            )
        if self.live is not None and not all(self.live):
            raise ValueError("Each dot product must read at least one word")
        if min(self.output_size) < 1:
            raise ValueError(f"Kernel must fit the padded frame, not be {self.kernel}")
        if self.ring and (self.ring & (self.ring - 1) or self.ring < self.least_ring):
            raise ValueError(
                f"Ring must be a power of two of at least {self.least_ring}, not {self.ring}"
            )

    @property
    def output_size(self) -> tuple[int, int]:
        """Windows (down, across) a frame."""
        frame = (self.height, self.width)
        return tuple(  # type: ignore[return-value]
            (frame[a] + sum(self.padding[a]) - self.reach[a] - 1) // self.stride[a] + 1
            for a in range(2)
        )

    @property
    def word(self) -> int:
        """Elements of a memory word: the most that always lie in one pixel and one lane group."""
        return gcd(self.lanes, self.channels // self.slices)

    @property
    def ports(self) -> int:
        """Words read in a clock, each from a copy of its own."""
        return self.lanes // self.word

    @property
    def channel_words(self) -> int:
        """Words of a pixel."""
        return self.channels // self.word

    @property
    def frame_words(self) -> int:
        """Words that a frame writes."""
        return self.height * self.width * self.channel_words

    @property
    def slice_words(self) -> int:
        """Words of a pixel that belong to one slice."""
        return self.channel_words // self.slices

    @cached_property
    def taps(self) -> tuple[Tap, ...]:
        """Words of one window, in the order of the dot product, whether they are read or not."""
        return tuple(
            Tap(
                row * self.dilation[0],
                column * self.dilation[1],
                (row * self.dilation[0] * self.width + column * self.dilation[1])
                * self.channel_words
                + word,
            )
            for row in range(self.kernel[0])
            for column in range(self.kernel[1])
            for word in range(self.slice_words)
        )

    @property
    def varied(self) -> bool:
        """Whether the dot products of a pixel read different words."""
        return self.live is not None and len(self.live) > 1

    @cached_property
    def beats(self) -> tuple[tuple[Tap, ...], ...]:
        """For each beat, the tap of each port: those of one dot product, or where they differ of
        all that a pixel takes. Past the end of a dot product any tap will do."""
        found = []
        lists = self.live or (range(len(self.taps)),)
        for number, live in enumerate(lists):
            shift = number * self.slices // len(lists) * self.slice_words
            taps = [self.taps[n] for n in live]
            taps = [replace(tap, offset=tap.offset + shift) for tap in taps]
            taps += taps[-1:] * (-len(taps) % self.ports)
            found += [tuple(taps[n : n + self.ports]) for n in range(0, len(taps), self.ports)]
        return tuple(found)

    @cached_property
    def inner(self) -> int:
        """Words that follow one another both in the window and in memory, so that a counter
        finds them; the rest is a table."""
        if self.ports > 1:
            return 1
        breaks = {len(self.beats)}
        for n, ((a,), (b,)) in enumerate(pairwise(self.beats), 1):
            moved = self.padded and (a.dy, a.dx) != (b.dy, b.dx)
            if moved or b.offset != a.offset + 1:
                breaks.add(n)
        if self.varied:
            breaks |= set(accumulate(self.folds))
        return gcd(*breaks)

    @cached_property
    def steps(self) -> tuple[tuple[Tap, ...], ...]:
        """For each step, the tap of each port; a step is `inner` beats."""
        return self.beats[:: self.inner]

    @cached_property
    def folds(self) -> tuple[int, ...]:
        """Beats of a dot product: of each that a pixel takes where they differ, or one for all."""
        lists = self.live or (self.taps,)
        return tuple(-(-len(words) // self.ports) for words in lists)

    def required(self, row: int, column: int) -> int:
        """Return how many words of the frame must be there before window (row, column) starts."""
        bottom, right = (
            min(max(at * self.stride[a] - self.padding[a][0] + self.reach[a], 0), size - 1)
            for a, at, size in ((0, row, self.height), (1, column, self.width))
        )
        return (bottom * self.width + right + 1) * self.channel_words

    @property
    def reach(self) -> tuple[int, int]:
        """Distance from the first to the last tap, (down, across)."""
        return (
            self.dilation[0] * (self.kernel[0] - 1),
            self.dilation[1] * (self.kernel[1] - 1),
        )

    def freed(self, row: int) -> int:
        """Return how many words of the frame no window from row `row` on needs; past the last
        row, all."""
        if row == self.output_size[0]:
            return self.frame_words
        top = min(max(row * self.stride[0] - self.padding[0][0], 0), self.height)
        return top * self.width * self.channel_words

    @cached_property
    def last(self) -> "array[int]":
        """The last word of the frame that each window needs, window after window."""
        rows, columns = self.output_size
        ends = [self.required(0, column) for column in range(columns)]
        downs = [self.required(row, 0) - ends[0] - 1 for row in range(rows)]
        return array("q", [down + end for down in downs for end in ends])

    @cached_property
    def freeing(self) -> "array[int]":
        """For each word of the frame, the row of windows at whose end there is room for it: of the
        same frame, or with a number below 0 of one before."""
        rows, _ = self.output_size
        found: list[int] = []
        for row in range(rows):  # frees the words up to there
            found += [row] * (self.freed(row + 1) - len(found))
        frames, words = divmod(self.depth, self.frame_words)
        start = self.frame_words - words
        before, same = rows * (frames + 1), rows * frames
        return array(
            "q", [*(r - before for r in found[start:]), *(r - same for r in found[:start])]
        )

    def positions(self) -> Iterator[tuple[int, int]]:
        """Windows of a frame in order."""
        rows, columns = self.output_size
        return ((row, column) for row in range(rows) for column in range(columns))

    @property
    def depth(self) -> int:
        """Words of the line buffer."""
        return self.ring or self.least_ring

    @cached_property
    def least_ring(self) -> int:
        """Words of a line buffer, a power of two, that has room for the words of the window after
        the present one to be written meanwhile, across rows and frames."""
        positions = list(self.positions())
        ahead = [*positions[1:], None]
        words = max(
            (self.required(*after) if after else self.frame_words + self.required(0, 0))
            - self.freed(row)
            for (row, _), after in zip(positions, ahead, strict=True)
        )
        brief = sum(self.folds) * (1 if self.varied else self.slices) <= 16
        margin = 2 * self.release_delay + 2 if brief else 0
        return 1 << max(1, (words + margin - 1).bit_length())

    @property
    def releases(self) -> tuple[int, ...]:
        """Words that each row of windows frees at its end."""
        rows, _ = self.output_size
        return tuple(self.freed(row + 1) - self.freed(row) for row in range(rows))

    @property
    def skipped(self) -> int:
        """Words at most that are freed before they are written, because no window reads them."""
        rows, columns = self.output_size
        last = columns - 1
        return max(0, *(self.freed(r + 1) - self.required(r, last) for r in range(rows)))

    @property
    def padded(self) -> bool:
        """Whether any tap may fall outside the frame."""
        return any(map(any, self.padding))


def command_shape(p: WindowParameters) -> data.StructLayout:
    """Return the payload of a sequencer's command to a window.

    origin : address of the window's first tap
    step : index into `steps`
    minor : words beyond the step's taps
    y, x : row and column of the window's first tap, if there is padding
    first, last : of the beats of one dot product
    """
    fields: dict[str, object] = {
        "origin": range(p.depth),
        "step": range(len(p.steps)),
        "minor": range(p.inner + (0 if p.varied else (p.slices - 1) * p.slice_words)),
        "first": 1,
        "last": 1,
    }
    if p.padded:
        (above, below), (left, right) = p.padding
        fields["y"] = range(-above, p.height + below)
        fields["x"] = range(-left, p.width + right)
    return data.StructLayout(fields)


def beat_shape(lanes: int, bits: int, is_signed: bool) -> data.StructLayout:
    """Return the payload of a window's beat: elements, and whether a dot product starts or ends."""
    return data.StructLayout({"x": elements(lanes, bits, is_signed), "first": 1, "last": 1})


class Window(wiring.Component):
    """Line buffer with one write port and `ports` read ports, addressed by commands.

    Members
    -------
    i : stream of words, in the order of pixels
    written : high on the clock on which a word enters
    command : what to read; obeyed at once, so the sequencer must know that it is there
    release : words that are no longer needed
    o : the beat of each command, `latency` clocks later

    Words enter a ring of `depth` words. A window's taps lie at fixed distances from its origin,
    modulo the ring. Padding is put in place of what is read, and costs no clock.
    """

    def __init__(self, parameters: WindowParameters):
        self.parameters = p = parameters
        super().__init__(
            {
                "i": In(stream.Signature(elements(p.word, p.bits, p.signed))),
                "written": Out(1),
                "command": In(stream.Signature(command_shape(p), always_ready=True)),
                "release": In(stream.Signature(range(max(p.releases) + 1), always_ready=True)),
                "o": Out(
                    stream.Signature(beat_shape(p.lanes, p.bits, p.signed), always_ready=True)
                ),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        writer_at = Signal(range(p.depth))
        room = Signal(range(-1, p.depth + p.skipped), init=p.depth - 1)  # free words less one
        # words that are freed, less one
        less = range(-1, max(p.releases))
        freed = [Signal(less, name=f"freed_{n}", init=-1) for n in (1, 2)]
        m.d.comb += [
            self.i.ready.eq(~room[-1]),
            self.written.eq(self.i.valid & self.i.ready),
        ]
        m.d.sync += [
            freed[0].eq(Mux(self.release.valid, self.release.payload - 1, -1)),
            freed[1].eq(freed[0]),
            room.eq(added(room, freed[1], ~self.written)),
            writer_at.eq(writer_at + self.written),
        ]

        command = self.command.payload
        valid, first, last = delayed(
            m, p.latency, valid=self.command.valid, first=command.first, last=command.last
        )
        m.d.comb += [
            self.o.valid.eq(valid),
            self.o.payload.first.eq(first),
            self.o.payload.last.eq(last),
        ]

        for port in range(p.ports):
            m.submodules[f"memory_{port}"] = storage = memory.Memory(
                shape=unsigned(p.word * p.bits),
                depth=p.depth,
                init=[],
                attrs={"ram_style": p.style} if p.style else {},
            )
            write = storage.write_port()
            m.d.comb += [
                write.addr.eq(writer_at),
                write.en.eq(self.written),
                write.data.eq(self.i.payload.as_value()),
            ]
            read = storage.read_port()
            inside = self._address(m, port, read.addr)
            word = Signal(p.word * p.bits, name=f"word_{port}", reset_less=True)
            padding = Cat(Const(p.pad_value, p.bits) for _ in range(p.word))
            m.d.sync += word.eq(Mux(inside, read.data, padding))
            m.d.comb += Cat(self.o.payload.x[port * p.word + n] for n in range(p.word)).eq(word)
        return m

    def _address(self, m: Module, port: int, address: Value) -> Value:
        """Drive the read address of a port, two clocks after the command; return whether the
        tap lies inside the frame, three clocks after it."""
        p = self.parameters
        command = self.command.payload
        taps = [step[port] for step in p.steps]
        reach = Signal(range(p.depth), name=f"reach_{port}", reset_less=True)
        origin = Signal.like(command.origin, name=f"origin_{port}", reset_less=True)
        located = Signal(range(p.depth), name=f"address_{port}", reset_less=True)
        offset = lookup(m, command.step, [tap.offset % p.depth for tap in taps], f"offset_{port}")
        m.d.sync += [
            reach.eq(offset + command.minor),
            origin.eq(command.origin),
            located.eq(origin + reach),
        ]
        m.d.comb += address.eq(located)
        if not p.padded:
            return Const(1)
        inside = Const(1)
        for axis, at, size in (("dy", command.y, p.height), ("dx", command.x, p.width)):
            index = 0 if axis == "dy" else 1
            before, after = p.padding[index]
            if not before and not after:
                continue
            step = lookup(m, command.step, [getattr(t, axis) for t in taps], f"{axis}_{port}")
            place = Signal(
                range(-before, size + after + p.reach[index] + 1),
                name=f"{axis}_at_{port}",
                reset_less=True,
            )
            within = Signal(name=f"{axis}_within_{port}", reset_less=True)
            m.d.sync += [place.eq(at + step), within.eq((place >= 0) & (place < size))]
            inside = inside & within
        read = Signal(name=f"inside_{port}", reset_less=True)
        m.d.sync += read.eq(inside)
        return read
