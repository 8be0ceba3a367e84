"""AXI4-Lite (ARM IHI 0022, B1) in front of registers."""

__all__ = ["AxiLite", "axi_lite"]

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.borders.register_map import BITS, BYTES
from hwgen_rtl_templates.borders.registers import register_bus

OKAY, SLVERR = 0, 2


def axi_lite(address_bits: int) -> wiring.Signature:
    """Return the signals of AXI4-Lite, from its manager's side."""
    return wiring.Signature(
        {
            "awaddr": Out(address_bits),
            "awprot": Out(3),
            "awvalid": Out(1),
            "awready": In(1),
            "wdata": Out(BITS),
            "wstrb": Out(BYTES),
            "wvalid": Out(1),
            "wready": In(1),
            "bresp": In(2),
            "bvalid": In(1),
            "bready": Out(1),
            "araddr": Out(address_bits),
            "arprot": Out(3),
            "arvalid": Out(1),
            "arready": In(1),
            "rdata": In(BITS),
            "rresp": In(2),
            "rvalid": In(1),
            "rready": Out(1),
        }
    )


class AxiLite(wiring.Component):
    """A subordinate on AXI4-Lite: an access a clock, a write before a read.

    Members
    -------
    s : AXI4-Lite
    bus : accesses to registers; where there is none the response is SLVERR
    """

    def __init__(self, address_bits: int):
        super().__init__({"s": In(axi_lite(address_bits)), "bus": Out(register_bus(address_bits))})

    def elaborate(self, platform):
        m = Module()
        s, bus = self.s, self.bus
        # What was written or read last is answered from the registers' own, which the other must
        # not change before it was taken.
        written, was_read = Signal(), Signal()
        taken = (written & s.bready) | (was_read & s.rready)
        free = ~ResetSignal() & (taken | ~(written | was_read))
        writes, reads = Signal(), Signal()
        m.d.comb += [
            writes.eq(free & s.awvalid & s.wvalid),
            reads.eq(free & s.arvalid & ~(s.awvalid & s.wvalid)),
            s.awready.eq(writes),
            s.wready.eq(writes),
            s.arready.eq(reads),
            bus.address.eq(Mux(writes, s.awaddr, s.araddr)),
            bus.write.eq(writes),
            bus.read.eq(reads),
            bus.data.eq(s.wdata),
            bus.lanes.eq(s.wstrb),
            s.bvalid.eq(written),
            s.bresp.eq(Mux(bus.known, OKAY, SLVERR)),
            s.rvalid.eq(was_read),
            s.rdata.eq(bus.answer),
            s.rresp.eq(Mux(bus.known, OKAY, SLVERR)),
        ]
        m.d.sync += [
            written.eq(writes | (written & ~s.bready)),
            was_read.eq(reads | (was_read & ~s.rready)),
        ]
        return m
