"""Frames with a wrong TLAST: what the border of a package makes of them, held to a reference that
knows frames alone."""

import random
from dataclasses import dataclass, field

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Elaboratable, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect
from amaranth.sim import Simulator

from hwgen.codegen.accelerator import Accelerator
from hwgen.codegen.entries import enter_as, leave_as
from hwgen.formats import Fixed
from hwgen.network import Input, MaxPool2d, Network, Node
from hwgen_rtl_templates.axi import AxiInput, AxiOutput, BorderParameters
from hwgen_rtl_templates.fifo import Fifo, FifoParameters
from support.known import chain_of
from support.whole import planned

LIMIT = 20_000  # clocks without an end are a hang


def damaged(frames, beats):
    """Return which of the frames that a master sends, lists of beats that end with TLAST, are."""
    return [len(frame) != beats for frame in frames]


def check(seen, frames, beats, seed):
    """Compare what a queue made of frames: each is there, in order, and whole; what was sent of it
    is as it was sent, and a mark says if that was not what it should have been."""
    assert [len(frame) for frame in seen.frames] == [beats] * len(frames), f"seed {seed}"
    pairs = zip(seen.frames, frames, strict=True)
    assert all(got[: len(sent)] == sent[:beats] for got, sent in pairs), f"seed {seed}"
    assert seen.marks == damaged(frames, beats), f"seed {seed}"


def sent(rng, count, beats, bits, whole=0.5):
    """Return frames, some of them of any other length."""
    lengths = [n for n in range(1, 3 * beats + 2) if n != beats]
    return [
        [rng.getrandbits(bits) for _ in range(beats if rng.random() < whole else n)]
        for n in (rng.choice(lengths) for _ in range(count))
    ]


class Passing(wiring.Component):
    """The two borders with a queue between them."""

    def __init__(self, beats, depth, frames):
        self._p, self._depth = BorderParameters(1, 8, False, beats), depth
        self._out = BorderParameters(1, 8, False, beats, frames)
        s = {"tdata": In(8), "tvalid": In(1), "tready": Out(1), "tlast": In(1)}
        o = {"tdata": Out(8), "tvalid": Out(1), "tready": In(1), "tlast": Out(1), "tuser": Out(1)}
        super().__init__(
            {f"s_axis_{name}": port for name, port in s.items()}
            | {f"m_axis_{name}": port for name, port in o.items()}
            | {"frame_error": Out(1), "frame_error_clear": In(1)}
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.entry, m.submodules.leave = entry, leave = (
            AxiInput(self._p),
            AxiOutput(self._out),
        )
        m.submodules.queue = queue = Fifo(FifoParameters(1, 8, False, self._depth))
        connect(m, entry.o, queue.i)
        connect(m, queue.o, leave.i)
        m.d.comb += [
            entry.axis.tdata.eq(self.s_axis_tdata),
            entry.axis.tvalid.eq(self.s_axis_tvalid),
            entry.axis.tlast.eq(self.s_axis_tlast),
            self.s_axis_tready.eq(entry.axis.tready),
            self.m_axis_tdata.eq(leave.axis.tdata),
            self.m_axis_tvalid.eq(leave.axis.tvalid),
            self.m_axis_tlast.eq(leave.axis.tlast),
            self.m_axis_tuser.eq(leave.axis.tuser),
            leave.axis.tready.eq(self.m_axis_tready),
            entry.room.eq(leave.room),
            leave.entered.eq(entry.entered),
            leave.damaged.eq(entry.damaged),
            self.frame_error.eq(entry.error),
            entry.clear.eq(self.frame_error_clear),
        ]
        return m


class Bench(Elaboratable):
    """A component with the ports of a package, and its reset."""

    def __init__(self, dut):
        self.dut, self.rst = dut, Signal()

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = domain = ClockDomain()
        m.submodules.dut = self.dut
        m.d.comb += domain.rst.eq(self.rst)
        return m


@dataclass
class Seen:
    """What left, a list a frame, and on which clock; which were marked; clocks with an error."""

    frames: list[list[int]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    marks: list[bool] = field(default_factory=list)
    errors: int = 0


def run(dut, frames, results, *, stall_in, stall_out, seed, clear=lambda clock: True, resets=()):
    """Send frames until so many results have left, and a while longer. The clocks `resets` start a
    reset of one clock, after which the master, who leaves it a clock early, starts again."""
    bench, seen, rng = Bench(dut), Seen(), random.Random(seed)
    beats = [(data, n == len(f) - 1) for f in frames for n, data in enumerate(f)]

    async def drive(ctx):
        todo, offered, frame, held, left = list(reversed(beats)), False, [], None, 60
        for clock in range(LIMIT):
            if len(seen.frames) >= results:
                left -= 1
            if not left:
                return
            reset = clock in resets
            if reset:
                todo, frame, held = list(reversed(beats)), [], None
                seen.frames.clear(), seen.marks.clear()
            offered = bool(todo) and (offered or rng.random() >= stall_in)
            ready = rng.random() >= stall_out
            data, last = todo[-1] if offered else (rng.getrandbits(8), rng.random() < 0.5)
            ctx.set(bench.rst, reset)
            ctx.set(dut.s_axis_tvalid, offered)
            ctx.set(dut.s_axis_tdata, data)
            ctx.set(dut.s_axis_tlast, last)
            ctx.set(dut.m_axis_tready, ready)
            ctx.set(dut.frame_error_clear, clear(clock))
            *_, taken, valid, out, end, mark, error = await ctx.tick().sample(
                dut.s_axis_tready,
                dut.m_axis_tvalid,
                dut.m_axis_tdata,
                dut.m_axis_tlast,
                dut.m_axis_tuser,
                dut.frame_error,
            )
            where = f"clock {clock}, seed {seed}"
            if reset:
                assert not taken and not valid, f"{where}: a beat moves in reset"
                continue
            beat = (out, end, mark)
            assert held is None or (valid and beat == held), f"{where}: a waiting beat changed"
            held = beat if valid and not ready else None
            assert end or not mark or not valid, f"{where}: TUSER without TLAST"
            seen.errors += error
            if offered and taken:
                todo.pop()
                offered = False
            if valid and ready:
                frame.append(out)
                if end:
                    seen.frames.append(frame)
                    seen.ends.append(clock)
                    seen.marks.append(bool(mark))
                    frame = []
        raise AssertionError(f"seed {seed}: {len(seen.frames)} of {results} results, then none")

    simulator = Simulator(bench)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.run()
    return seen


@pytest.mark.parametrize("depth", [1, 9])
@pytest.mark.parametrize("beats", [1, 2, 5, 8])
def test_borders(beats, depth):
    """Every frame leaves whole, in order, the damaged ones filled up or cut, and marked."""
    for stall_in, stall_out in ((0.0, 0.0), (0.5, 0.2), (0.1, 0.6)):
        seed = beats + 10 * depth
        frames = sent(random.Random(seed), 30, beats, 8)
        seen = run(
            Passing(beats, depth, frames=1 + depth // beats),
            frames,
            len(frames),
            stall_in=stall_in,
            stall_out=stall_out,
            seed=seed,
        )
        check(seen, frames, beats, seed)
        assert seen.errors == sum(seen.marks), "an error a damaged frame, one clock long"


def test_the_error_stays_until_it_is_cleared():
    frames = [[1, 2, 3], [4], [5, 6, 7], [8, 9]]
    dut = Passing(3, 4, 2)
    seen = run(dut, frames, 4, stall_in=0, stall_out=0, seed=0, clear=lambda clock: False)
    assert seen.errors > 60 and seen.marks == [False, True, False, True]
    seen = run(dut, frames[:2], 2, stall_in=0, stall_out=0, seed=0, clear=lambda clock: clock == 20)
    first = 4  # the damaged beat is the fourth, and the flag is a clock later
    assert seen.errors == 20 - first + 1


@pytest.mark.parametrize("clock", [1, 2, 3, 7, 12])
def test_no_beat_moves_in_reset(clock):
    """Also of a master that is ready sooner: nothing of what it offers is lost."""
    for beats, depth in ((1, 1), (1, 3), (3, 4)):
        frames = sent(random.Random(beats), 12, beats, 8)
        for long in (1, 4):
            resets = {clock + n for n in range(long)}
            dut = Passing(beats, depth, 3)
            seen = run(dut, frames, 12, stall_in=0, stall_out=0.3, seed=clock, resets=resets)
            check(seen, frames, beats, beats)


def network_of(plan):
    """Return an accelerator, the beats of its input as random frames, and what golden makes of
    those that are whole, in beats."""
    source, sink = enter_as(plan)["s_axis"], leave_as(plan)["m_axis"]
    rng = random.Random(5)
    frames = sent(rng, 24, source.beats, source.lanes * source.bits)
    frames[0] = [rng.getrandbits(3) for _ in range(source.beats)]
    whole = [frame for frame in frames if len(frame) == source.beats]
    x, _ = source.unpack([f"{beat:x}" for frame in whole for beat in frame])
    y = sink.pack(plan.network.run(x))
    size = sink.tdata_bits // 8
    beats = [int.from_bytes(y[at : at + size], "big") for at in range(0, len(y), size)]
    instances = {placed.name: placed.name.replace(" ", "_") for placed in plan.assembly.parts}
    return Accelerator(plan, instances), frames, np.reshape(beats, (len(whole), -1)).tolist()


# a family of which no cells are instantiated, that the simulator would leave out
TARGET = "ice40-hx8k"
X = Node("x", Input((1, 8, 8), Fixed(3), [0.5], 0))
NETWORKS = (
    planned(chain_of(["one", "two"], seed=3), goal=1e6, target=TARGET),
    # the result of one is there long before its frame is: what is cut away comes last
    planned(Network((X, Node("y", MaxPool2d((1, 1), (5, 5)), ("x",)))), target=TARGET),
)


@pytest.mark.parametrize("stalls", [(0.0, 0.0), (0.4, 0.4)])
@pytest.mark.parametrize("plan", NETWORKS, ids=("convolutions", "cropped"))
def test_a_network(plan, stalls):
    """Frames before and behind a damaged one are golden's."""
    dut, frames, golden = network_of(plan)
    bad = damaged(frames, plan.inputs[0].beats)
    seen = run(dut, frames, len(frames), stall_in=stalls[0], stall_out=stalls[1], seed=5)
    assert [f for f, b in zip(seen.frames, bad, strict=True) if not b] == golden
    assert seen.marks == bad and seen.errors == sum(bad) > 5
    if not any(stalls):
        assert seen.ends[0] == plan.latency


def test_a_result_waits_for_the_end_of_its_frame():
    """That decides whether it is marked; the plan counts with it."""
    timing = NETWORKS[1].timing
    assert timing.frame_ends[0] == NETWORKS[1].beats_in[0] == timing.latency
    assert timing.interval == NETWORKS[1].beats_in[0] and timing.inside == (1,)
