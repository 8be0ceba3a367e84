"""Rules of AXI4-Stream (ARM IHI 0051) at the border of an accelerator."""

__all__ = ["input_rules", "output_rules"]

from functools import reduce
from operator import or_

from amaranth.hdl import C, Cat, Mux, Value

from hwgen_rtl_templates.axi import AxiInput, AxiOutput, BorderParameters
from support.proofs.bench import Bench

RESULTS = 3  # bits of numbers of results


def input_rules(p: BorderParameters, kind=AxiInput) -> Bench:
    """Whatever comes, whole frames leave, and the beat behind any TLAST begins one."""
    bench = Bench(kind(p))
    dut, axis, o = bench.dut, bench.dut.axis, bench.dut.o
    enters, moves = axis.tvalid & axis.tready, o.valid & o.ready & ~bench.reset
    keep = [axis.tkeep] if p.last_bytes else []
    bench.stays("axis", axis.tvalid, axis.tready, axis.tdata, axis.tlast, *keep, assumed=True)
    # room is taken back only as a frame has entered, see `output_rules`
    bench.assume(bench.reset | dut.room | ~bench.before(dut.room & ~dut.entered, "room"))

    ends = Value.cast(dut.entered)
    beat = bench.count("beat", 4, moves, clear=moves & ends)
    last = beat == p.beats - 1
    filling = bench.since(enters & moves & axis.tlast & ~last, moves & last, "filling")
    bench.rule("reset_takes_nothing", ~(bench.reset & axis.tready))
    bench.rule("frames_are_whole", bench.reset | (dut.entered == (moves & last)))
    bench.stays("valid", o.valid, o.ready)
    # beats that stand for missing ones hold anything, and not for long
    bench.stays("o", o.valid & ~filling, o.ready, o.payload.as_value())
    data = axis.tdata[: p.lanes * p.bits]
    bench.rule("o_is_axis", ~moves | filling | (enters & (o.payload.as_value() == data)))
    within = bench.since(enters & ~axis.tlast, enters & axis.tlast, "within")
    begins = moves & (beat == 0)
    bench.rule("a_frame_begins_behind_last", ~(enters & ~within) | begins)
    bench.rule("and_nowhere_else", ~begins | (enters & ~within))
    lacks = C(0)
    if p.last_bytes:
        lacks = (Mux(last, p.last_keep, (1 << p.keep_bits) - 1) & ~axis.tkeep).any()
    torn = bench.since(moves & lacks & ~last, moves & last, "torn")
    intact = enters & axis.tlast & ~torn & ~lacks & ~filling
    bench.rule("damaged", bench.reset | ~dut.entered | (dut.damaged == ~intact))
    return bench


def output_rules(p: BorderParameters, kind=AxiOutput) -> Bench:
    """Results leave whole, none before its frame entered, and say whether that was damaged."""
    bench = Bench(kind(p))
    dut, axis, i = bench.dut, bench.dut.axis, bench.dut.i
    moves = axis.tvalid & axis.tready
    leaves = moves & axis.tlast
    payload = i.payload.as_value()
    bench.stays("i", i.valid, i.ready, payload, assumed=True)
    bench.assume((dut.entered & ~dut.room) == 0)  # a frame enters where there is room

    beat = bench.count("beat", 4, moves, clear=leaves)
    keep = [axis.tkeep] if p.last_bytes else []
    bench.stays("axis", axis.tvalid, axis.tready, axis.tdata, axis.tlast, axis.tuser, *keep)
    bench.rule("reset_moves_nothing", ~(bench.reset & (axis.tvalid | i.ready)))
    bench.rule("last", ~axis.tvalid | (axis.tlast == (beat == p.beats - 1)))
    bench.rule("one_for_one", moves == (i.valid & i.ready))
    bench.rule("data", ~axis.tvalid | (axis.tdata == payload))
    if p.last_bytes:
        every = (1 << p.keep_bits) - 1
        bench.rule("keep", ~axis.tvalid | (axis.tkeep == Mux(axis.tlast, p.last_keep, every)))
    marks = []
    number = bench.anything("result", RESULTS)
    for n in range(p.inputs):
        enters, damaged, room = (Cat(of)[n] for of in (dut.entered, dut.damaged, dut.room))
        is_next, _, mark = bench.chosen(f"frame_{n}", number, enters, leaves, damaged)
        entered = bench.count(f"entered_{n}", RESULTS, enters, leaves)
        bench.rule(f"entered_before_{n}", ~(axis.tvalid & axis.tlast) | (entered != 0))
        had_room = bench.before(room & ~enters, f"room_{n}")
        bench.rule(f"room_stays_{n}", bench.reset | room | ~had_room)
        marks.append(mark)
    said = axis.tuser == reduce(or_, marks)
    bench.rule("user", ~(axis.tvalid & axis.tlast & is_next) | said)
    return bench
