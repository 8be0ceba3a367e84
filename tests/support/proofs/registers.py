"""Rules of AXI4-Lite (ARM IHI 0022, B1) and of Wishbone B4 in front of registers."""

__all__ = ["axi_lite_rules", "wishbone_registers_rules"]

from amaranth.hdl import C, Cat, Mux, Value

from hwgen_rtl_templates.borders.axi_lite import OKAY, SLVERR, AxiLite
from hwgen_rtl_templates.borders.wishbone import WishboneRegisters
from support.proofs.bench import Bench

ADDRESS_BITS = 4


def _registers(bench: Bench) -> tuple[Value, Value]:
    """Assume what `register_bus` promises; return whether an access waits for them, and what they
    answered last."""
    bus = bench.dut.bus
    accesses = bus.read | bus.write
    waits = bench.since(accesses, bus.done, "waits")
    bench.assume(~bus.done | waits)
    answer = Cat(bus.answer, bus.known)
    said = bench.held("said", bus.done, answer)
    bench.assume(~bench.since(bus.done, accesses, "answered") | (answer == said))
    bench.rule("one_access", ~(bus.read & bus.write))
    bench.rule("none_while_one_waits", bench.reset | ~(waits & accesses))
    bench.rule("reset_accesses_nothing", ~(bench.reset & accesses))
    return waits, said


def axi_lite_rules(kind=AxiLite) -> Bench:
    """An access at a time, each reaching the registers once and answered once."""
    bench = Bench(kind(ADDRESS_BITS))
    s, bus = bench.dut.s, bench.dut.bus
    bench.stays("aw", s.awvalid, s.awready, s.awaddr, assumed=True)
    bench.stays("w", s.wvalid, s.wready, s.wdata, s.wstrb, assumed=True)
    bench.stays("ar", s.arvalid, s.arready, s.araddr, assumed=True)
    waits, said = _registers(bench)
    aw, w, b = s.awvalid & s.awready, s.wvalid & s.wready, s.bvalid & s.bready
    ar, r = s.arvalid & s.arready, s.rvalid & s.rready

    bench.stays("b", s.bvalid, s.bready, s.bresp)
    bench.stays("r", s.rvalid, s.rready, s.rresp, s.rdata)
    bench.rule("reset_takes_nothing", ~(bench.reset & (s.awready | s.wready | s.arready)))
    # an access reaches the registers as it is taken
    written = (bus.address == s.awaddr) & (bus.data == s.wdata) & (bus.lanes == s.wstrb)
    bench.rule("write", (aw == bus.write) & (w == bus.write) & (~bus.write | written))
    bench.rule("read", (ar == bus.read) & (~bus.read | (bus.address == s.araddr)))
    # and is answered once, as the registers said
    writes, reads = bench.count("writes", 3, aw, b), bench.count("reads", 3, ar, r)
    under_way = writes + reads
    bench.rule("one_at_a_time", under_way <= 1)
    bench.rule("b_answers", ~s.bvalid | (writes != 0))
    bench.rule("r_answers", ~s.rvalid | (reads != 0))
    response = Mux(said[-1], OKAY, SLVERR)
    bench.rule("b", ~s.bvalid | (s.bresp == response))
    bench.rule("r", ~s.rvalid | ((s.rresp == response) & (s.rdata == said[:-1])))
    # nothing waits that could go on
    offered = (s.awvalid & s.wvalid) | s.arvalid
    bench.rule("takes", bench.reset | (under_way != 0) | ~offered | aw | ar)
    bench.rule("answers", bench.reset | (under_way == 0) | waits | s.bvalid | s.rvalid)
    return bench


def wishbone_registers_rules(kind=WishboneRegisters) -> Bench:
    """Each access reaches the registers once and ends with ACK or ERR."""
    bench = Bench(kind(ADDRESS_BITS))
    s, bus = bench.dut.s, bench.dut.bus
    asks, ends = s.cyc & s.stb, s.ack | s.err
    bench.stays("s", asks, ends, s.adr, s.dat_w, s.sel, s.we, assumed=True)
    waits, said = _registers(bench)
    accesses = bus.read | bus.write

    bench.rule("ends_while_asked", ~ends | asks)
    bench.rule("ack_or_err", ~(s.ack & s.err))
    bench.rule("reset_ends_nothing", ~bench.before(bench.reset, "reset") | ~ends)
    is_it = (bus.address == Cat(C(0, 2), s.adr)) & (bus.write == s.we)
    given = (bus.data == s.dat_w) & (bus.lanes == s.sel)
    bench.rule("access", ~accesses | (asks & is_it & (~bus.write | given)))
    # once each, and at once
    under_way = bench.count("under_way", 2, accesses, ends)
    bench.rule("ends_once", bench.reset | ~ends | (under_way == 1))
    bench.rule("asks_once", bench.reset | ~accesses | (under_way == 0))
    bench.rule("asks_at_once", bench.reset | ~asks | (under_way != 0) | accesses)
    bench.rule("ends_when_done", bench.reset | (ends == bus.done))
    bench.rule("err", ~ends | (s.err == ~bus.known))
    bench.rule("dat_r", ~ends | (s.dat_r == bus.answer))
    return bench
