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
    """A subordinate on AXI4-Lite: an access at a time, a write before a read.

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
        # an access waits for the registers, and then for its response to be taken
        waits, writes, answered = Signal(), Signal(), Signal()
        free, is_write = Signal(), Signal()
        response = Mux(bus.known, OKAY, SLVERR)
        m.d.comb += [
            free.eq(~(waits | answered | ResetSignal())),
            is_write.eq(s.awvalid & s.wvalid),
            bus.write.eq(free & is_write),
            bus.read.eq(free & s.arvalid & ~is_write),
            bus.address.eq(Mux(is_write, s.awaddr, s.araddr)),
            bus.data.eq(s.wdata),
            bus.lanes.eq(s.wstrb),
            s.awready.eq(bus.write),
            s.wready.eq(bus.write),
            s.arready.eq(bus.read),
            s.bvalid.eq(answered & writes),
            s.bresp.eq(response),
            s.rvalid.eq(answered & ~writes),
            s.rdata.eq(bus.answer),
            s.rresp.eq(response),
        ]
        with m.If(bus.write | bus.read):
            m.d.sync += [waits.eq(1), writes.eq(is_write)]
        with m.Elif(bus.done):
            m.d.sync += [waits.eq(0), answered.eq(1)]
        with m.Elif(Mux(writes, s.bready, s.rready)):
            m.d.sync += answered.eq(0)
        return m
