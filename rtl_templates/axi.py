"""AXI4-Stream border (ARM IHI 0051): TDATA in whole bytes, TLAST on the last beat of a frame.

Whatever a master sends, the network sees whole frames: the beat behind any TLAST begins one. Of a
frame that ends too soon the missing beats are whatever TDATA holds meanwhile; of one that goes on
too long those behind its count are dropped. The result of such a frame says so: TUSER is high with
its TLAST. No frame enters before that result has left, so a mark needs no queue, and the frames
before and behind it are none the worse.

Neither side moves a beat while reset is high.
"""

__all__ = ["AxiInput", "AxiOutput", "BorderParameters", "axi_stream"]

from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.streams import elements


@dataclass(frozen=True)
class BorderParameters:
    """A beat at the border.

    lanes, bits, signed : its elements, packed from bit 0 of TDATA up, the rest of TDATA unused
    beats : of a frame
    frames : where results leave, the most frames that have entered whole and whose results have
        not left, while nothing stalls; 0 where frames enter
    inputs : where results leave, by how many streams a frame enters
    last_bytes : of a frame's last beat, those that hold elements, which TKEEP says; 0: without
        TKEEP
    """

    lanes: int
    bits: int
    signed: bool
    beats: int
    frames: int = 0
    inputs: int = 1
    last_bytes: int = 0

    @property
    def keep_bits(self) -> int:
        """Width of TKEEP, 0 without."""
        return self.data_bits // 8 if self.last_bytes else 0

    @property
    def last_keep(self) -> int:
        """TKEEP of a frame's last beat."""
        return (1 << self.last_bytes) - 1

    @property
    def data_bits(self) -> int:
        """Width of TDATA: whole bytes."""
        return -(-self.lanes * self.bits // 8) * 8

    @property
    def beat_bits(self) -> int:
        """Width of the counter of a frame's beats."""
        return (self.beats - 1).bit_length()

    @property
    def frame_bits(self) -> int:
        """Width of the counter of frames: it never stops the flow where nothing stalls."""
        return (self.frames + 1).bit_length() if self.frames else 0


def axi_stream(data_bits: int, *, user: bool = False, keep: int = 0) -> wiring.Signature:
    """Return the signals of an AXI4-Stream, from its transmitter's side; `user`: with one bit of
    TUSER; `keep`: with so many of TKEEP."""
    members = {"tdata": Out(data_bits), "tvalid": Out(1), "tready": In(1), "tlast": Out(1)}
    members |= {"tkeep": Out(keep)} if keep else {}
    return wiring.Signature({**members, "tuser": Out(1)} if user else members)


class AxiInput(wiring.Component):
    """AXI4-Stream receiver: whole frames out of whatever comes.

    Members
    -------
    axis : AXI4-Stream
    o : stream of beats, on the same clocks
    room : whether a frame may enter
    entered : high for the clock in which a frame's last beat leaves
    damaged : with it, whether TLAST came too soon or not at all
    error : high from the clock after TLAST was found wrong until one with `clear`
    clear : held high, `error` is high for one clock a damaged frame
    """

    def __init__(self, parameters: BorderParameters):
        self.parameters = p = parameters
        super().__init__(
            {
                "axis": In(axi_stream(p.data_bits, keep=p.keep_bits)),
                "o": Out(stream.Signature(elements(p.lanes, p.bits, p.signed))),
                "room": In(1),
                "entered": Out(1),
                "damaged": Out(1),
                "error": Out(1),
                "clear": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        last = Signal()
        moves = Signal()
        found = Signal()
        fill = Signal()  # TLAST came too soon: beats without a meaning up to the frame's end
        drop = Signal()  # it did not come: whatever comes up to it
        torn = self._torn(m, last, moves)
        m.d.comb += [
            self.o.payload.as_value().eq(self.axis.tdata),
            self.o.valid.eq(fill | (self.axis.tvalid & self.room & ~drop)),
            self.axis.tready.eq(~ResetSignal() & (drop | (self.o.ready & self.room & ~fill))),
            moves.eq(self.o.valid & self.o.ready),
            last.eq(_count(m, moves, self.parameters)),
            found.eq(moves & ~fill & (self.axis.tlast != last)),
            self.entered.eq(moves & last),
            self.damaged.eq(reduce(or_, torn, fill | ~self.axis.tlast)),
        ]
        with m.If(moves):
            m.d.sync += [drop.eq(found & last), fill.eq((fill | found) & ~last)]
        with m.Elif(self.axis.tvalid & self.axis.tlast):
            m.d.sync += drop.eq(0)
        wrong = reduce(or_, (self.entered & flag & ~fill for flag in torn), found)
        m.d.sync += self.error.eq(wrong | (self.error & ~self.clear))
        return m

    def _torn(self, m: Module, last: Value, moves: Value) -> list[Value]:
        """Return whether some beat of the frame so far lacked bytes that hold elements; nothing
        without TKEEP."""
        p = self.parameters
        if not p.last_bytes:
            return []
        so_far, torn = Signal(), Signal()
        needed = Mux(last, p.last_keep, C((1 << p.keep_bits) - 1, p.keep_bits))
        m.d.comb += torn.eq(so_far | (needed & ~self.axis.tkeep).any())
        with m.If(moves):
            m.d.sync += so_far.eq(torn & ~last)
        return [torn]


class AxiOutput(wiring.Component):
    """AXI4-Stream transmitter.

    Members
    -------
    i : stream of beats
    axis : AXI4-Stream with TUSER, on the same clocks; unused bits of TDATA are zero. A frame's
        last beat leaves no sooner than a clock after the last beat of each of its inputs was
        taken, which decide on TUSER.
    room, entered, damaged : see `AxiInput`; a bit for each input
    """

    def __init__(self, parameters: BorderParameters):
        self.parameters = p = parameters
        super().__init__(
            {
                "i": In(stream.Signature(elements(p.lanes, p.bits, p.signed))),
                "axis": Out(axi_stream(p.data_bits, user=True, keep=p.keep_bits)),
                "room": Out(p.inputs),
                "entered": In(p.inputs),
                "damaged": In(p.inputs),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        # of each input: frames that entered, less results that left; and whether the last of them
        # is damaged
        numbers = [""] if p.inputs == 1 else [f"_{n}" for n in range(p.inputs)]
        under_way = [Signal(p.frame_bits, name=f"under_way{n}") for n in numbers]
        marked = [Signal(name=f"marked{n}") for n in numbers]
        opens = Signal()
        moves = Signal()
        left = Signal()
        pairs = list(zip(under_way, marked, strict=True))
        entered, bad = _bits(self.entered), _bits(self.damaged)
        leaving = [self.axis.tlast & mark & (frames == 1) for frames, mark in pairs]
        all_entered = reduce(and_, (frames.any() for frames in under_way))
        m.d.comb += [
            *(
                room.eq(~mark & ~frames.all())
                for room, (frames, mark) in zip(_bits(self.room), pairs, strict=True)
            ),
            opens.eq(~ResetSignal() & (~self.axis.tlast | all_entered)),
            self.axis.tdata.eq(self.i.payload.as_value()),
            self.axis.tvalid.eq(self.i.valid & opens),
            self.i.ready.eq(self.axis.tready & opens),
            moves.eq(self.i.valid & self.i.ready),
            self.axis.tlast.eq(_count(m, moves, self.parameters)),
            self.axis.tuser.eq(reduce(or_, leaving)),
            *self._kept(),
            left.eq(moves & self.axis.tlast),
        ]
        if p.inputs == 1:
            leaving = [self.axis.tuser]  # which says the same
        for n, (frames, mark) in enumerate(pairs):
            with m.If(entered[n] != left):
                m.d.sync += frames.eq(Mux(left, frames - 1, frames + 1))
            with m.If(entered[n]):
                m.d.sync += mark.eq(bad[n])
            with m.Elif(left & leaving[n]):
                m.d.sync += mark.eq(0)
        return m

    def _kept(self):
        """Say which bytes hold elements."""
        p = self.parameters
        if not p.last_bytes:
            return []
        return [self.axis.tkeep.eq(Mux(self.axis.tlast, p.last_keep, (1 << p.keep_bits) - 1))]


def _bits(signal: Value) -> list[Value]:
    return [signal] if len(signal) == 1 else list(signal)


def _count(m: Module, transfer: Value, parameters: BorderParameters) -> Value:
    """Return whether the present beat is a frame's last."""
    if parameters.beats == 1:
        return Const(1)
    beat = Signal(parameters.beat_bits)
    last = Signal()
    m.d.comb += last.eq(beat == parameters.beats - 1)
    with m.If(transfer):
        m.d.sync += beat.eq(Mux(last, 0, beat + 1))
    return last
