"""CRC-32 of Ethernet (ISO-HDLC), two bits a clock: a fifth of the logic of a byte a clock."""

__all__ = ["CLOCKS", "Crc32"]

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

POLYNOMIAL = 0xEDB88320  # lowest bit first
RESIDUE = 0xDEBB20E3  # what a message with its CRC behind it leaves
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
        state = Signal(32, reset_less=True)
        rest = Signal(8, reset_less=True)  # of the byte
        left = Signal(range(CLOCKS + 1))
        after = state
        for bit in range(STEP):
            after = after[1:] ^ Mux(after[0] ^ rest[bit], POLYNOMIAL, 0)
        m.d.comb += [
            self.busy.eq(left != 0),
            self.crc.eq(~state),
            self.good.eq(state == RESIDUE),
        ]
        with m.If(self.start):
            m.d.sync += state.eq(~0)
        with m.Elif(self.busy):
            m.d.sync += [state.eq(after), rest.eq(rest[STEP:]), left.eq(left - 1)]
        with m.If(self.valid):
            m.d.sync += [rest.eq(self.data), left.eq(CLOCKS)]
        return m
