"""Drive one component through its streams in Amaranth's simulator, and watch the stream rules."""

import random
from dataclasses import dataclass, field

from amaranth.hdl import ValueCastable
from amaranth.sim import Simulator

LIMIT = 10_000  # clocks without a beat are a hang


@dataclass
class Run:
    """What happened: outgoing payloads as integers, and the clocks of all transfers."""

    outputs: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    emitted: list[int] = field(default_factory=list)


def run(dut, beats, count, *, arrivals=None, stall_in=0.0, stall_out=0.0, seed=0) -> Run:
    """Send `beats` (integers) into `dut.i` until `count` have left `dut.o`.

    A beat is offered no sooner than its clock in `arrivals`. Once offered it stays; so must what
    the component offers.
    """
    (seen,) = run_all(
        dut,
        [(dut.i, beats, arrivals or [0] * len(beats))],
        [(dut.o, count)],
        stall_in=stall_in,
        stall_out=stall_out,
        seed=seed,
    )
    return seen


def run_all(dut, inputs, outputs, *, stall_in=0.0, stall_out=0.0, seed=0) -> list[Run]:
    """Send beats into several streams until enough have left each output; a run an output, the
    first with the clocks on which the first input's beats were taken.

    Parameters
    ----------
    inputs : (stream, beats, arrivals)
    outputs : (stream, beats that will leave)
    """
    seen = [Run() for _ in outputs]
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for n, (i, beats, arrivals) in enumerate(inputs):
        taken = seen[0].taken if n == 0 else []
        bench = _source(i, beats, arrivals, taken, stall_in, random.Random(seed * 31 + n))
        simulator.add_testbench(bench, background=True)
    for n, ((o, count), found) in enumerate(zip(outputs, seen, strict=True)):
        rng = random.Random(seed * 37 + n + 1000)
        simulator.add_testbench(_sink(o, count, found, stall_out, rng, seed))
    simulator.run()
    return seen


def _flat(payload):
    return payload.as_value() if isinstance(payload, ValueCastable) else payload


def _source(i, beats, arrivals, taken, stall, rng):
    async def source(ctx):
        sent = clock = 0
        waiting = False
        while True:
            ready_to_offer = sent < len(beats) and clock >= arrivals[sent]
            offering = waiting or (ready_to_offer and rng.random() >= stall)
            ctx.set(i.valid, offering)
            ctx.set(_flat(i.payload), beats[sent] if offering else rng.getrandbits(8))
            _, _, ready = await ctx.tick().sample(i.ready)
            if offering and ready:
                taken.append(clock)
                sent += 1
            waiting = offering and not ready
            clock += 1

    return source


def _sink(o, count, seen, stall, rng, seed):
    async def sink(ctx):
        clock, held = 0, None
        payload = _flat(o.payload)
        always = _always_ready(o)
        while len(seen.outputs) < count:
            ready = True if always else rng.random() >= stall
            if not always:
                ctx.set(o.ready, ready)
            _, _, valid, value = await ctx.tick().sample(o.valid, payload)
            if held is not None:
                assert valid, f"clock {clock}, seed {seed}: valid fell before the beat was taken"
                assert value == held, f"clock {clock}, seed {seed}: a waiting beat changed"
            if valid and ready:
                seen.outputs.append(value)
                seen.emitted.append(clock)
            held = value if valid and not ready else None
            clock += 1
            idle = clock - (seen.emitted[-1] if seen.emitted else 0)
            assert idle < LIMIT, f"seed {seed}: {len(seen.outputs)} of {count} beats, then none"

    return sink


def _always_ready(interface) -> bool:
    return bool(interface.signature.always_ready)


def pack(values, bits):
    """Return elements side by side in one integer, the first lowest."""
    mask = (1 << bits) - 1
    return sum((int(value) & mask) << (n * bits) for n, value in enumerate(values))


def unpack(word, lanes, bits, is_signed):
    """Return the elements of a beat."""
    values = [(word >> (n * bits)) & ((1 << bits) - 1) for n in range(lanes)]
    return [v - (1 << bits) if is_signed and v >> (bits - 1) else v for v in values]


def check_elements(dut, pixels, expected, seed) -> None:
    """Compare a unit that makes of each element another, with stalls before it and without, and
    its latency.

    Parameters
    ----------
    pixels : elements of each channel
    expected : what comes of (channel, element)
    """
    p = dut.parameters
    groups = range(0, p.channels, p.lanes)
    width = p.x_shape.width
    beats = [pack(pixel[n : n + p.lanes], width) for pixel in pixels for n in groups]
    for stall in (0.0, 0.5):
        seen = run(dut, beats, len(beats), stall_in=stall, seed=seed)
        got = iter(seen.outputs)
        for pixel in pixels:
            for n in groups:
                values = unpack(next(got), p.lanes, p.bits, p.signed)
                for lane, x in enumerate(pixel[n : n + p.lanes]):
                    wanted = expected(n + lane, x)
                    assert values[lane] == wanted, f"seed {seed}, x {x}, channel {n + lane}, {p}"
        delays = {out - into for into, out in zip(seen.taken, seen.emitted, strict=True)}
        assert delays == {p.latency}
