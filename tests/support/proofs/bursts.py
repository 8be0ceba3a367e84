"""Rules of the bursts of frames."""

__all__ = ["assume_burst", "burst_rules"]

from amaranth.hdl import Mux, Signal

from hwgen_rtl_templates.borders.bursts import BurstMaker, BurstParameters
from support.proofs.bench import Bench

FRAMES = 3  # bits of numbers of frames


def _edge(p: BurstParameters, burst):
    """Return where a burst ends, from the last place before it that is a multiple of `most`."""
    return burst.place[: p.edge_bits] + burst.words


def assume_burst(bench: Bench, p: BurstParameters, burst, valid) -> None:
    """Assume what `burst_rules` proves of each."""
    bench.assume(~valid | ((burst.words != 0) & (_edge(p, burst) <= p.most)))


def burst_rules(p: BurstParameters, kind=BurstMaker) -> Bench:
    """Bursts cover each frame once and in order, and none crosses a boundary."""
    bench = Bench(kind(p))
    dut, o, burst = bench.dut, bench.dut.o, bench.dut.o.payload
    settings = (dut.base, dut.stride, dut.frames, dut.circular)
    bench.assume(~(dut.start & dut.busy))
    begun = bench.before(dut.start | dut.busy, "begun")
    bench.keeps("settings", *settings, meanwhile=begun & dut.busy & ~bench.reset)
    bench.assume(~dut.start | (dut.frames != 0))

    takes = o.valid & o.ready
    ends = takes & burst.last
    bench.stays("o", o.valid, o.ready, burst.as_value(), unless=dut.kill)
    bench.rule("within_a_boundary", ~o.valid | (_edge(p, burst) <= p.most))
    bench.rule("not_empty", ~o.valid | (burst.words != 0))
    done = bench.count("done", 6, Mux(takes, burst.words, 0), clear=ends | dut.start)
    total = done + burst.words
    bench.rule("last", ~o.valid | (burst.last == (total == p.words)))
    bench.rule("no_more_than_a_frame", ~o.valid | (total <= p.words))
    bench.rule("as_long_as_may_be", ~o.valid | burst.last | (_edge(p, burst) == p.most))
    # where: base, base + stride, ... and base again behind the last
    frame = bench.held("frame", dut.start, dut.base)
    behind = bench.held("behind", dut.start, dut.frames - 1)  # frames after this one
    again = behind == 0
    with bench.m.If(ends):
        bench.m.d.sync += [
            frame.eq(Mux(again, dut.base, frame + dut.stride)),
            behind.eq(Mux(again, dut.frames, behind) - 1),
        ]
    bench.rule("place", ~o.valid | (burst.place == (frame + done)[: p.place_bits]))
    # how many
    over = bench.since(ends & again & ~dut.circular & ~dut.start, dut.start, "over")
    bench.rule("no_more_frames", ~(o.valid & over))
    # `stop` is meant for the frame of the next burst, which the one that is offered may end
    stopped = bench.since(dut.stop & ~dut.start, dut.start, "stopped")
    another = Signal()
    with bench.m.If(dut.stop & ~stopped):
        bench.m.d.sync += another.eq(o.valid & burst.last & ~takes)
    with bench.m.Elif(ends):
        bench.m.d.sync += another.eq(0)
    stops = (stopped & ~another) | (dut.stop & ~stopped & ~burst.last)
    ended = bench.since(ends & stops & ~dut.start, dut.start, "ended")
    bench.rule("none_behind_the_one_that_stops", ~(o.valid & ended))
    killed = bench.since(dut.kill & ~dut.start, dut.start, "killed")
    bench.rule("none_when_killed", ~(o.valid & killed))
    # a burst a clock, from the second clock after `start` on
    running = bench.since(dut.start, dut.kill, "running")
    begins = bench.before(dut.start, "start")
    goes_on = running & ~over & ~ended & ~begins
    bench.rule("a_burst_a_clock", bench.reset | ~goes_on | o.valid)
    bench.rule("busy", bench.reset | (dut.busy == (o.valid | begins)))
    return bench
