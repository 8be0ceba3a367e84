"""Wishbone B4 as an initiator that reads and writes bursts: classic cycles with registered
feedback, which a target that knows nothing of bursts takes as single ones."""

__all__ = ["WishboneMaster"]

from amaranth import *
from amaranth.lib import wiring

from hwgen_rtl_templates.borders.bursts import BurstParameters, burst_layout, manager_ports
from hwgen_rtl_templates.borders.wishbone import END_OF_BURST, INCREMENTING, wishbone

BUS_ERROR = 0b10  # as AXI's SLVERR


class WishboneMaster(wiring.Component):
    """Read and write bursts in turn, a word a clock of a target that answers at once.

    Members
    -------
    m : Wishbone; addresses are of words
    others : see `manager_ports`
    """

    def __init__(self, parameters: BurstParameters, width: int, last_bytes: int):
        self.parameters = p = parameters
        self._width, self._last_bytes = width, last_bytes
        super().__init__(manager_ports(p, wishbone(p.place_bits, width, bursts=True), width))

    def elaborate(self, platform):
        m = Module()
        p, bus = self.parameters, self.m
        layout = burst_layout(p)
        # the burst that is under way, and the one behind it
        now, following = Signal(layout, reset_less=True), Signal(layout, reset_less=True)
        active, waits = Signal(), Signal()
        writes, then_writes = Signal(), Signal()
        choice = Mux(
            self.writes.valid, self.writes.payload.as_value(), self.reads.payload.as_value()
        )
        answered, ends, takes = Signal(), Signal(), Signal()
        last = now.words == 1
        every = (1 << self._width // 8) - 1
        m.d.comb += [
            bus.cyc.eq(active),
            bus.stb.eq(active & (~writes | self.y.valid)),
            bus.we.eq(writes),
            bus.adr.eq(now.place),
            bus.dat_w.eq(self.y.payload),
            bus.sel.eq(Mux(writes & last & now.last, (1 << self._last_bytes) - 1, every)),
            bus.cti.eq(Mux(last, END_OF_BURST, INCREMENTING)),
            bus.bte.eq(0),  # linear
            answered.eq(bus.stb & (bus.ack | bus.err)),
            ends.eq(answered & last),
            self.y.ready.eq(answered & writes),
            self.x.valid.eq(answered & ~writes),
            self.x.payload.eq(bus.dat_r),
            self.written.eq(ends & writes & now.last & bus.ack),
            self.read_fault.eq(answered & ~writes & bus.err),
            self.write_fault.eq(answered & writes & bus.err),
            self.response.eq(BUS_ERROR),
            self.idle.eq(~(active | waits)),
            takes.eq(~waits | ends | ~active),
            self.writes.ready.eq(takes),
            self.reads.ready.eq(takes & ~self.writes.valid),
        ]
        with m.If(takes):
            m.d.sync += [
                waits.eq(self.writes.valid | self.reads.valid),
                then_writes.eq(self.writes.valid),
                following.as_value().eq(choice),
            ]
        with m.If(ends | ~active):
            m.d.sync += [active.eq(waits), writes.eq(then_writes), now.eq(following)]
        with m.Elif(answered):
            m.d.sync += [now.place.eq(now.place + 1), now.words.eq(now.words - 1)]
        return m
