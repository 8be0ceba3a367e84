"""Running maximum: pools whose windows do not overlap, without a window memory."""

__all__ = ["RunningMaximum", "RunningMaximumParameters"]

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.fifo import Fifo, FifoParameters
from hwgen_rtl_templates.recurrence import After, Recurrence, no_clocks
from hwgen_rtl_templates.ring import SHALLOW, went_by
from hwgen_rtl_templates.streams import beats_per_pixel, elements
from hwgen_rtl_templates.tables import nest
from hwgen_rtl_templates.timing import Link, schedule

Pair = tuple[int, int]


@dataclass(frozen=True)
class RunningMaximumParameters:
    """Maxima of windows side by side, of which each beat that comes is compared with what there
    is so far.

    channels, height, width : of a frame
    kernel : (vertical, horizontal) of a window, and the distance to the next; what is left at the
        lower and right edge belongs to none
    lanes : of a beat, which divide the channels
    bits, signed : of an element
    styles : of the memories across a window and down it: "block" or "distributed"; otherwise
        registers
    depth : maxima that wait at the output: one in a register, more in a queue
    shifts : whether that is registers that shift
    """

    channels: int
    height: int
    width: int
    kernel: Pair
    lanes: int
    bits: int
    signed: bool
    styles: tuple[str | None, str | None] = (None, None)
    depth: int = 1
    shifts: bool = False

    def __post_init__(self) -> None:
        if self.channels % self.lanes:
            raise ValueError(f"Number of lanes must divide the {self.channels} channels")
        if self.height < self.kernel[0] or self.width < self.kernel[1]:
            raise ValueError(
                f"Kernel {self.kernel} must not exceed the image, {self.height} by {self.width}"
            )

    @property
    def word(self) -> int:
        """Elements of a beat that enters."""
        return self.lanes

    @property
    def element(self) -> tuple[int, bool]:
        """(bits, signed) of an output element."""
        return self.bits, self.signed

    @property
    def groups(self) -> int:
        """Beats of a pixel."""
        return beats_per_pixel(self.channels, self.lanes)

    @property
    def columns(self) -> int:
        """Windows side by side."""
        return self.width // self.kernel[1]

    @property
    def across(self) -> int:
        """Partial maxima of a row of a window, of all groups; none where it has one element."""
        return self.groups if self.kernel[1] > 1 else 0

    @property
    def down(self) -> int:
        """Partial maxima of windows side by side; none where these have one row."""
        return self.groups * self.columns if self.kernel[0] > 1 else 0

    @property
    def memories(self) -> tuple[tuple[int, str | None], ...]:
        """(words, style) of the partial maxima across a window and down it; a style of None is
        registers that move on."""
        words = (self.across, self.down)
        return tuple(
            (count, None if count <= SHALLOW or style == "logic" else style)
            for count, style in zip(words, self.styles, strict=True)
        )

    @cached_property
    def leaving(self) -> tuple[int, ...]:
        """The beats of a frame with which a maximum is there."""
        (high, wide), groups = self.kernel, self.groups
        return tuple(
            (y * self.width + x) * groups + group
            for y in range(high - 1, self.height // high * high, high)
            for x in range(wide - 1, self.columns * wide, wide)
            for group in range(groups)
        )

    @cached_property
    def fifo(self) -> FifoParameters:
        """The queue behind, where more than one maximum waits."""
        return FifoParameters(self.lanes, self.bits, self.signed, self.depth, self.shifts)

    def with_depth(self, depth: int) -> "RunningMaximumParameters":
        """Return the same with another queue."""
        return replace(self, depth=depth)

    @property
    def beats_in(self) -> int:
        """Beats of a frame that enter."""
        return self.height * self.width * self.groups

    @property
    def busy(self) -> int:
        """Clocks of a frame on which it works."""
        return self.beats_in

    def departures(self, beats: int) -> int:
        """Return how many beats leave for the `beats` of whole frames that enter."""
        return beats // self.beats_in * len(self.leaving)

    def schedule(self, arrivals: Sequence[int]) -> list[int]:
        """Return the clocks on which beats leave, from those on which they arrive."""
        return schedule(self, arrivals)

    def create(self) -> "RunningMaximum":
        """Return the component."""
        return RunningMaximum(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Take a beat when the last maximum has left or is leaving, or the queue has a place; offer
        one the clock after the last beat of its window."""
        (i,), (o,) = inputs, outputs
        leaving = set(self.leaving)
        before, places = -1, []  # the maximum that was there before each beat of a frame
        for beat in range(self.beats_in):
            places.append(before)
            before += beat in leaving
        made, count = After(i.taken, self.leaving, self.beats_in), self.departures(beats)
        if self.depth == 1:
            behind = [Recurrence(o.offered, count, (made,), (1,))]
            free = After(o.taken, tuple(places), len(leaving))
        else:
            entered = no_clocks()
            behind = [Recurrence(entered, count, (made,)), *self.fifo.emit(entered, o, count)]
            assert o.left is not None
            free = After(o.left, tuple(n + 1 - self.depth for n in places), len(leaving), 1)
        taken = (After(i.offered), After(i.taken, (-1,), delay=1), free)
        return [Recurrence(i.taken, beats, taken), *behind]


class RunningMaximum(wiring.Component):
    """Maxima of windows side by side.

    Members
    -------
    i : stream of beats, pixel by pixel
    o : stream of maxima

    Latency is one clock from a window's last beat; the next beat may enter as a maximum leaves. A
    maximum of a row of a window waits for its neighbours in a circle of a pixel's groups, and that
    of the rows so far in a circle of all windows side by side, each of which comes round when it is
    needed: neither has an address but its own counter.
    """

    def __init__(self, parameters: RunningMaximumParameters):
        self.parameters = p = parameters
        shape = elements(p.lanes, p.bits, p.signed)
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        take = Signal()
        m.d.comb += take.eq(self.i.valid & self.i.ready)
        _, (pixel,) = nest(m, take, [("group", p.groups)])
        first_column, last_column, line = _along(m, pixel, p.width, p.kernel[1], "column")
        first_row, last_row, _ = _along(m, line, p.height, p.kernel[0], "row")
        across, down = p.memories
        row = _joined(m, "across", self.i.payload, across, take, first_column)
        done = Signal()  # the last beat of a row of a window
        m.d.comb += done.eq(take & last_column)
        whole = _joined(m, "down", row, down, done, first_row)
        if p.depth == 1:
            self._hold(m, done & last_row, whole)
            return m
        m.submodules.fifo = fifo = Fifo(p.fifo)
        wiring.connect(m, fifo.o, wiring.flipped(self.o))
        m.d.comb += [
            self.i.ready.eq(fifo.i.ready),
            fifo.i.valid.eq(done & last_row),
            fifo.i.payload.eq(whole),
        ]
        return m

    def _hold(self, m: Module, made: Value, whole: data.View) -> None:
        """Hold a maximum at the output until it leaves."""
        full = Signal()
        with m.If(self.o.ready):
            m.d.sync += full.eq(0)
        with m.If(made):
            m.d.sync += full.eq(1)
            m.d.sync += self.o.payload.eq(whole)
        m.d.comb += [self.i.ready.eq(~full | self.o.ready), self.o.valid.eq(full)]


def _along(
    m: Module, advance: Value, size: int, step: int, name: str
) -> tuple[Value, Value, Value]:
    """Return whether a place along an axis is the first of a window and whether it is the last one,
    and when the axis ends. What is left at the end is no whole window, and so never its last."""
    if size % step == 0:
        (phase, _), (_, end) = nest(m, advance, [(name, step), (f"{name}_window", size // step)])
        return phase == 0, phase == step - 1, end
    _, (end,) = nest(m, advance, [(name, size)])
    phase = Signal(range(step), name=f"{name}_phase")
    with m.If(advance):
        m.d.sync += phase.eq(Mux(end | (phase == step - 1), 0, phase + 1))
    return phase == 0, phase == step - 1, end


def _joined(
    m: Module,
    name: str,
    x: data.View,
    memory: tuple[int, str | None],
    advance: Value,
    first: Value,
) -> data.View:
    """Return the larger of a beat and of what came so many beats ago, lane by lane; the beat itself
    where it is the first, or where nothing waits."""
    words, style = memory
    if not words:
        return x
    joined = Signal.like(x, name=name)
    before = data.View(x.shape(), went_by(m, name, joined.as_value(), words, advance, style))
    for lane in range(x.shape().length):
        larger = first | (x[lane] > before[lane])
        m.d.comb += joined[lane].eq(Mux(larger, x[lane], before[lane]))
    return joined
