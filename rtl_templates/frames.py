"""Frames on a line that loses, inserts and flips bytes: flags and escapes of RFC 1662, CRC-32.

On the line: 7E, body and CRC with each 7D or 7E in them sent as 7D and the byte XOR 20, 7E. A flag
stands at both ends of every frame and nowhere else, so damage ends at the next flag and costs no
frame but the one it hits.
The CRC is that of Ethernet (ISO-HDLC), its lowest byte first.
"""

__all__ = ["GAP", "FrameParameters", "FrameReceiver", "FrameSender", "frame_byte"]

from dataclasses import dataclass

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.crc import CLOCKS, Crc32

FLAG, ESCAPE, TOGGLE = 0x7E, 0x7D, 0x20
CRC_BYTES = 4
GAP = CLOCKS + 1  # clocks from a byte to the next on its way into a receiver, at least


def frame_byte() -> data.StructLayout:
    """Return the shape of a body's byte: `data`, and `last` on the body's last one."""
    return data.StructLayout({"data": 8, "last": 1})


@dataclass(frozen=True)
class FrameParameters:
    """Room for frames.

    depth : body bytes that the receiver holds, a power of two; no longer frame can be received
    """

    depth: int

    def __post_init__(self) -> None:
        if self.depth < 2 or self.depth & (self.depth - 1):
            raise ValueError(f"Depth must be a power of two and at least 2, not {self.depth}")


class FrameSender(wiring.Component):
    """Bodies into frames.

    Members
    -------
    i : stream of `frame_byte`; a body has at least one byte
    o : stream of bytes on the line, one in `GAP` clocks; valid waits for the body's next byte
    """

    def __init__(self):
        super().__init__({"i": In(stream.Signature(frame_byte())), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = Crc32()
        number = Signal(range(CRC_BYTES))
        escaped = Signal()
        plain = Signal(8)
        sent = Signal()  # the plain byte itself leaves, not the escape before it
        special = Signal()
        m.d.comb += [
            special.eq((plain == FLAG) | (plain == ESCAPE)),
            sent.eq(self.o.valid & self.o.ready & (escaped | ~special)),
            crc.data.eq(self.i.payload.data),
        ]
        stuffed = Mux(special, Mux(escaped, plain ^ TOGGLE, ESCAPE), plain)
        with m.FSM():
            with m.State("OPEN"):
                m.d.comb += [
                    self.o.payload.eq(FLAG),
                    self.o.valid.eq(self.i.valid),
                    crc.start.eq(1),
                ]
                with m.If(self.i.valid & self.o.ready):
                    m.next = "BODY"
            with m.State("BODY"):
                m.d.comb += [plain.eq(self.i.payload.data), self.o.payload.eq(stuffed)]
                m.d.comb += [
                    self.o.valid.eq(self.i.valid & ~crc.busy),
                    self.i.ready.eq(sent),
                    crc.valid.eq(sent),
                ]
                with m.If(self.o.valid & self.o.ready):
                    m.d.sync += escaped.eq(special & ~escaped)
                with m.If(sent & self.i.payload.last):
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.d.comb += [plain.eq(crc.crc.word_select(number, 8)), self.o.payload.eq(stuffed)]
                m.d.comb += self.o.valid.eq(~crc.busy)
                with m.If(self.o.valid & self.o.ready):
                    m.d.sync += [escaped.eq(special & ~escaped), number.eq(number + sent)]
                with m.If(sent & (number == CRC_BYTES - 1)):
                    m.next = "CLOSE"
            with m.State("CLOSE"):
                m.d.comb += [self.o.payload.eq(FLAG), self.o.valid.eq(1)]
                with m.If(self.o.ready):
                    m.next = "OPEN"
        return m


class FrameReceiver(wiring.Component):
    """Frames into bodies. A body leaves once its CRC was found right, and not a byte of it else.

    Members
    -------
    i : stream of bytes from the line, up to one in `GAP` clocks, which cannot wait
    o : stream of `frame_byte`
    dropped : high for one clock when bytes between two flags were no frame, or found no room
    """

    def __init__(self, parameters: FrameParameters):
        self.parameters = parameters
        super().__init__(
            {
                "i": In(stream.Signature(8, always_ready=True)),
                "o": Out(stream.Signature(frame_byte())),
                "dropped": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        depth = self.parameters.depth
        m.submodules.crc = crc = Crc32()
        m.submodules.storage = storage = memory.Memory(shape=frame_byte(), depth=depth, init=[])
        writer, reader = storage.write_port(), storage.read_port()
        # Positions count twice round, so that full and empty differ.
        at, kept, read = (Signal(range(2 * depth), name=n) for n in ("at", "kept", "read"))
        # The CRC is known for what it is only at the flag: five bytes back is surely body.
        recent = Signal(8 * (CRC_BYTES + 1), reset_less=True)
        count = Signal(range(CRC_BYTES + 2))
        escaped, spoilt = Signal(), Signal()
        byte = Signal(8)
        flag, escape, full, good = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            flag.eq(self.i.valid & (self.i.payload == FLAG)),
            escape.eq(self.i.valid & (self.i.payload == ESCAPE)),
            byte.eq(self.i.payload ^ Mux(escaped, TOGGLE, 0)),
            crc.data.eq(byte),
            crc.valid.eq(self.i.valid & ~flag & ~escape),
            crc.start.eq(flag),
            full.eq((at ^ read) == depth),  # no carry: depth is a power of two
            good.eq(crc.good & (count == CRC_BYTES + 1) & ~escaped & ~spoilt & ~full),
            self.dropped.eq(flag & ~good & ((count != 0) | escaped | spoilt)),
            writer.addr.eq(at),
            writer.data.data.eq(recent[:8]),
            writer.data.last.eq(flag),
            writer.en.eq(Mux(flag, good, crc.valid & (count == CRC_BYTES + 1) & ~full)),
        ]
        with m.If(flag):
            m.d.sync += [count.eq(0), escaped.eq(0), spoilt.eq(0), at.eq(Mux(good, at + 1, kept))]
            with m.If(good):
                m.d.sync += kept.eq(at + 1)
        with m.Elif(escape):
            m.d.sync += [escaped.eq(1), spoilt.eq(spoilt | escaped)]
        with m.Elif(self.i.valid):
            m.d.sync += [recent.eq(Cat(recent[8:], byte)), escaped.eq(0)]
            with m.If(count != CRC_BYTES + 1):
                m.d.sync += count.eq(count + 1)
            with m.Else():
                m.d.sync += [at.eq(at + writer.en), spoilt.eq(spoilt | full)]
        self._read(m, reader, read, kept)
        return m

    def _read(self, m: Module, reader, read: Signal, kept: Signal) -> None:
        """Offer what is kept, through a register behind the memory, whose output comes late."""
        held, moved = Signal(), Signal()
        m.d.comb += [
            moved.eq(held & (~self.o.valid | self.o.ready)),
            reader.addr.eq(read),
            reader.en.eq((read != kept) & (~held | moved)),
        ]
        m.d.sync += [read.eq(read + reader.en), held.eq(reader.en | (held & ~moved))]
        with m.If(moved):
            m.d.sync += [self.o.payload.eq(reader.data), self.o.valid.eq(1)]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
