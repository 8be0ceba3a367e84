"""Engine: one layer, from a stream of words to a stream of results."""

__all__ = ["Datapath", "Engine", "EngineParameters"]

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from hwgen_rtl_templates.bias import BiasParameters
from hwgen_rtl_templates.constant_array import ConstantArray, ConstantArrayParameters
from hwgen_rtl_templates.dsp_array import DspArray
from hwgen_rtl_templates.epilogue import EpilogueParameters
from hwgen_rtl_templates.fifo import DEEP, Fifo, FifoParameters
from hwgen_rtl_templates.function_table import FunctionTableParameters
from hwgen_rtl_templates.mac import MacArray, MacParameters
from hwgen_rtl_templates.pasm import PasmArray
from hwgen_rtl_templates.pool import Maximum, MaximumParameters
from hwgen_rtl_templates.recurrence import After, Recurrence, no_clocks
from hwgen_rtl_templates.sequencer import Sequencer, SequencerParameters
from hwgen_rtl_templates.streams import Narrow, NarrowParameters, elements
from hwgen_rtl_templates.timing import Link, schedule
from hwgen_rtl_templates.weights import WeightMemory
from hwgen_rtl_templates.window import Window, WindowParameters

Datapath = MacParameters | ConstantArrayParameters | MaximumParameters


@dataclass(frozen=True)
class EngineParameters:
    """A window, what is done with its beats, and the queue behind.

    window : what is read, in which order
    datapath : dot products, with stored weights or constants, or maxima
    channels : of an output pixel
    lanes : of an output beat; `datapath.lanes` accumulators are drained through them
    epilogue : what becomes of the drained accumulators, or None
    depth : beats of the queue
    bias : what is added to them before that, or None
    shifts : whether the queue is registers that shift
    table : what is read for what comes of them, or None
    """

    window: WindowParameters
    datapath: Datapath
    channels: int
    lanes: int
    epilogue: EpilogueParameters | None
    depth: int
    bias: BiasParameters | None = None
    shifts: bool = False
    table: FunctionTableParameters | None = None

    def __post_init__(self) -> None:
        if max(self.drain.pieces) > min(self.folds):
            raise ValueError(
                f"Drain must send its {max(self.drain.pieces)} beats within the "
                f"{min(self.folds)} clocks of a dot product; use more lanes"
            )

    @cached_property
    def folds(self) -> tuple[int, ...]:
        """Clocks of each dot product that a pixel takes: its beats, and the datapath's rest."""
        folds = tuple(beats + self.datapath.rest for beats in self.window.folds)
        return folds if self.window.varied else folds * len(self.drain.pieces)

    @cached_property
    def drain(self) -> NarrowParameters:
        """How the datapath's lanes leave."""
        path = self.datapath
        return NarrowParameters(self.channels, path.lanes, self.lanes, path.bits, path.signed)

    @property
    def drained(self) -> bool:
        """Whether a dot product's lanes leave in more than one beat."""
        return self.datapath.lanes > self.lanes

    @property
    def behind(self) -> tuple[BiasParameters | EpilogueParameters | FunctionTableParameters, ...]:
        """What follows the drain, a beat a clock each."""
        return tuple(part for part in (self.bias, self.epilogue, self.table) if part)

    @property
    def word(self) -> int:
        """Elements of a beat that enters."""
        return self.window.word

    @property
    def element(self) -> tuple[int, bool]:
        """(bits, signed) of an output element."""
        last = (self.datapath, *self.behind)[-1]
        return last.bits, last.signed

    @cached_property
    def fifo(self) -> FifoParameters:
        """The queue behind."""
        return FifoParameters(self.lanes, *self.element, self.depth, self.shifts)

    @cached_property
    def sequencer(self) -> SequencerParameters:
        """The loops."""
        return SequencerParameters(self.window, self.drain.pieces, self.depth, self.datapath.rest)

    @property
    def latency(self) -> int:
        """Clocks from the last command of a dot product to the entry of its first beat into the
        queue."""
        after = sum(part.latency for part in self.behind)
        return self.window.latency + self.datapath.latency + self.drained + after

    @property
    def full_rate_depth(self) -> int:
        """Depth of the queue from which on it never holds the datapath up under a ready sink."""
        most = max(self.drain.pieces)
        loop = self.latency + most + 2
        depth = most * (1 + -(-loop // min(self.folds)))
        # a deep queue's beats come back a clock later
        return depth if depth <= DEEP else most * (1 + -(-(loop + 1) // min(self.folds)))

    @property
    def beats_in(self) -> int:
        """Beats of a frame that enter."""
        return self.window.frame_words

    @property
    def beats_out(self) -> int:
        """Beats of a frame that leave."""
        rows, columns = self.window.output_size
        return rows * columns * sum(self.drain.pieces)

    @property
    def commands(self) -> int:
        """Clocks of a frame on which the datapath works."""
        rows, columns = self.window.output_size
        return rows * columns * sum(self.folds)

    @property
    def busy(self) -> int:
        """Clocks of a frame that the busiest part of the engine needs."""
        return max(self.beats_in, self.commands, self.beats_out)

    def with_depth(self, depth: int) -> "EngineParameters":
        """Return the same engine with another queue."""
        return replace(self, depth=depth)

    def at_full_rate(self) -> "EngineParameters":
        """Return the engine with the smallest buffers that leave its busiest part no idle clock.

        A line buffer holds more than the next window only where frames come nearly as fast as
        they are read, and are read in bursts (rows of nothing but padding need no words).
        """
        engine = self.with_depth(self.full_rate_depth)
        if 2 * self.beats_in < self.commands:
            return engine
        while engine.window.depth < 2 * engine.beats_in:
            departures = engine.schedule([0] * (4 * engine.beats_in))
            if departures[-1] - departures[-1 - engine.beats_out] <= engine.busy:
                break
            window = replace(engine.window, ring=2 * engine.window.depth)
            engine = replace(engine, window=window)
        return engine

    def departures(self, beats: int) -> int:
        """Return how many beats leave for the `beats` of whole frames that enter."""
        return beats // self.beats_in * self.beats_out

    def schedule(self, arrivals: Sequence[int]) -> list[int]:
        """Return the clocks on which beats leave, from those on which they arrive, for whole
        frames."""
        return schedule(self, arrivals)

    def create(self) -> "Engine":
        """Return the component."""
        return Engine(self)

    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int
    ) -> list[Recurrence]:
        """Describe the engine's timing: words enter, commands are issued, beats leave."""
        (i,), (o,) = inputs, outputs
        frames = beats // self.beats_in
        w, pieces, rest = self.window, self.drain.pieces, self.datapath.rest
        rows, columns = w.output_size
        dots = len(pieces)  # of a window
        # clocks on which the last word of a window is there, a dot product ends, with the
        # datapath's rest, a row's words may be written over, and beats enter the queue
        there, issued, freed, entered = (no_clocks() for _ in range(4))
        arrival = After(i.taken, w.last, w.frame_words, 1)
        written = (
            After(i.offered),
            After(i.taken, (-1,), delay=1),
            After(freed, w.freeing, rows),
        )
        # the queue has room for a dot product's beats, less those of all that are under way
        room = max(pieces) - self.depth - 1
        credit = tuple(before + room for before in accumulate(pieces[:-1], initial=0))
        issue = (
            After(issued, (-1,)),
            After(there, (0,) * dots) if dots > 1 else arrival,
            After(o.taken, credit, sum(pieces), 1),
        )
        of = tuple(dot for dot, count in enumerate(pieces) for _ in range(count))
        row = columns * dots
        release = After(issued, (row - 1,), row, w.release_delay - rest - 1)
        first = self.latency - rest - 1
        delays = tuple(first + n for count in pieces for n in range(count))
        return [
            Recurrence(i.taken, frames * w.frame_words, written),
            *[Recurrence(there, frames * rows * columns, (arrival,))] * (dots > 1),
            Recurrence(issued, frames * rows * row, issue, self.folds, rest),
            Recurrence(freed, frames * rows, (release,)),
            Recurrence(entered, frames * self.beats_out, (After(issued, of, dots),), delays),
            *self.fifo.emit(entered, o, frames * self.beats_out),
        ]


def _datapath(p: Datapath) -> wiring.Component:
    """Return the component that its parameters describe."""
    if isinstance(p, ConstantArrayParameters):
        return ConstantArray(p)
    if isinstance(p, MaximumParameters):
        return Maximum(p)
    if p.banks:
        return PasmArray(p)
    return DspArray(p) if p.blocks else MacArray(p)


class Engine(wiring.Component):
    """One layer.

    Members
    -------
    i : stream of words for the window
    o : stream of results

    Sequencer, window, weight source, datapath, drain and what follows run in lock step and never
    stall: the sequencer starts nothing that the queue at the end has no room for. Hence no
    clock-enable on the datapath, and `i.ready` and `o.valid` come from registers.
    """

    def __init__(self, parameters: EngineParameters):
        self.parameters = p = parameters
        w = p.window
        super().__init__(
            {
                "i": In(stream.Signature(elements(w.word, w.bits, w.signed))),
                "o": Out(stream.Signature(elements(p.lanes, *p.element))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        m.submodules.sequencer = sequencer = Sequencer(p.sequencer)
        m.submodules.window = window = Window(p.window)
        m.submodules.fifo = fifo = Fifo(p.fifo)
        connect(m, wiring.flipped(self.i), window.i)
        connect(m, sequencer=sequencer.command, window=window.command)
        connect(m, sequencer=sequencer.release, window=window.release)
        connect(m, fifo.o, wiring.flipped(self.o))
        m.d.comb += [
            sequencer.written.eq(window.written),
            sequencer.returned.eq(self.o.valid & self.o.ready),
        ]
        m.submodules[p.datapath.name] = datapath = _datapath(p.datapath)
        if isinstance(p.datapath, MacParameters):
            m.submodules.weights = weights = WeightMemory(p.datapath.weights)
            m.d.comb += weights.command.valid.eq(sequencer.command.valid)
            connect(m, weights=weights.o, array=datapath.w)
        connect(m, window=window.o, datapath=datapath.x)

        valid, payload = datapath.o.valid, datapath.o.payload
        if p.drained:
            m.submodules.drain = drain = Narrow(p.drain)
            m.d.comb += [
                drain.i.valid.eq(valid),
                drain.i.payload.eq(payload),
                drain.o.ready.eq(1),
            ]
            valid, payload = drain.o.valid, drain.o.payload
        for part in p.behind:
            m.submodules[part.name] = unit = part.create()
            m.d.comb += [unit.i.valid.eq(valid), unit.i.payload.as_value().eq(payload.as_value())]
            valid, payload = unit.o.valid, unit.o.payload
        m.d.comb += [fifo.i.valid.eq(valid), fifo.i.payload.as_value().eq(payload.as_value())]
        return m
