"""What engines do beside computing: take words on the clocks of the schedule, and start anew."""

import random

from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from hwgen_rtl_templates.engine import Engine
from hwgen_rtl_templates.timing import Link, evaluate, sink, source
from support.engines import flatten
from support.stream_bench import pack, run, unpack

CLOCKS = 3000  # that are surely enough


def words_of(window, frames) -> list[int]:
    """Return the words of frames, as they enter a window."""
    return [
        pack(pixel[n : n + window.word], window.bits)
        for frame in frames
        for row in frame
        for pixel in row
        for n in range(0, window.channels, window.word)
    ]


def check_entering(case, seed: int) -> None:
    """Offer more words than the line buffer holds: they enter, and results leave, on the clocks of
    the schedule, for each row that is read makes room."""
    engine, frames, _ = case(seed)
    window = engine.window
    words = words_of(window, frames)
    assert len(words) > 2 * window.depth
    i, o = Link(), Link()
    count = engine.departures(len(words))
    parts = [source(i, [0] * len(words)), *engine.processes([i], [o], len(words)), sink(o, count)]
    evaluate(parts, [i.taken, o.taken])
    seen = run(Engine(engine), words, count)
    assert seen.emitted == list(o.taken), f"seed {seed}"
    assert seen.taken == list(i.taken[: len(seen.taken)]), f"seed {seed}"
    assert len(seen.taken) > len(words) - window.depth


def check_reset(case, seed: int) -> None:
    """Reset an engine at some word of a frame: it goes on as if there had been nothing before."""
    engine, frames, result = case(seed)
    frames, window, rng = frames[:2], engine.window, random.Random(seed)
    words = words_of(window, frames)
    wanted = flatten(engine, [result(f, *at) for f in frames for at in window.positions()])
    dut, reset = Engine(engine), Signal()
    seen = []

    async def bench(ctx):
        ctx.set(dut.o.ready, 1)
        before, sent = rng.randrange(len(words) // 4, len(words)), 0
        for _ in range(CLOCKS):
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.i.payload.as_value(), rng.choice(words))
            _, _, ready = await ctx.tick().sample(dut.i.ready)
            sent += ready
            if sent > before:
                break
        assert sent > before, f"seed {seed}"
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        sent = 0
        for _ in range(CLOCKS):
            ctx.set(dut.i.valid, sent < len(words))
            ctx.set(dut.i.payload.as_value(), words[sent % len(words)])
            _, _, ready, valid, word = await ctx.tick().sample(
                dut.i.ready, dut.o.valid, dut.o.payload.as_value()
            )
            sent += ready and sent < len(words)
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
