"""Constant datapaths against loops over the definition, with gaps between the vectors."""

import random

import pytest
from stream_bench import pack, run, unpack

from rtl_templates.adder_graph import Adder, AdderGraph, Tap
from rtl_templates.constant import ConstantDatapath, ConstantParameters


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


@pytest.mark.parametrize("seed", range(40))
def test_values_and_latency(seed):
    rng = random.Random(seed)
    graph = random_graph(rng)
    bits, is_signed = rng.randint(1, 6), rng.random() < 0.6
    p = ConstantParameters(graph, bits, is_signed, rng.randint(1, 3))
    low = -(1 << (bits - 1)) if is_signed else 0
    x = [[rng.randint(low, low + (1 << bits) - 1) for _ in range(graph.inputs)] for _ in range(40)]
    x += [[low] * graph.inputs, [low + (1 << bits) - 1] * graph.inputs]
    beats = [pack(v, bits) for v in x]
    seen = run(ConstantDatapath(p), beats, len(x), stall_in=0.4 * (seed % 2), seed=seed)
    got = [unpack(w, 5, p.y_shape.width, p.y_shape.signed) for w in seen.outputs]
    assert got == [graph.evaluate(v) for v in x], f"seed {seed}"
    clocks = [b - a for a, b in zip(seen.taken, seen.emitted, strict=True)]
    assert set(clocks) == {p.latency}, f"seed {seed}"


def test_message():
    with pytest.raises(ValueError, match="Adder levels a register must be at least 1, not 0"):
        ConstantParameters(AdderGraph(1, (), ()), 4, True, 0)
