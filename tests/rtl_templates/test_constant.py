"""Constant datapaths against loops over the definition, with gaps between the vectors."""

import random

import pytest
from stream_bench import pack, run, unpack
from word_level import adders, registers

from hwgen_rtl_templates.adder_graph import Adder, AdderGraph, Tap
from hwgen_rtl_templates.constant import ConstantDatapath, ConstantParameters


def random_graph(rng):
    inputs = rng.randint(1, 4)
    adders = tuple(
        Adder(
            rng.randrange(inputs + n),
            rng.randrange(inputs + n),
            rng.choice((0, 0, 1, 2, 3, 9, -1, -2)),
            rng.random() < 0.5,
        )
        for n in range(rng.randint(0, 7))
    )
    terms = inputs + len(adders)
    taps = [Tap(rng.randrange(terms), rng.randint(0, 2), rng.random() < 0.3) for _ in range(4)]
    return AdderGraph(inputs, adders, (*taps, Tap(None)))


def random_vectors(rng, inputs, bits, is_signed):
    """Return vectors of so many elements, the last two of extremes."""
    low = -(1 << (bits - 1)) if is_signed else 0
    high = low + (1 << bits) - 1
    x = [[rng.randint(low, high) for _ in range(inputs)] for _ in range(40)]
    return [*x, [low] * inputs, [high] * inputs]


@pytest.mark.parametrize("seed", range(40))
def test_values_and_latency(seed):
    rng = random.Random(seed)
    graph = random_graph(rng)
    bits, is_signed = rng.randint(1, 6), rng.random() < 0.6
    y_bits = rng.choice((3, 40))
    p = ConstantParameters(graph, bits, is_signed, y_bits, True, rng.randint(1, 3))
    x = random_vectors(rng, graph.inputs, bits, is_signed)
    beats = [pack(v, bits) for v in x]
    seen = run(ConstantDatapath(p), beats, len(x), stall_in=0.4 * (seed % 2), seed=seed)
    got = [unpack(w, 5, y_bits, False) for w in seen.outputs]
    expected = [[y % (1 << y_bits) for y in graph.evaluate(v)] for v in x]
    assert got == expected, f"seed {seed}"
    clocks = [b - a for a, b in zip(seen.taken, seen.emitted, strict=True)]
    assert set(clocks) == {p.latency}, f"seed {seed}"
    assert p.adders == adders(ConstantDatapath(p)), f"seed {seed}"
    assert p.registers == registers(ConstantDatapath(p)), f"seed {seed}"


@pytest.mark.parametrize("shift", range(6))
@pytest.mark.parametrize("negate", [False, True])
def test_sums_beside_and_across_each_other(shift, negate):
    """Of 3 unsigned bits and others: the last that overlap, and the first that do not."""
    graph = AdderGraph(2, (Adder(0, 1, shift, negate),), (Tap(2),))
    p = ConstantParameters(graph, 3, False, 12, True)
    x = [[a, b] for a in range(8) for b in range(8)]
    seen = run(ConstantDatapath(p), [pack(v, 3) for v in x], len(x))
    got = [unpack(w, 1, 12, True) for w in seen.outputs]
    assert got == [[a + (-b if negate else b) * 2**shift] for a, b in x]
    assert p.adders == adders(ConstantDatapath(p)) == (negate or shift < 3)


def test_message():
    with pytest.raises(ValueError, match="Adder levels a register must be at least 1, not 0"):
        ConstantParameters(AdderGraph(1, (), ()), 4, True, 8, True, 0)
