"""A reset in the middle of a frame: engines go on as if there had been nothing before it."""

import random

import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator
from stream_bench import pack, unpack
from test_engine import array_case, flatten, pool_case
from test_pasm import pasm_case

from rtl_templates.engine import Engine

CLOCKS = 3000  # that are surely enough
CASES = [(kind, seed) for kind in (array_case, pool_case, pasm_case) for seed in (1, 2)]


@pytest.mark.parametrize(
    ("kind", "seed"), CASES, ids=lambda value: getattr(value, "__name__", value)
)
def test_nothing_is_left_of_what_was_before(kind, seed):
    engine, frames, result = kind(seed)
    frames, window, rng = frames[:2], engine.window, random.Random(seed)
    beats = [
        pack(pixel[n : n + window.word], window.bits)
        for frame in frames
        for row in frame
        for pixel in row
        for n in range(0, window.channels, window.word)
    ]
    wanted = flatten(engine, [result(f, *at) for f in frames for at in window.positions()])
    dut, reset = Engine(engine), Signal()
    seen = []

    async def bench(ctx):
        ctx.set(dut.o.ready, 1)
        before = rng.randrange(1, len(beats))  # that are lost, and what came of them
        sent = 0
        for _ in range(CLOCKS):
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.i.payload.as_value(), rng.choice(beats))
            _, _, ready = await ctx.tick().sample(dut.i.ready)
            sent += ready
            if sent == before:
                break
        assert sent == before, f"seed {seed}"
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        sent = 0
        for _ in range(CLOCKS):
            ctx.set(dut.i.valid, sent < len(beats))
            ctx.set(dut.i.payload.as_value(), beats[sent % len(beats)])
            _, _, ready, valid, word = await ctx.tick().sample(
                dut.i.ready, dut.o.valid, dut.o.payload.as_value()
            )
            sent += ready and sent < len(beats)
            if valid:
                seen.append(unpack(word, engine.lanes, *engine.element))
            if len(seen) == len(wanted):
                break

    simulator = Simulator(ResetInserter(reset)(dut))
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert len(seen) == len(wanted), f"seed {seed}"
    for n, (beat, values) in enumerate(zip(seen, wanted, strict=True)):
        kept = [v if w is not None else None for v, w in zip(beat, values, strict=True)]
        assert kept == values, f"seed {seed}, beat {n}"
