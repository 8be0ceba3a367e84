"""Drive one component through its streams in Amaranth's simulator, and watch the stream rules."""

import random
from dataclasses import dataclass, field

from amaranth.hdl import ValueCastable
from amaranth.sim import Simulator

LIMIT = 100_000  # clocks without an end are a hang


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
    rng = random.Random(seed)
    seen = Run()
    arrivals = arrivals or [0] * len(beats)

    def put(ctx, value):
        payload = dut.i.payload
        if isinstance(payload, ValueCastable):
            payload = payload.as_value()
        ctx.set(payload, value)

    async def source(ctx):
        sent = clock = 0
        waiting = False
        while True:
            ready_to_offer = sent < len(beats) and clock >= arrivals[sent]
            offering = waiting or (ready_to_offer and rng.random() >= stall_in)
            ctx.set(dut.i.valid, offering)
            put(ctx, beats[sent] if offering else rng.getrandbits(8))
            _, _, ready = await ctx.tick().sample(dut.i.ready)
            if offering and ready:
                seen.taken.append(clock)
                sent += 1
            waiting = offering and not ready
            clock += 1

    async def sink(ctx):
        clock, held = 0, None
        payload = dut.o.payload
        if isinstance(payload, ValueCastable):
            payload = payload.as_value()
        always = _always_ready(dut.o)
        while len(seen.outputs) < count:
            ready = True if always else rng.random() >= stall_out
            if not always:
                ctx.set(dut.o.ready, ready)
            _, _, valid, value = await ctx.tick().sample(dut.o.valid, payload)
            if held is not None:
                assert valid, f"clock {clock}, seed {seed}: valid fell before the beat was taken"
                assert value == held, f"clock {clock}, seed {seed}: a waiting beat changed"
            if valid and ready:
                seen.outputs.append(value)
                seen.emitted.append(clock)
            held = value if valid and not ready else None
            clock += 1
            assert clock < LIMIT, f"seed {seed}: {len(seen.outputs)} of {count} beats, then none"

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(source, background=True)
    simulator.add_testbench(sink)
    simulator.run()
    return seen


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
