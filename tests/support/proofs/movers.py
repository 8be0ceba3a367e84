"""Rules of the mover of frames."""

__all__ = ["mover_rules"]

from amaranth.hdl import Mux

from hwgen_rtl_templates.borders.mover import FrameMover, MoverParameters
from support.proofs.bench import Bench
from support.proofs.managers import AxiBusRules, wishbone_bus_rules

WORD_BITS = 7  # of numbers of words: more than are anywhere at a time


def mover_rules(p: MoverParameters, kind=FrameMover, *, follows: bool = False) -> Bench:
    """No word is read that has no room or gets lost, and frames leave whole; `follows`: of the
    words that were read, which takes long."""
    bench = Bench(kind(p))
    dut, bus, x, y = bench.dut, bench.dut.m, bench.dut.x, bench.dut.y
    settings = (
        *(dut.source, dut.source_stride, dut.destination, dut.destination_stride),
        *(dut.frames, dut.circular),
    )
    asked = bench.before(dut.start | dut.busy, "asked")
    bench.keeps("settings", *settings, meanwhile=asked & dut.busy & ~bench.reset)
    fails = dut.abort | dut.read_fault | dut.write_fault
    killed = bench.since(dut.busy & fails, dut.done, "killed")
    # an accelerator gives a result for each frame, and nothing while it is reset
    bench.stays("y", y.tvalid, y.tready, y.tdata, unless=dut.clear, assumed=True)
    goes, gives = x.tvalid & x.tready, y.tvalid & y.tready
    enters = Mux(goes & x.tlast, p.words_out, 0)
    results = bench.count("results", WORD_BITS, enters, gives, clear=dut.clear)
    bench.assume(~y.tvalid | (results != 0))

    bench.stays("x", x.tvalid, x.tready, x.tdata, x.tlast, unless=killed | fails)
    at = bench.count("at", WORD_BITS, goes, clear=(goes & x.tlast) | dut.clear)
    bench.rule("tlast", ~x.tvalid | (x.tlast == (at == p.words_in - 1)))
    if p.bus == "axi":
        on = AxiBusRules(bench, bus, p.burst)
        asks = Mux(bus.arvalid & bus.arready, bus.arlen + 1, 0)
        comes = bus.rvalid & bus.rready
        quiet = on.quiet
    else:
        wishbone_bus_rules(bench, bus)
        comes = bus.cyc & bus.stb & ~bus.we & (bus.ack | bus.err)
        asks, quiet = comes, ~bus.cyc
    clear = dut.clear | dut.done
    ahead = bench.count("ahead", WORD_BITS, asks, goes, clear=clear)
    bench.rule("room_for_all", bench.reset | killed | (ahead - x.tvalid <= p.queue))
    held = bench.count("held", WORD_BITS, comes & ~killed, goes, clear=clear)
    bench.rule("no_word_is_lost", bench.reset | killed | (dut.held_in + x.tvalid == held))
    if follows:
        word = bench.anything("word", p.queue.bit_length())
        data = bus.rdata if p.bus == "axi" else bus.dat_r
        is_next, known, read = bench.chosen("read", word, comes & ~killed, goes, data, clear=clear)
        bench.rule("words_in_order", ~(x.tvalid & is_next) | killed | (known & (x.tdata == read)))
    bench.rule("done_when_all_is_done", bench.reset | ~dut.done | (quiet & dut.busy))
    bench.rule("all_results", ~dut.done | killed | (dut.frames_in == dut.frames_out))
    return bench
