"""Serial line: against the line's own definition, bit by bit, and one side against the other."""

import random

import pytest
from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect
from amaranth.sim import Simulator

from hwgen_rtl_templates.uart import UartParameters, UartReceiver, UartTransmitter
from support.stream_bench import run

SEED = 20


class Loop(wiring.Component):
    """A transmitter whose line ends in a receiver."""

    def __init__(self, sender, receiver):
        self.sides = UartTransmitter(UartParameters(sender)), UartReceiver(UartParameters(receiver))
        super().__init__(
            {"i": In(stream.Signature(8)), "o": Out(stream.Signature(8, always_ready=True))}
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.tx, m.submodules.rx = tx, rx = self.sides
        m.d.comb += rx.rx.eq(tx.tx)
        connect(m, outside=wiring.flipped(self.i), tx=tx.i)
        connect(m, rx=rx.o, outside=wiring.flipped(self.o))
        return m


# The last two are rates 4 % apart, as two sides that are 2 % off in opposite directions.
@pytest.mark.parametrize("clocks", [(4, 4), (5, 5), (12, 12), (25, 24), (24, 25)])
def test_what_is_sent_is_received(clocks):
    rng = random.Random(SEED)
    sent = [0x00, 0xFF, 0x55, 0xAA, 0x01, 0x80, *(rng.randrange(256) for _ in range(10))]
    for stall in (0.0, 0.9):
        assert run(Loop(*clocks), sent, len(sent), stall_in=stall, seed=SEED).outputs == sent


def line(sent, clocks, *, idle=0):
    """Return the line's level on each clock."""
    bits = []
    for byte in sent:
        bits += [0, *((byte >> n) & 1 for n in range(8)), 1]
    return [1] * idle + [bit for bit in bits for _ in range(clocks)] + [1] * 3 * clocks


def received(levels, clocks):
    dut = UartReceiver(UartParameters(clocks))
    found, errors = [], 0

    async def bench(ctx):
        nonlocal errors
        for level in levels:
            ctx.set(dut.rx, level)
            _, _, valid, byte, error = await ctx.tick().sample(
                dut.o.valid, dut.o.payload, dut.error
            )
            if valid:
                found.append(byte)
            errors += error

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found, errors


@pytest.mark.parametrize("clocks", [4, 7, 12])
def test_the_line_is_as_defined(clocks):
    rng = random.Random(SEED)
    sent = [rng.randrange(256) for _ in range(20)]
    assert received(line(sent, clocks, idle=5), clocks) == (sent, 0)

    dut = UartTransmitter(UartParameters(clocks))
    seen = []

    async def bench(ctx):
        for byte in sent:
            ctx.set(dut.i.payload, byte)
            ctx.set(dut.i.valid, 1)
            await ctx.tick()
            ctx.set(dut.i.valid, 0)
            for _ in range(10 * clocks):
                seen.append(ctx.get(dut.tx))
                await ctx.tick()
            assert ctx.get(dut.i.ready) and ctx.get(dut.tx)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == line(sent, clocks)[: -3 * clocks]


def test_a_break_is_one_error_and_a_glitch_is_none():
    good = line([0x41], 8)
    assert received([*good, *[0] * 400, *[1] * 20, *good], 8) == ([0x41, 0x41], 1)
    assert received([*[1] * 9, 0, 0, *[1] * 100, *good], 8) == ([0x41], 0)


def test_rates():
    assert UartParameters.at(24_000_000, 1_000_000).clocks == 24
    assert UartParameters.at(100_000_000, 3_000_000).clocks == 33
    with pytest.raises(ValueError, match="^Rate must be the clock of 12000000 Hz divided by a"):
        UartParameters.at(12_000_000, 2_700_000)
    with pytest.raises(ValueError, match="^Clocks of a bit must be at least 4, not 3$"):
        UartParameters(3)
