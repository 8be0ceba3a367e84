"""Rules of AXI4 (ARM IHI 0022, A) and Wishbone B4, of who reads and writes bursts."""

__all__ = ["AxiBusRules", "axi_master_rules", "wishbone_bus_rules", "wishbone_master_rules"]

from amaranth.hdl import C, Cat, Mux, Signal

from hwgen_rtl_templates.borders import axi_master
from hwgen_rtl_templates.borders.axi_master import AxiMaster
from hwgen_rtl_templates.borders.bursts import BurstParameters
from hwgen_rtl_templates.borders.wishbone import END_OF_BURST, INCREMENTING
from hwgen_rtl_templates.borders.wishbone_master import WishboneMaster
from support.proofs.bench import Bench
from support.proofs.bursts import assume_burst

PAGE_BITS = 12  # no burst crosses a boundary of 4 KB
ADDRESS = ("id", "addr", "len", "size", "burst", "cache", "prot")


class AxiBusRules:
    """Rules of AXI4's signals, and how a memory behaves.

    most : words of a burst at most

    Members
    -------
    number : of the burst that is followed
    reads, writes : bursts whose address was taken and that are not answered
    read_ends, write_ends : high for the clock in which one is
    w_ends : high for the clock in which the last word of a burst to write is taken
    quiet : nothing is asked for or under way
    """

    def __init__(self, bench: Bench, bus, most: int):
        self._bench, self._bus, self._most = bench, bus, most
        self._under_way = axi_master.UNDER_WAY
        self._bits = bits = (self._under_way + 1).bit_length()  # of numbers of bursts
        self.number = bench.anything("burst", bits)
        ar, aw = self._address("ar"), self._address("aw")
        was_reset = bench.before(bench.reset, "reset")
        self.w_ends = w_ends = bus.wvalid & bus.wready & bus.wlast
        self.read_ends = bus.rvalid & bus.rready & bus.rlast
        self.write_ends = bus.bvalid & bus.bready
        self.reads = bench.count("reads", bits, ar, self.read_ends)
        self.writes = bench.count("writes", bits, aw, self.write_ends)
        self.unanswered = bench.count("unanswered", bits, w_ends, self.write_ends)
        # a memory answers what was asked for, and a write when it has all words
        self._assume_words(ar)
        bench.assume(~bus.bvalid | ((self.writes != 0) & (self.unanswered != 0)))
        bench.stays("rd", bus.rvalid, bus.rready, bus.rdata, bus.rresp, bus.rlast, assumed=True)
        bench.stays("bd", bus.bvalid, bus.bready, bus.bresp, assumed=True)

        bench.rule("nothing_behind_a_reset", ~was_reset | ~(bus.arvalid | bus.awvalid | bus.wvalid))
        bench.stays("w", bus.wvalid, bus.wready, bus.wdata, bus.wstrb, bus.wlast)
        self._words(aw)
        busy = bus.arvalid | bus.awvalid | bus.wvalid
        self.quiet = ~busy & (self.reads == 0) & (self.writes == 0) & (self.unanswered == 0)

    def _address(self, name: str):
        """Demand rules of addresses; return whether one is taken."""
        bench = self._bench
        part = {of: getattr(self._bus, f"{name}{of}") for of in (*ADDRESS, "valid", "ready")}
        bench.stays(name, part["valid"], part["ready"], *(part[of] for of in ADDRESS))
        word = len(self._bus.wdata) // 8
        end = part["addr"][:PAGE_BITS] + (part["len"] + 1) * word
        bench.rule(f"{name}_within_a_page", ~part["valid"] | (end <= 1 << PAGE_BITS))
        whole = (part["burst"] == 0b01) & (1 << part["size"] == word)
        bench.rule(f"{name}_of_whole_words", ~part["valid"] | (whole & (part["addr"] % word == 0)))
        return part["valid"] & part["ready"]

    def _assume_words(self, ar) -> None:
        """Assume that a memory gives the words that were asked for, and says which end a burst."""
        bench, bus = self._bench, self._bus
        gives = bus.rvalid & bus.rready
        asked = Signal((self._under_way + 1) * self._most)  # of each word, whether it ends a burst
        level = bench.count("level", 8, Mux(ar, bus.arlen + 1, 0), gives)
        more = Mux(ar, C(1, len(asked)) << (level + bus.arlen)[:8], 0)
        bench.m.d.sync += asked.eq((asked | more) >> gives)
        bench.assume(~bus.rvalid | ((level != 0) & (bus.rlast == asked[0])))

    def _words(self, aw) -> None:
        """Demand that words belong to addresses that are being offered or were taken, in order."""
        bench, bus = self._bench, self._bus
        moves = bus.wvalid & bus.wready
        word = bench.count("word", 9, moves, clear=self.w_ends)
        # an address counts from the clock on in which it is offered
        offered = bench.since(bus.awvalid, ~bus.awvalid, "offered")
        taken = bench.before(aw, "aw")
        new = bus.awvalid & (~offered | taken)
        is_next, known, length = bench.chosen("w", self.number, new, self.w_ends, bus.awlen)
        ahead = bench.count("ahead", self._bits, new, self.w_ends)
        bench.rule("words_have_an_address", ~bus.wvalid | new | (ahead != 0))
        most = self._under_way
        bench.rule("at_most", (self.reads <= most) & (self.writes <= most))
        right = known & (bus.wlast == (word == length)) & (word <= length)
        bench.rule("wlast", ~(bus.wvalid & is_next) | right)


def _assume_asks(bench: Bench, p: BurstParameters) -> None:
    """Assume of bursts and words what whoever asks keeps to."""
    dut = bench.dut
    for way in (dut.reads, dut.writes):
        assume_burst(bench, p, way.payload, way.valid & ~bench.reset)
    bench.stays("y", dut.y.valid, dut.y.ready, dut.y.payload, assumed=True)


def axi_master_rules(p: BurstParameters, width: int, last_bytes: int, kind=AxiMaster) -> Bench:
    """Bursts as AXI4 wants them, each as it was asked for."""
    bench = Bench(kind(p, width, last_bytes))
    dut, bus = bench.dut, bench.dut.m
    _assume_asks(bench, p)
    on = AxiBusRules(bench, bus, p.most)
    bench.rule("idle", ~dut.idle | on.quiet)

    every = (1 << width // 8) - 1
    for name, way in (("ar", dut.reads), ("aw", dut.writes)):
        taken = way.valid & way.ready & ~bench.reset
        left = getattr(bus, f"{name}valid") & getattr(bus, f"{name}ready")
        asked = Cat(way.payload.place, way.payload.words)
        is_next, known, burst = bench.chosen(f"{name}_asked", on.number, taken, left, asked)
        address = getattr(bus, f"{name}addr")[len(bus.awaddr) - p.place_bits :]
        said = Cat(address, (getattr(bus, f"{name}len") + 1)[: p.edge_bits + 1])
        at = is_next & getattr(bus, f"{name}valid")
        bench.rule(f"{name}_as_asked", ~at | (known & (said == burst)))
    takes = dut.writes.valid & dut.writes.ready & ~bench.reset
    last = dut.writes.payload.last
    is_next, _, ends = bench.chosen("strobe", on.number, takes, on.w_ends, last)
    strobe = Mux(bus.wlast & ends, (1 << last_bytes) - 1, every)
    bench.rule("wstrb", ~(bus.wvalid & is_next) | (bus.wstrb == strobe))
    is_next, known, ends = bench.chosen("answer", on.number, takes, on.write_ends, last)
    good = bus.bvalid & ~bus.bresp[1]
    bench.rule("written", ~is_next | (dut.written == (good & known & ends)))
    bench.rule("write_fault", dut.write_fault == (bus.bvalid & bus.bresp[1]))
    bench.rule("read_fault", dut.read_fault == (bus.rvalid & bus.rresp[1]))
    moves = bus.wvalid & bus.wready
    bench.rule(
        "y", (moves == (dut.y.valid & dut.y.ready)) & (~moves | (bus.wdata == dut.y.payload))
    )
    bench.rule("x", (bus.rvalid == dut.x.valid) & (bus.rdata == dut.x.payload) & bus.rready)
    return bench


def wishbone_bus_rules(bench: Bench, bus):
    """Demand rules of Wishbone's signals, of a target that answers what it is asked; return whether
    it answers, and whether that ends a burst."""
    asks, ends = bus.cyc & bus.stb, bus.ack | bus.err
    bench.assume(~ends | asks)
    bench.assume(~(bus.ack & bus.err))
    said = (bus.adr, bus.we, bus.sel, bus.cti, bus.bte)
    bench.stays("bus", asks, ends, *said)
    bench.stays("dat_w", asks & bus.we, ends, bus.dat_w)
    bench.rule("stb_within_cyc", ~bus.stb | bus.cyc)
    bench.rule("nothing_behind_a_reset", ~bench.before(bench.reset, "reset") | ~bus.cyc)
    last = bus.cti == END_OF_BURST
    bench.rule("cti", ~asks | last | ((bus.cti == INCREMENTING) & (bus.bte == 0)))
    # a burst goes on where it was, and CYC stays meanwhile
    inside = bench.since(ends & ~last, ends & last, "inside")
    before = bench.held("word", ends, Cat(bus.adr, bus.we))
    here = Cat((before[:-1] + 1)[: len(bus.adr)], before[-1]) == Cat(bus.adr, bus.we)
    bench.rule("burst_goes_on", bench.reset | ~inside | (bus.cyc & here))
    return ends, ends & last


def wishbone_master_rules(
    p: BurstParameters, width: int, last_bytes: int, kind=WishboneMaster
) -> Bench:
    """Cycles as Wishbone wants them, each burst as it was asked for and in order."""
    bench = Bench(kind(p, width, last_bytes))
    dut, bus = bench.dut, bench.dut.m
    _assume_asks(bench, p)
    answered, ends = wishbone_bus_rules(bench, bus)
    reads = dut.reads.valid & dut.reads.ready
    writes = dut.writes.valid & dut.writes.ready
    bench.rule("one_of_both", ~(reads & writes))
    under_way = bench.count("bursts", 3, (reads | writes) & ~bench.reset, ends)
    bench.rule("idle", bench.reset | (dut.idle == (under_way == 0)))
    bench.rule("cyc", ~bus.cyc | (under_way != 0))
    taken = Mux(writes, dut.writes.payload.as_value(), dut.reads.payload.as_value())
    number = bench.anything("burst", 3)
    takes = (reads | writes) & ~bench.reset
    is_next, known, burst = bench.chosen("asked", number, takes, ends, Cat(taken, writes))
    view = dut.writes.payload.shape()(burst[:-1])
    word = bench.count("words", p.edge_bits + 1, answered, clear=ends)
    at = bus.cyc & bus.stb & is_next
    bench.rule("we", ~at | (known & (bus.we == burst[-1])))
    bench.rule("adr", ~at | (bus.adr == (view.place + word)[: p.place_bits]))
    last = word + 1 == view.words
    bench.rule("last", ~at | ((bus.cti == END_OF_BURST) == last))
    every = (1 << width // 8) - 1
    strobe = Mux(bus.we & last & view.last, (1 << last_bytes) - 1, every)
    bench.rule("sel", ~at | (bus.sel == strobe))
    bench.rule("written", ~at | (dut.written == (bus.ack & bus.we & last & view.last)))
    bench.rule("y", (dut.y.valid & dut.y.ready) == (answered & bus.we))
    bench.rule("x", (dut.x.valid == (answered & ~bus.we)) & (dut.x.payload == bus.dat_r))
    bench.rule("faults", (dut.read_fault | dut.write_fault) == bus.err)
    return bench
