"""The frame mover: frames out of memory into an accelerator, and its results back."""

__all__ = ["FrameMover", "MoverParameters"]

from dataclasses import dataclass

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from hwgen_rtl_templates.axi import axi_stream
from hwgen_rtl_templates.borders.accelerator_registers import FRAME_BITS
from hwgen_rtl_templates.borders.axi_master import AxiMaster, axi4
from hwgen_rtl_templates.borders.bursts import BurstMaker, BurstParameters
from hwgen_rtl_templates.borders.wishbone import wishbone
from hwgen_rtl_templates.borders.wishbone_master import WishboneMaster
from hwgen_rtl_templates.fifo import Fifo, FifoParameters
from hwgen_rtl_templates.streams import count_inside

AHEAD = 8  # bursts that wait on either side, in a block RAM


@dataclass(frozen=True)
class MoverParameters:
    """A mover.

    bus : "axi" or "wishbone"
    width : bits of a word
    address_bits : of an address in bytes
    words_in, words_out : of a frame, and of its result
    last_bytes : of a result's last word, those that are written
    burst : words of a burst at most, a power of two
    """

    bus: str
    width: int
    address_bits: int
    words_in: int
    words_out: int
    last_bytes: int
    burst: int = 16

    def __post_init__(self) -> None:
        if self.bus not in ("axi", "wishbone"):
            raise ValueError(f"Bus must be axi or wishbone, not {self.bus}")
        if self.width & (self.width - 1) or not 8 <= self.width <= 1024:
            raise ValueError(f"Width must be a power of two from 8 to 1024, not {self.width}")

    @property
    def word_bits(self) -> int:
        """Bits of an address within a word."""
        return (self.width // 8 - 1).bit_length()

    @property
    def place_bits(self) -> int:
        """Bits of an address in words."""
        return self.address_bits - self.word_bits

    @property
    def queue(self) -> int:
        """Words that wait on either side."""
        return AHEAD * self.burst

    def bursts(self, words: int) -> BurstParameters:
        """Return the bursts of frames of so many words."""
        return BurstParameters(self.place_bits, words, self.burst)

    @property
    def signature(self) -> wiring.Signature:
        """The bus, from the mover's side."""
        if self.bus == "axi":
            return axi4(self.address_bits, self.width)
        return wishbone(self.place_bits, self.width, bursts=True)


class FrameMover(wiring.Component):
    """Read frames, feed them to an accelerator, and write its results.

    Members
    -------
    m : the bus
    x, y : AXI4-Stream to the accelerator and from it; what they carry is a frame's words
    start : high for a clock: move frames as the settings below say, which stay meanwhile
    source, source_stride : where the first frame begins, and from one to the next, in words
    destination, destination_stride : the same of results
    frames : how many; 0: none
    circular : go on with the first again
    stop : high for a clock: the frame that is being read is the last
    abort : high for a clock: end now; frames under way are lost
    busy : from the clock after `start` to `done`
    clear : high: the accelerator has to be reset, because a run ended in the middle of a frame
    done : high for the clock in which a run ends
    frames_in, frames_out : of this run, frames that were read, and results that are in memory: of a
        run that failed, the number of the one that was not
    left : high for a clock a result
    read_fault, write_fault, response : see `manager_ports`; a run ends with it
    held_in, held_out : words that wait on either side
    """

    def __init__(self, parameters: MoverParameters):
        self.parameters = p = parameters
        place, flag = p.place_bits, ("start", "circular", "stop", "abort")
        keep = p.width // 8
        super().__init__(
            {
                "m": Out(p.signature),
                "x": Out(axi_stream(p.width, keep=keep)),
                "y": In(axi_stream(p.width, user=True, keep=keep)),
                **{name: In(1) for name in flag},
                "source": In(place),
                "source_stride": In(place),
                "destination": In(place),
                "destination_stride": In(place),
                "frames": In(FRAME_BITS),
                "busy": Out(1),
                "clear": Out(1),
                "done": Out(1),
                "frames_in": Out(FRAME_BITS),
                "frames_out": Out(FRAME_BITS),
                "left": Out(1),
                "read_fault": Out(1),
                "write_fault": Out(1),
                "response": Out(2),
                "held_in": Out(range(p.queue + 2)),
                "held_out": Out(range(p.queue + 2)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        master = {"axi": AxiMaster, "wishbone": WishboneMaster}[p.bus]
        longest = p.bursts(max(p.words_in, p.words_out))
        m.submodules.master = bus = master(longest, p.width, p.last_bytes)
        m.submodules.reads = reads = BurstMaker(p.bursts(p.words_in))
        m.submodules.writes = writes = BurstMaker(p.bursts(p.words_out))
        begins, ends = Signal(), Signal()
        killed = Signal()  # nothing is asked for any more
        fails = Signal()
        empty = Signal(2)
        entered = Signal()
        spoilt = Signal()  # a result is not in memory: no count of those behind it
        all_out = ~reads.busy & bus.idle & (self.frames_in == self.frames_out)
        m.d.comb += [
            begins.eq(self.start & ~self.busy & (self.frames != 0)),
            fails.eq(self.busy & (self.abort | bus.read_fault | bus.write_fault)),
            self.clear.eq(self.busy & killed & bus.idle),
            ends.eq(self.busy & Mux(killed, self.clear & empty.all(), all_out)),
            self.done.eq(ends),
            self.read_fault.eq(bus.read_fault & ~killed),
            self.write_fault.eq(bus.write_fault & ~killed),
            self.response.eq(bus.response),
            self.left.eq(bus.written & ~spoilt),
        ]
        m.d.sync += spoilt.eq((spoilt | bus.write_fault) & ~begins)
        with m.If(begins):
            m.d.sync += [self.busy.eq(1), killed.eq(0)]
        with m.Elif(ends):
            m.d.sync += [self.busy.eq(0), killed.eq(0)]
        with m.Elif(fails):
            m.d.sync += killed.eq(1)
        for count, event in ((self.frames_in, entered), (self.frames_out, self.left)):
            with m.If(begins):
                m.d.sync += count.eq(0)
            with m.Elif(event):
                m.d.sync += count.eq(count + 1)
        for maker, base, stride in (
            (reads, self.source, self.source_stride),
            (writes, self.destination, self.destination_stride),
        ):
            m.d.comb += [
                maker.start.eq(begins),
                maker.base.eq(base),
                maker.stride.eq(stride),
                maker.frames.eq(self.frames),
                maker.kill.eq(fails),
            ]
        m.d.comb += [
            reads.circular.eq(self.circular),
            reads.stop.eq(self.stop),
            writes.circular.eq(1),  # it ends when all is written that was read
            writes.kill.eq(fails | ends),
        ]
        m.d.comb += empty.eq(
            Cat(~self._enter(m, bus, reads, killed, entered), ~self._leave(m, bus, writes, killed))
        )
        connect(m, wiring.flipped(self.m), bus.m)
        return m

    def _enter(self, m: Module, bus, reads: BurstMaker, killed: Value, entered: Signal) -> Value:
        """Read bursts for which there is room, and count a frame's words; return whether any
        waits. Of a run that was killed they are thrown away."""
        p = self.parameters
        m.submodules.queue_in = queue = Fifo(FifoParameters(1, p.width, False, p.queue))
        room = Signal(range(p.queue + 1), init=p.queue)  # words that nobody asked for
        pops, goes, comes = Signal(), Signal(), Signal()
        at, come = Signal(range(p.words_in)), Signal(range(p.words_in))  # words of a frame
        allowed = room[p.burst.bit_length() - 1 :].any() & ~killed
        m.d.comb += [
            bus.reads.payload.eq(reads.o.payload),
            bus.reads.valid.eq(reads.o.valid & allowed),
            reads.o.ready.eq(bus.reads.ready & allowed),
            queue.i.payload.as_value().eq(bus.x.payload),
            queue.i.valid.eq(bus.x.valid & ~killed),
            self.x.tkeep.eq((1 << p.width // 8) - 1),
            queue.o.ready.eq(~self.x.tvalid | self.x.tready | killed),
            pops.eq(queue.o.valid & queue.o.ready),
            goes.eq(self.x.tvalid & self.x.tready),
            self.x.tlast.eq(at == p.words_in - 1),
            entered.eq(comes & (come == p.words_in - 1)),
            comes.eq(bus.x.valid & ~killed & ~bus.read_fault),
        ]
        asked = Mux(bus.reads.valid & bus.reads.ready, reads.o.payload.words, 0)
        with m.If(self.clear):
            m.d.sync += [room.eq(p.queue), at.eq(0), come.eq(0)]
        with m.Else():
            m.d.sync += room.eq(room + pops - asked)
            with m.If(goes):
                m.d.sync += at.eq(Mux(self.x.tlast, 0, at + 1))
            with m.If(comes):
                m.d.sync += come.eq(Mux(entered, 0, come + 1))
        # a block RAM is slow to give a word, and what takes it looks at it first
        with m.If(queue.o.ready):
            m.d.sync += [
                self.x.tdata.eq(queue.o.payload.as_value()),
                self.x.tvalid.eq(queue.o.valid & ~killed),
            ]
        count_inside(m, self.held_in, queue.i.valid & queue.i.ready, pops)
        return queue.o.valid | self.held_in.any()

    def _leave(self, m: Module, bus, writes: BurstMaker, killed: Value) -> Value:
        """Write bursts whose words are there; return whether any waits."""
        p = self.parameters
        m.submodules.queue_out = queue = Fifo(FifoParameters(1, p.width, False, p.queue))
        there = Signal(range(p.queue + 2))  # words that no burst has been made for
        comes, asks, enough = Signal(), Signal(), Signal()
        if p.words_out == 1:
            m.d.comb += enough.eq(there.any())
        else:  # from a register: a burst every other clock at most
            m.d.sync += enough.eq(
                writes.o.valid & (there >= writes.o.payload.words) & ~(asks | self.clear)
            )
        allowed = enough & ~killed
        m.d.comb += [
            bus.writes.payload.eq(writes.o.payload),
            bus.writes.valid.eq(writes.o.valid & allowed),
            writes.o.ready.eq(bus.writes.ready & allowed),
            queue.i.payload.as_value().eq(self.y.tdata),
            queue.i.valid.eq(self.y.tvalid),
            self.y.tready.eq(queue.i.ready),
            comes.eq(queue.i.valid & queue.i.ready),
            bus.y.payload.eq(queue.o.payload.as_value()),
            bus.y.valid.eq(queue.o.valid),
            queue.o.ready.eq(bus.y.ready | self.clear),
        ]
        m.d.comb += asks.eq(bus.writes.valid & bus.writes.ready)
        asked = Mux(asks, writes.o.payload.words, 0)
        m.d.sync += there.eq(Mux(self.clear, 0, there + comes - asked))
        count_inside(m, self.held_out, comes, queue.o.valid & queue.o.ready)
        return queue.o.valid | self.held_out.any()
