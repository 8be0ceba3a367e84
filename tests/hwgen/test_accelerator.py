"""The whole accelerator in Amaranth's own simulator: parts joined at their borders, no tool."""

import random

import numpy as np
import pytest
from amaranth.hdl import Module, signed
from amaranth.lib import data, stream, wiring
from amaranth.sim import Simulator

from hwgen.codegen.accelerator import Accelerator, _join
from hwgen.codegen.entries import enter_as, leave_as
from hwgen.formats import Fixed
from hwgen.network import Concat, Conv2d, Input, Network, Node, Requantize
from hwgen.planning.search.planner import plan
from support.networks import random_input

FRAMES = 3


def test_wider_elements_keep_their_sign():
    """A user that holds more than its maker sends, such as padding, gets the same values."""
    narrow, wide = (stream.Signature(data.ArrayLayout(signed(bits), 2)) for bits in (3, 5))
    before, after = narrow.create(), wide.create()
    m = Module()
    _join(m, before, wiring.flipped(after))
    simulator = Simulator(m)

    async def bench(ctx):
        for value in range(-4, 4):
            for lane, element in enumerate((value, -1 - value)):
                ctx.set(before.payload[lane], element)
            ctx.set(before.valid, value & 1)
            ctx.set(after.ready, value >> 1 & 1)
            assert [ctx.get(after.payload[lane]) for lane in (0, 1)] == [value, -1 - value]
            assert ctx.get(after.valid) == value & 1 and ctx.get(before.ready) == value >> 1 & 1

    simulator.add_testbench(bench)
    simulator.run()


def forked(seed=0) -> Network:
    """A value with a zero point beyond its range, padded on one of two branches that join."""
    rng = np.random.default_rng(seed)

    def conv(kernel, padding):
        weight = rng.integers(-3, 4, (2, 2, kernel, kernel))
        return Conv2d(weight, rng.integers(-4, 5, 2), Fixed(3), [1.0], padding=padding)

    low = Requantize([1], [1], Fixed(4), [1.0], zero_point=5, lo=-8, hi=1)
    return Network(
        (
            Node("x", Input((2, 3, 3), Fixed(4), [1.0])),
            Node("low", low, ("x",)),
            Node("a", conv(3, 1), ("low",)),
            Node("b", conv(1, 0), ("low",)),
            Node("aa", Requantize([1], [3], Fixed(5), [1.0], -3), ("a",)),
            Node("bb", Requantize([1], [2], Fixed(5), [1.0], -3, hi=-2), ("b",)),
            Node("y", Concat(), ("aa", "bb")),
        )
    )


@pytest.mark.parametrize("stall", [0.0, 0.3])
def test_every_bit_of_a_fork_and_a_join(stall):
    """And every clock, where nothing stalls."""
    network = forked()
    stored = tuple(f"{layer}.{way}=0" for layer in "ab" for way in ("parallel", "serial"))
    made = plan(network, target="icebreaker", goal="min area", overrides=stored)
    dut = Accelerator(made, {placed.name: placed.name for placed in made.assembly.parts})
    enters, leaves = enter_as(made)["s_axis"], leave_as(made)["m_axis"]
    x = random_input(network, FRAMES, 1)
    packed, size = enters.pack(x), enters.tdata_bits // 8
    beats = [int.from_bytes(packed[at : at + size], "big") for at in range(0, len(packed), size)]
    seen, rng = [], random.Random(1)
    starts, ends = [], []

    async def source(ctx):
        for n, beat in enumerate(beats):
            while rng.random() < stall:
                await ctx.tick()
            ctx.set(dut.s_axis_tdata, beat)
            ctx.set(dut.s_axis_tlast, n % enters.beats == enters.beats - 1)
            ctx.set(dut.s_axis_tvalid, 1)
            await ctx.tick().until(dut.s_axis_tready)
            ctx.set(dut.s_axis_tvalid, 0)

    async def sink(ctx):
        accepted = clock = 0
        while len(seen) < FRAMES * leaves.beats:
            ready = rng.random() >= stall
            ctx.set(dut.m_axis_tready, ready)
            enters_now = dut.s_axis_tvalid & dut.s_axis_tready
            _, _, entered, valid, word, last, error = await ctx.tick().sample(
                enters_now, dut.m_axis_tvalid, dut.m_axis_tdata, dut.m_axis_tlast, dut.frame_error
            )
            assert not error
            starts.extend([clock] * (entered and accepted % enters.beats == 0))
            ends.extend([clock] * (valid and ready and last))
            accepted, clock = accepted + entered, clock + 1
            if valid and ready:
                assert last == (len(seen) % leaves.beats == leaves.beats - 1)
                seen.append(word.to_bytes(leaves.tdata_bits // 8, "big"))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(source, background=True)
    simulator.add_testbench(sink)
    simulator.run()
    assert np.array_equal(leaves.unpack_bytes(b"".join(seen)), network.run(x))
    if not stall:
        timing = made.timing_of(FRAMES)
        assert (tuple(starts), tuple(ends)) == (timing.frame_starts, timing.frame_ends)
        assert made.latency == ends[0] - starts[0] and made.interval == ends[-1] - ends[-2]
