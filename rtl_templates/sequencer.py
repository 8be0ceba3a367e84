"""Sequencer: which word of which window, and when it may be read."""

__all__ = ["Sequencer", "SequencerParameters"]

from dataclasses import dataclass

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.tables import added, lookup, nest
from hwgen_rtl_templates.window import WindowParameters, command_shape


@dataclass(frozen=True)
class SequencerParameters:
    """The loops of a layer: rows, columns, output groups, steps of the window.

    window : what is read
    pieces : beats that each group of outputs sends into the queue behind the datapath; the groups
        of each slice of the window one after the other, all alike where there are several slices
    depth : beats that this queue holds, at least those of the largest group
    rest : clocks without a command after each group, and before the first
    """

    window: WindowParameters
    pieces: tuple[int, ...]
    depth: int
    rest: int = 0

    def __post_init__(self) -> None:
        if self.window.varied and len(self.window.folds) != len(self.pieces):
            raise ValueError(
                f"Window must have a list of words for each of {len(self.pieces)} groups, "
                f"not {len(self.window.folds)}"
            )
        if self.depth < max(self.pieces):
            raise ValueError(
                f"Depth of the queue must be at least {max(self.pieces)}, not {self.depth}"
            )

    @property
    def groups(self) -> int:
        """Dot products of one slice of a window that are computed one after the other."""
        return len(self.pieces) // self.window.slices

    @property
    def advances(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Words that must have been written beyond those of a window before the next one starts:
        for each column but the last, and for each row from its last column on."""
        w = self.window
        rows, columns = w.output_size
        across = tuple(w.required(0, c + 1) - w.required(0, c) for c in range(columns - 1))
        down = tuple(
            (w.required(r + 1, 0) if r + 1 < rows else w.frame_words + w.required(0, 0))
            - w.required(r, columns - 1)
            for r in range(rows)
        )
        return across, down

    @property
    def ahead_range(self) -> range:
        """Words written beyond those that a window needs: least and most."""
        w = self.window
        across, down = self.advances
        most = w.depth + max(w.freed(r) - w.required(r, c) for r, c in w.positions())
        return range(-max(w.required(0, 0), *across, *down), most + 1)


class Sequencer(wiring.Component):
    """Walks the windows of frame after frame, and issues a command a clock.

    Members
    -------
    written : high on the clock on which a word enters the window
    returned : high on the clock on which a beat leaves the queue behind the datapath
    command : to the window and the weight source
    release : to the window, words no longer needed after a row

    The first command of a window waits until its words are there, the first of a group until the
    queue has room for what will come of it; nothing behind the sequencer ever stalls. Both
    conditions are the sign of a counter, so no clock is lost at the turn of a row or a frame.
    """

    def __init__(self, parameters: SequencerParameters):
        self.parameters = parameters
        window = parameters.window
        super().__init__(
            {
                "written": In(1),
                "returned": In(1),
                "command": Out(stream.Signature(command_shape(window), always_ready=True)),
                "release": Out(
                    stream.Signature(range(max(window.releases) + 1), always_ready=True)
                ),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        w = p.window
        rows, columns = w.output_size
        go = Signal()
        within = [("inner", w.inner), ("step", len(w.steps))]
        around = [("column", columns), ("row", rows)]
        if w.varied:  # the groups' steps follow one another in one loop
            counters, ends = nest(m, go, [*within, *around])
            (inner, step, column, row), (step_end, pixel_end, row_end, frame_end) = counters, ends
            group_of = [g for g, beats in enumerate(w.folds) for _ in range(beats // w.inner)]
            marks = [a != b for a, b in zip(group_of, [*group_of[1:], -1], strict=True)]
            unit_end = step_end & lookup(m, step, marks, "group_ends")
            used = lookup(m, step, [-p.pieces[group] for group in group_of], "pieces")
            minor = inner
        else:
            loops = [*within, ("group", p.groups), ("slice", w.slices), *around]
            (inner, step, group, part, column, row), ends = nest(m, go, loops)
            _, unit_end, _, pixel_end, row_end, frame_end = ends
            used = lookup(m, group, [-count for count in p.pieces[: p.groups]], "pieces")
            words = range(0, w.channel_words, w.slice_words)
            minor = inner + lookup(m, part, words, "slice_word")

        unit_start = Signal(init=1)
        pixel_start = Signal(init=1)
        with m.If(go):
            m.d.sync += [unit_start.eq(unit_end), pixel_start.eq(pixel_end)]

        # words written beyond those that the present window needs; may run negative
        across, down = p.advances
        ahead = Signal(p.ahead_range, init=-w.required(0, 0))
        columns_take = [-words for words in (*across, across[-1])] if across else (0,)
        taken = Mux(
            row_end,
            lookup(m, row, [-words for words in down], "advance_row"),
            lookup(m, column, columns_take, "advance_column"),
        )
        m.d.sync += ahead.eq(added(ahead, Mux(pixel_end, taken, 0), self.written))

        # free places in the queue beyond the most that a group needs
        most = max(p.pieces)
        credit = Signal(range(-most, p.depth + 1), init=p.depth - most)
        m.d.sync += credit.eq(added(credit, Mux(unit_end, used, 0), self.returned))
        rested = self._rested(m, unit_end) if p.rest else Const(1)
        m.d.comb += go.eq((~pixel_start | ~ahead[-1]) & (~unit_start | ~credit[-1] & rested))

        command = self.command.payload
        m.d.comb += [
            self.command.valid.eq(go),
            command.step.eq(step),
            command.minor.eq(minor),
            command.first.eq(unit_start),
            command.last.eq(unit_end),
            self.release.valid.eq(row_end),
            self.release.payload.eq(lookup(m, row, w.releases, "freed")),
        ]
        self._origin(m, pixel_end, row_end, frame_end)
        return m

    def _rested(self, m: Module, unit_end: Value) -> Value:
        """Return whether the datapath has had its rest since the last group, or since the start."""
        rest = self.parameters.rest
        left = Signal(range(-1, rest), init=rest - 1)
        with m.If(unit_end):
            m.d.sync += left.eq(rest - 1)
        with m.Elif(~left[-1]):
            m.d.sync += left.eq(left - 1)
        return left[-1]

    def _origin(self, m: Module, pixel_end: Value, row_end: Value, frame_end: Value) -> None:
        """Drive the place of the window's first tap: in the ring, and in the frame."""
        w = self.parameters.window
        command = self.command.payload
        rows, _ = w.output_size
        line = w.width * w.channel_words
        (above, _), (left, _) = w.padding
        start = -(above * line + left * w.channel_words) % w.depth
        origin, row_origin = (
            Signal(range(w.depth), init=start, name=name) for name in ("origin", "row_origin")
        )
        below = Signal.like(origin)
        turn = (w.height - (rows - 1) * w.stride[0]) * line % w.depth
        m.d.comb += [
            below.eq(row_origin + Mux(frame_end, turn, w.stride[0] * line % w.depth)),
            command.origin.eq(origin),
        ]
        with m.If(row_end):
            m.d.sync += [row_origin.eq(below), origin.eq(below)]
        with m.Elif(pixel_end):
            m.d.sync += origin.eq(origin + w.stride[1] * w.channel_words)
        if not w.padded:
            return
        y = Signal.like(command.y, init=-above)
        x = Signal.like(command.x, init=-left)
        m.d.comb += [command.y.eq(y), command.x.eq(x)]
        with m.If(row_end):
            m.d.sync += [y.eq(Mux(frame_end, -above, y + w.stride[0])), x.eq(-left)]
        with m.Elif(pixel_end):
            m.d.sync += x.eq(x + w.stride[1])
