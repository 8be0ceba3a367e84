"""Drive one component through its streams in Amaranth's simulator, and watch the stream rules."""

import random
from dataclasses import dataclass, field

from amaranth.hdl import Elaboratable, Module, Signal, ValueCastable
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


STALLS = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.4, 0.4))  # chances at the source and the sink


def run_all(dut, inputs, outputs, *, stall_in=0.0, stall_out=0.0, seed=0) -> list[Run]:
    """Send beats into several streams until enough have left each output; a run an output, the
    first with the clocks on which the first input's beats were taken.

    Parameters
    ----------
    inputs : (stream, beats, arrivals)
    outputs : (stream, beats that will leave)
    """
    return Bench(dut, inputs, outputs).run(stall_in, stall_out, seed)


class Bench:
    """A component and what is sent into it, for many runs: half of the time of one goes into the
    component's becoming a simulation, which is done once.

    Parameters
    ----------
    inputs, outputs : as of `run_all`
    """

    def __init__(self, dut, inputs, outputs):
        self._inputs, self._outputs = inputs, outputs
        self._coroutines = []  # of the present run: those of the inputs, then those of the outputs
        self._ran = False
        self._simulator = Simulator(dut)
        self._simulator.add_clock(1e-6)
        for n in range(len(inputs)):
            self._simulator.add_testbench(self._nth(n), background=True)
        for n in range(len(outputs)):
            self._simulator.add_testbench(self._nth(len(inputs) + n))

    def _nth(self, n):
        async def testbench(ctx):
            await self._coroutines[n](ctx)

        return testbench

    def run(self, stall_in=0.0, stall_out=0.0, seed=0) -> list[Run]:
        """Start from reset, send all and return a run an output."""
        seen = [Run() for _ in self._outputs]
        self._coroutines = []
        for n, (i, beats, arrivals) in enumerate(self._inputs):
            taken = seen[0].taken if n == 0 else []
            rng = random.Random(seed * 31 + n)
            self._coroutines.append(_source(i, beats, arrivals, taken, stall_in, rng))
        for n, ((o, count), found) in enumerate(zip(self._outputs, seen, strict=True)):
            rng = random.Random(seed * 37 + n + 1000)
            self._coroutines.append(_sink(o, count, found, stall_out, rng, seed))
        if self._ran:  # its own first start is as good
            self._simulator.reset()
        self._ran = True
        self._simulator.run()
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


def in_lanes(pixels, lanes):
    """Return what beats of so many lanes hold of pixels, None in lanes behind a pixel's end."""
    groups = [pixel[n : n + lanes] for pixel in pixels for n in range(0, len(pixel), lanes)]
    return [[*group, *[None] * (lanes - len(group))] for group in groups]


def check_component(
    dut,
    beats,
    wanted,
    element,
    *,
    seed,
    stalls=((0.0, 0.0), (0.5, 0.0)),
    schedule=None,
    arrivals=None,
    where="",
) -> None:
    """Hold a component to its reference: every element that leaves, and the clock of every beat.

    Parameters
    ----------
    beats : integers, what enters
    wanted : what leaves, a list of lanes a beat; None where nothing counts
    element : bits of a lane, and whether it is signed
    stalls : chances of one before and behind, for a run each
    schedule : from the clocks of arrivals to those of departures, where nothing stalls; if there is
        none, a beat leaves `dut.parameters.latency` clocks after it was taken, always
    arrivals : the clock before which each beat is not there; all there from the start if not given
    """
    arrivals = arrivals or [0] * len(beats)
    bench = Bench(dut, [(dut.i, beats, arrivals)], [(dut.o, len(wanted))])
    for before, behind in stalls:
        hint = f"seed {seed}, stalls {before}, {behind} {where}"
        (seen,) = bench.run(before, behind, seed)
        for n, (beat, values) in enumerate(zip(seen.outputs, wanted, strict=True)):
            got = unpack(beat, len(values), *element)
            kept = [v if w is not None else None for v, w in zip(got, values, strict=True)]
            assert kept == values, f"{hint}, beat {n}"
        if schedule is None:
            delays = {out - into for into, out in zip(seen.taken, seen.emitted, strict=True)}
            assert delays == {dut.parameters.latency}, hint
        elif not before and not behind:
            assert seen.emitted == schedule(arrivals), hint


def check_under_stalls(p, beats, wanted, stalls=STALLS) -> None:
    """Hold the component of parameters to its reference with beats that arrive now and then, and
    with every way to stall.

    Parameters
    ----------
    p : with a `schedule`
    beats, wanted, stalls : as of `check_component`
    """
    for seed, chances in enumerate(stalls):
        clock, arrivals = 0, []
        for _ in beats:
            clock += random.Random(seed + clock).choice((0, 0, 1, 3))
            arrivals.append(clock)
        check_component(
            p.create(),
            beats,
            wanted,
            p.element,
            seed=seed,
            stalls=[chances],
            schedule=p.schedule,
            arrivals=arrivals,
        )


def check_elements(dut, pixels, expected, seed) -> None:
    """Hold a unit that makes of each element another to its reference.

    Parameters
    ----------
    pixels : elements of each channel
    expected : what comes of (channel, element)
    """
    p = dut.parameters
    beats = [
        pack(pixel[n : n + p.lanes], p.x_shape.width)
        for pixel in pixels
        for n in range(0, p.channels, p.lanes)
    ]
    results = [[expected(channel, x) for channel, x in enumerate(pixel)] for pixel in pixels]
    wanted = in_lanes(results, p.lanes)
    check_component(dut, beats, wanted, (p.bits, p.signed), seed=seed, where=str(p))


class Clocked(Elaboratable):
    """A component beside a register: wires alone have no clock, which the bench wants."""

    def __init__(self, inside):
        self.inside, self.i, self.o = inside, inside.i, inside.o

    def elaborate(self, platform):
        m = Module()
        m.submodules.inside = self.inside
        ticks = Signal()
        m.d.sync += ticks.eq(~ticks)
        return m
