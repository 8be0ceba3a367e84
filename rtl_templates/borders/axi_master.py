"""AXI4 (ARM IHI 0022, A) as a manager that reads and writes bursts."""

__all__ = ["AxiMaster", "axi4"]

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.borders.bursts import BurstParameters, burst_layout
from hwgen_rtl_templates.fifo import Fifo, FifoParameters

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
    reads : bursts to read; what comes has room
    writes : bursts to write; their words are there
    x : words that were read, taken as they come
    y : words to write
    written : high for the clock in which a frame's last burst was acknowledged
    idle : nothing is asked for or under way
    read_fault, write_fault : high for a clock: an answer was an error,
    response, place : which, to the burst that began where
    """

    def __init__(self, parameters: BurstParameters, width: int, last_bytes: int):
        self.parameters = p = parameters
        self._width, self._last_bytes = width, last_bytes
        self._unused = (width // 8 - 1).bit_length()  # bits of an address within a word
        burst = stream.Signature(burst_layout(p))
        super().__init__(
            {
                "m": Out(axi4(p.place_bits + self._unused, width)),
                "reads": In(burst),
                "writes": In(burst),
                "x": Out(stream.Signature(width, always_ready=True)),
                "y": In(stream.Signature(width)),
                "written": Out(1),
                "idle": Out(1),
                "read_fault": Out(1),
                "write_fault": Out(1),
                "response": Out(2),
                "place": Out(p.place_bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.reads_under_way = asked = self._queue(1 + self.parameters.place_bits)
        reading = self._read(m, asked)
        writing = self._write(m, asked.o.payload.as_value()[1:])
        m.d.comb += self.idle.eq(~(reading | writing))
        return m

    def _address(self, m: Module, name: str, i: stream.Interface, queue: Fifo) -> Value:
        """Send bursts' addresses, and remember them; return whether one is under way."""
        bus = {
            part: getattr(self.m, f"{name}{part}")
            for part in ("addr", "len", "size", "burst", "cache", "prot", "valid", "ready")
        }
        place = Signal(self.parameters.place_bits, name=f"{name}_place", reset_less=True)
        words = Signal(self.parameters.edge_bits, name=f"{name}_words", reset_less=True)
        free = Signal(name=f"{name}_free")
        m.d.comb += [
            free.eq(~bus["valid"] | bus["ready"]),
            i.ready.eq(free & queue.i.ready),
            queue.i.valid.eq(i.valid & free),
            queue.i.payload.as_value().eq(Cat(i.payload.last, i.payload.place)),
            bus["addr"].eq(Cat(C(0, self._unused), place)),
            bus["len"].eq(words),
            bus["size"].eq(self._unused),
            bus["burst"].eq(INCR),
            bus["cache"].eq(MODIFIABLE_BUFFERABLE),
            bus["prot"].eq(0),
        ]
        with m.If(free):
            m.d.sync += [
                bus["valid"].eq(i.valid & queue.i.ready),
                place.eq(i.payload.place),
                words.eq(i.payload.words - 1),
            ]
        return bus["valid"] | queue.o.valid

    def _queue(self, bits: int) -> Fifo:
        return Fifo(FifoParameters(1, bits, False, UNDER_WAY))

    def _read(self, m: Module, queue: Fifo) -> Value:
        """Take words as they come; return whether any will."""
        bus = self.m
        busy = self._address(m, "ar", self.reads, queue)
        m.d.comb += [
            bus.rready.eq(1),
            self.x.payload.eq(bus.rdata),
            self.x.valid.eq(bus.rvalid),
            queue.o.ready.eq(bus.rvalid & bus.rlast),
            self.read_fault.eq(bus.rvalid & bus.rresp[1]),
        ]
        return busy

    def _write(self, m: Module, read_place: Value) -> Value:
        """Send the words of bursts; return whether any is not acknowledged."""
        p, bus = self.parameters, self.m
        m.submodules.writes_under_way = queue = self._queue(1 + p.place_bits)
        m.submodules.lengths = lengths = self._queue(p.edge_bits + 1)
        busy = self._address(m, "aw", self.writes, queue)
        # the words of a burst are sent as soon as its address is on its way
        taken = self.writes.valid & self.writes.ready
        held = lengths.o.payload.as_value()
        left = Signal(p.edge_bits)  # words behind this one
        last, sending = Signal(), Signal()
        moves, loads = Signal(), Signal()
        every = (1 << self._width // 8) - 1
        m.d.comb += [
            lengths.i.valid.eq(taken),
            lengths.i.payload.as_value().eq(
                Cat((self.writes.payload.words - 1)[: p.edge_bits], self.writes.payload.last)
            ),
            bus.wvalid.eq(sending & self.y.valid),
            bus.wdata.eq(self.y.payload),
            bus.wlast.eq(left == 0),
            bus.wstrb.eq(Mux(bus.wlast & last, (1 << self._last_bytes) - 1, every)),
            moves.eq(bus.wvalid & bus.wready),
            self.y.ready.eq(sending & bus.wready),
            loads.eq(~sending | (moves & bus.wlast)),
            lengths.o.ready.eq(loads),
        ]
        with m.If(loads):
            m.d.sync += [sending.eq(lengths.o.valid), left.eq(held[:-1]), last.eq(held[-1])]
        with m.Elif(moves):
            m.d.sync += left.eq(left - 1)
        answered = queue.o.payload.as_value()
        m.d.comb += [
            bus.bready.eq(1),
            queue.o.ready.eq(bus.bvalid),
            self.written.eq(bus.bvalid & answered[0] & ~bus.bresp[1]),
            self.write_fault.eq(bus.bvalid & bus.bresp[1]),
            self.response.eq(Mux(self.write_fault, bus.bresp, bus.rresp)),
            self.place.eq(Mux(self.write_fault, answered[1:], read_place)),
        ]
        return busy | sending | lengths.o.valid
