"""Wishbone B4, classic cycles (OpenCores, 2010), in front of registers."""

__all__ = ["WishboneRegisters", "wishbone"]

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.borders.register_map import BITS
from hwgen_rtl_templates.borders.registers import register_bus

INCREMENTING, END_OF_BURST = 0b010, 0b111  # CTI


def wishbone(address_bits: int, width: int, *, bursts: bool = False) -> wiring.Signature:
    """Return the signals of a Wishbone, from its initiator's side; `address_bits` of words, each
    of `width` bits; `bursts`: with CTI and BTE of registered feedback."""
    burst = {"cti": Out(3), "bte": Out(2)} if bursts else {}
    return wiring.Signature(
        {
            "adr": Out(address_bits),
            "dat_w": Out(width),
            "sel": Out(width // 8),
            "cyc": Out(1),
            "stb": Out(1),
            "we": Out(1),
            **burst,
            "dat_r": In(width),
            "ack": In(1),
            "err": In(1),
        }
    )


class WishboneRegisters(wiring.Component):
    """A target on a Wishbone: an access takes three clocks.

    Members
    -------
    s : Wishbone of 32 bits
    bus : accesses to registers; where there is none it ends with ERR
    """

    def __init__(self, address_bits: int):
        super().__init__(
            {
                "s": In(wishbone(address_bits - 2, BITS)),
                "bus": Out(register_bus(address_bits)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        s, bus = self.s, self.bus
        begins, waits = Signal(), Signal()
        m.d.comb += [
            begins.eq(s.cyc & s.stb & ~(waits | ResetSignal())),
            bus.address.eq(Cat(C(0, 2), s.adr)),
            bus.write.eq(begins & s.we),
            bus.read.eq(begins & ~s.we),
            bus.data.eq(s.dat_w),
            bus.lanes.eq(s.sel),
            s.dat_r.eq(bus.answer),
            s.ack.eq(bus.done & bus.known & s.cyc & s.stb),
            s.err.eq(bus.done & ~bus.known & s.cyc & s.stb),
        ]
        m.d.sync += waits.eq(begins | (waits & ~bus.done))
        return m
