"""Bit-serial datapaths against loops over the definition, as close as vectors may follow."""

import random

import pytest

from hwgen_rtl_templates.adder_graph import Adder, AdderGraph, Tap
from hwgen_rtl_templates.bit_serial import BitSerial, BitSerialParameters
from support.adder_graphs import random_adder_graph, random_vectors
from support.selection import some
from support.stream_bench import pack, run, unpack
from support.word_level import word_level


def check(p, x, seed, *, gaps=0):
    rng = random.Random(seed)
    arrivals, clock = [], 0
    for _ in x:
        arrivals.append(clock)
        clock += p.interval + (rng.randint(0, gaps) if gaps else 0)
    beats = [pack(v, p.x_bits) for v in x]
    seen = run(BitSerial(p), beats, len(x), arrivals=arrivals, seed=seed)
    got = [unpack(w, p.lanes, p.bits, False) for w in seen.outputs]
    expected = [[y % (1 << p.bits) for y in p.graph.evaluate(v)] for v in x]
    assert got == expected, f"seed {seed}"
    clocks = [b - a for a, b in zip(seen.taken, seen.emitted, strict=True)]
    assert set(clocks) == {p.latency}, f"seed {seed}"
    assert seen.taken == arrivals
    assert p.registers == word_level(BitSerial(p)).registers, f"seed {seed}"


@pytest.mark.parametrize("seed", some(range(40), range(14)))
def test_values_and_latency(seed):
    rng = random.Random(seed)
    graph = random_adder_graph(rng)
    bits, is_signed = rng.randint(1, 6), rng.random() < 0.6
    y_bits = rng.choice((3, 40))
    p = BitSerialParameters(graph, bits, is_signed, y_bits, True, rng.choice((1, 1, 2, 3, 4)))
    x = random_vectors(rng, graph.inputs, bits, is_signed)
    check(p, x, seed, gaps=(0, 5)[seed % 2])


@pytest.mark.parametrize("digit", [1, 2, 3, 4])
@pytest.mark.parametrize("negate", [False, True])
@pytest.mark.parametrize("shift", range(-5, 6))
def test_every_shift(shift, negate, digit):
    graph = AdderGraph(2, (Adder(0, 1, shift, negate),), (Tap(2), Tap(2, 1, True), Tap(0, 2)))
    p = BitSerialParameters(graph, 3, True, 14, True, digit)
    check(p, [[a, b] for a in range(-4, 4) for b in range(-4, 4)], 0)


def test_message():
    with pytest.raises(ValueError, match="Bits of a digit must be at least 1, not 0"):
        BitSerialParameters(AdderGraph(1, (), ()), 4, True, 8, True, 0)
