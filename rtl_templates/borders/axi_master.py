"""AXI4 (ARM IHI 0022, A) as a manager that reads and writes bursts."""

__all__ = ["AxiMaster", "axi4"]

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.borders.bursts import BurstParameters, manager_ports
from hwgen_rtl_templates.fifo import Fifo, FifoParameters
from hwgen_rtl_templates.streams import count_inside

UNDER_WAY = 8  # bursts that were asked for and not answered
INCR, MODIFIABLE_BUFFERABLE = 0b01, 0b0011


def axi4(address_bits: int, width: int) -> wiring.Signature:
    """Return the signals of AXI4 with one identifier, 0, from its manager's side."""
    address = {
        "id": 1,
        "addr": address_bits,
        "len": 8,
        "size": 3,
        "burst": 2,
        "cache": 4,
        "prot": 3,
    }
    return wiring.Signature(
        {
            **{f"aw{name}": Out(bits) for name, bits in address.items()},
            "awvalid": Out(1),
            "awready": In(1),
            "wdata": Out(width),
            "wstrb": Out(width // 8),
            "wlast": Out(1),
            "wvalid": Out(1),
            "wready": In(1),
            "bid": In(1),
            "bresp": In(2),
            "bvalid": In(1),
            "bready": Out(1),
            **{f"ar{name}": Out(bits) for name, bits in address.items()},
            "arvalid": Out(1),
            "arready": In(1),
            "rid": In(1),
            "rdata": In(width),
            "rresp": In(2),
            "rlast": In(1),
            "rvalid": In(1),
            "rready": Out(1),
        }
    )


class AxiMaster(wiring.Component):
    """Read and write bursts, each in order, reading and writing beside one another; a word a clock
    each.

    Members
    -------
    m : AXI4
    others : see `manager_ports`
    """

    def __init__(self, parameters: BurstParameters, width: int, last_bytes: int):
        self.parameters = p = parameters
        self._width, self._last_bytes = width, last_bytes
        self._unused = (width // 8 - 1).bit_length()  # bits of an address within a word
        super().__init__(manager_ports(p, axi4(p.place_bits + self._unused, width), width))

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.idle.eq(~(self._read(m) | self._write(m)))
        return m

    def _address(self, m: Module, name: str, i: stream.Interface, room: Value) -> Value:
        """Send bursts' addresses, each while there is room; return when one is taken."""
        bus = {
            part: getattr(self.m, f"{name}{part}")
            for part in ("id", "addr", "len", "size", "burst", "cache", "prot", "valid", "ready")
        }
        place = Signal(self.parameters.place_bits, name=f"{name}_place", reset_less=True)
        words = Signal(self.parameters.edge_bits, name=f"{name}_words", reset_less=True)
        free, takes = Signal(name=f"{name}_free"), Signal(name=f"{name}_takes")
        m.d.comb += [
            free.eq(~bus["valid"] | bus["ready"]),
            i.ready.eq(free & room),
            takes.eq(i.valid & i.ready),
            bus["id"].eq(0),
            bus["addr"].eq(Cat(C(0, self._unused), place)),
            bus["len"].eq(words),
            bus["size"].eq(self._unused),
            bus["burst"].eq(INCR),
            bus["cache"].eq(MODIFIABLE_BUFFERABLE),
            bus["prot"].eq(0),
        ]
        with m.If(free):
            m.d.sync += [
                bus["valid"].eq(takes),
                place.eq(i.payload.place),
                words.eq(i.payload.words - 1),
            ]
        return takes

    def _read(self, m: Module) -> Value:
        """Take words as they come; return whether any will."""
        bus = self.m
        asked = Signal(range(UNDER_WAY + 1))  # bursts without their last word
        takes = self._address(m, "ar", self.reads, asked != UNDER_WAY)
        ends = bus.rvalid & bus.rlast
        m.d.comb += [
            bus.rready.eq(1),
            self.x.payload.eq(bus.rdata),
            self.x.valid.eq(bus.rvalid),
            self.read_fault.eq(bus.rvalid & bus.rresp[1]),
        ]
        count_inside(m, asked, takes, ends)
        return asked.any()

    def _write(self, m: Module) -> Value:
        """Send the words of bursts; return whether any is not acknowledged."""
        p, bus = self.parameters, self.m
        # bursts whose words are to be sent, and whether each that is not acknowledged ends a frame
        m.submodules.lengths = lengths = Fifo(FifoParameters(1, p.edge_bits + 1, False, UNDER_WAY))
        m.submodules.ends = ends = Fifo(FifoParameters(1, 1, False, UNDER_WAY))
        takes = self._address(m, "aw", self.writes, ends.i.ready)
        held = lengths.o.payload.as_value()
        left = Signal(p.edge_bits)  # words behind this one
        last, sending = Signal(), Signal()
        moves, loads = Signal(), Signal()
        every = (1 << self._width // 8) - 1
        m.d.comb += [
            lengths.i.valid.eq(takes),
            lengths.i.payload.as_value().eq(
                Cat((self.writes.payload.words - 1)[: p.edge_bits], self.writes.payload.last)
            ),
            ends.i.valid.eq(takes),
            ends.i.payload.as_value().eq(self.writes.payload.last),
            bus.wvalid.eq(sending & self.y.valid),
            bus.wdata.eq(self.y.payload),
            bus.wlast.eq(left == 0),
            bus.wstrb.eq(Mux(bus.wlast & last, (1 << self._last_bytes) - 1, every)),
            moves.eq(bus.wvalid & bus.wready),
            self.y.ready.eq(sending & bus.wready),
            loads.eq(~sending | (moves & bus.wlast)),
            lengths.o.ready.eq(loads),
            bus.bready.eq(1),
            ends.o.ready.eq(bus.bvalid),
            self.written.eq(bus.bvalid & ends.o.payload.as_value() & ~bus.bresp[1]),
            self.write_fault.eq(bus.bvalid & bus.bresp[1]),
            self.response.eq(Mux(self.write_fault, bus.bresp, bus.rresp)),
        ]
        with m.If(loads):
            m.d.sync += [sending.eq(lengths.o.valid), left.eq(held[:-1]), last.eq(held[-1])]
        with m.Elif(moves):
            m.d.sync += left.eq(left - 1)
        return ends.o.valid
