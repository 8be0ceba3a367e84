"""Clocks under stalls: whatever arrives late and whatever is taken late, every beat enters and
leaves on the clock that the processes say. What a network's timing is made of."""

import random

import numpy as np
import pytest

from hwgen_rtl_templates.engine import Engine
from hwgen_rtl_templates.fifo import Fifo
from hwgen_rtl_templates.join import ConcatParameters, SumParameters
from hwgen_rtl_templates.requantize import RequantizerParameters
from hwgen_rtl_templates.running_maximum import RunningMaximumParameters
from hwgen_rtl_templates.streams import ForkParameters
from hwgen_rtl_templates.timing import Link, evaluate, source
from hwgen_rtl_templates.unrolled import UnrolledParameters
from support.arrays import dsp_case, pasm_case
from support.circuits import random_circuit
from support.engines import array_case, pool_case
from support.stream_bench import run_all
from support.timed_parts import ONE_STREAM

LONG = 50_000  # clocks


def late(link, beats, ready):
    """Take every beat on the first ready clock from that on which it is offered."""
    for n in range(beats):
        while len(link.offered) <= n:
            yield
        clock = link.offered[n]
        while not ready[clock]:
            clock += 1
        link.taken.append(clock)


def ready_of(seed, number, stall):
    """Return the clocks on which the sink of output `number` of `stream_bench` is ready."""
    rng = random.Random(seed * 37 + number + 1000)
    return [rng.random() >= stall for _ in range(LONG)]


def arrivals_of(beats, rng, most):
    clock, found = 0, []
    for _ in range(beats):
        clock += rng.randint(0, most)
        found.append(clock)
    return found


STALLS = ((0, 0.5), (6, 0.0), (2, 0.3), (0, 0.9))  # clocks between arrivals, chance at the sink


def check(p, dut, inputs, outputs, beats, seed, stalls=STALLS):
    """Compare the clocks of a component with those of its processes, whatever stalls."""
    rng = random.Random(seed)
    for most, stall in stalls:
        whens = [arrivals_of(count, rng, most) for count in beats]
        ins, outs = [Link() for _ in inputs], [Link() for _ in outputs]
        counts = [p.departures(beats[0])] * len(outputs)
        evaluate(
            [
                *(source(i, when) for i, when in zip(ins, whens, strict=True)),
                *p.processes(ins, outs, beats[0]),
                *(
                    late(o, count, ready_of(seed, n, stall))
                    for n, (o, count) in enumerate(zip(outs, counts, strict=True))
                ),
            ],
            [link.taken for link in (*ins, *outs)],
        )
        sent = [[0] * count for count in beats]
        seen = run_all(
            dut,
            list(zip(inputs, sent, whens, strict=True)),
            list(zip(outputs, counts, strict=True)),
            stall_out=stall,
            seed=seed,
        )
        where = f"arrivals up to {most} apart, stalls {stall}, seed {seed}, {p}"
        assert [found.emitted for found in seen] == [list(o.taken) for o in outs], where
        assert seen[0].taken == list(ins[0].taken[: len(seen[0].taken)]), where


# drained and not, padded and not, of every kind of array
ENGINES = [
    *((array_case, 3), (array_case, 10), (pool_case, 1), (pool_case, 2)),
    *((dsp_case, 6), (dsp_case, 7), (pasm_case, 7), (pasm_case, 4)),
]


@pytest.mark.parametrize(("case", "seed"), ENGINES)
def test_engine(case, seed):
    engine = case(seed)[0]
    p = engine.at_full_rate() if seed % 2 else engine.with_depth(max(engine.drain.pieces))
    dut = Engine(p)
    check(p, dut, [dut.i], [dut.o], [p.beats_in * 2], seed, [(0, 0.6), (3, 0.3)])


@pytest.mark.parametrize("name", ONE_STREAM)
def test_part(name):
    p = ONE_STREAM[name]
    dut = p.create() if hasattr(p, "create") else Fifo(p)
    check(p, dut, [dut.i], [dut.o], [30], 5)


def test_fork():
    p = ForkParameters(1, 4, False, 3)
    dut = p.create()
    check(p, dut, [dut.i], [dut.o_0, dut.o_1, dut.o_2], [30], 3)


@pytest.mark.parametrize("depth", [1, 2, 9])
def test_sum(depth):
    epilogue = RequantizerParameters(1, 1, 0, 30, (1,), 1, 0, 0, 15, 4, False)
    p = SumParameters(1, 1, (4, 4), (False, False), (1, 1), 0, 0, 30, 30, epilogue, depth)
    dut = p.create()
    check(p, dut, [dut.i_0, dut.i_1], [dut.o], [30, 30], depth)


def test_concat():
    p = ConcatParameters((2, 1, 3), 1, 4, False)
    dut = p.create()
    check(p, dut, [dut.i_0, dut.i_1, dut.i_2], [dut.o], [20, 10, 30], 1)


@pytest.mark.parametrize(
    ("size", "kernel", "depth"),
    [((5, 7), (2, 2), 1), ((4, 6), (2, 3), 2), ((6, 6), (2, 2), 5), ((4, 4), (1, 2), 70)],
)
def test_running_maximum(size, kernel, depth):
    p = RunningMaximumParameters(2, *size, kernel, 1, 3, False, depth=depth, shifts=depth == 5)
    dut = p.create()
    check(p, dut, [dut.i], [dut.o], [2 * p.beats_in], depth)


@pytest.mark.parametrize("latency", [1, 2, 6])
def test_unrolled(latency):
    circuit = random_circuit(np.random.default_rng(latency), 2, 6, 3, kinds=(1, 2))
    stages = (0, 0, *sorted(n % latency for n in range(6)))
    p = UnrolledParameters(circuit, stages, 3, True, 20, True)
    dut = p.create()
    check(p, dut, [dut.i], [dut.o], [40], latency)
