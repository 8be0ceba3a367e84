"""CRC-32 against that of the standard library."""

import binascii
import random

from amaranth.sim import Simulator

from hwgen_rtl_templates.crc import CLOCKS, Crc32

SEED = 41


def test_messages():
    rng, dut = random.Random(SEED), Crc32()
    messages = [b"123456789", b"\0", *(rng.randbytes(rng.randint(1, 30)) for _ in range(40))]

    async def take(ctx, data):
        for byte in data:
            ctx.set(dut.data, byte)
            ctx.set(dut.valid, 1)
            await ctx.tick()
            ctx.set(dut.valid, 0)
            ctx.set(dut.data, rng.randrange(256))
            for _ in range(CLOCKS):
                assert ctx.get(dut.busy)
                await ctx.tick()
            assert not ctx.get(dut.busy)
            for _ in range(rng.randrange(3)):
                await ctx.tick()

    async def bench(ctx):
        for message in messages:
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            await take(ctx, message)
            crc = binascii.crc32(message)
            assert ctx.get(dut.crc) == crc, f"seed {SEED}: {message.hex()}"
            assert not ctx.get(dut.good)
            await take(ctx, crc.to_bytes(4, "little"))
            assert ctx.get(dut.good)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
