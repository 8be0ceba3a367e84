"""CRC-32 of Ethernet (ISO-HDLC), two bits a clock: a fifth of the logic of a byte a clock."""

__all__ = ["CLOCKS", "Crc32"]

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

STEP = 2  # bits a clock: of a bit's next value, a table of four inputs holds all
CLOCKS = 8 // STEP  # of a byte


class Crc32(wiring.Component):
    """The CRC of the bytes since `start`.

    Members
    -------
    start : begin anew; not while busy
    valid, data : take a byte; not while busy
    busy : for `CLOCKS` clocks after a byte was taken
    crc : of what was taken, the lowest byte goes first; not while busy
    good : the last four bytes were the CRC of those before them; not while busy
    """

    def __init__(self):
        super().__init__(
            {
                "start": In(1),
                "valid": In(1),
                "data": In(8),
                "busy": Out(1),
                "crc": Out(32),
                "good": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.processor = processor = CRC32_ISO_HDLC(data_width=STEP).create()
        rest = Signal(8, reset_less=True)  # of the byte
        left = Signal(range(CLOCKS + 1))
        m.d.comb += [
            self.busy.eq(left != 0),
            processor.start.eq(self.start),
            processor.valid.eq(self.busy & ~self.start),
            processor.data.eq(rest[:STEP]),
            self.crc.eq(processor.crc),
            self.good.eq(processor.match_detected),
        ]
        with m.If(processor.valid):
            m.d.sync += [rest.eq(rest[STEP:]), left.eq(left - 1)]
        with m.If(self.valid):
            m.d.sync += [rest.eq(self.data), left.eq(CLOCKS)]
        return m
