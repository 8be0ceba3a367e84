"""Constant datapaths against loops over the definition, with gaps between the vectors."""

import random

import pytest

from hwgen_rtl_templates.adder_graph import Adder, AdderGraph, Tap
from hwgen_rtl_templates.constant import ConstantDatapath, ConstantParameters
from support.adder_graphs import random_adder_graph, random_vectors
from support.selection import some
from support.stream_bench import check_component, pack
from support.word_level import word_level


@pytest.mark.parametrize("seed", some(range(40), range(14)))
def test_values_and_latency(seed):
    rng = random.Random(seed)
    graph = random_adder_graph(rng)
    bits, is_signed = rng.randint(1, 6), rng.random() < 0.6
    y_bits = rng.choice((3, 40))
    p = ConstantParameters(graph, bits, is_signed, y_bits, True, rng.randint(1, 3))
    x = random_vectors(rng, graph.inputs, bits, is_signed)
    beats = [pack(v, bits) for v in x]
    expected = [[y % (1 << y_bits) for y in graph.evaluate(v)] for v in x]
    stalls = ((0.4 * (seed % 2), 0.0),)
    dut = ConstantDatapath(p)
    check_component(dut, beats, expected, (y_bits, False), seed=seed, stalls=stalls)
    found = word_level(ConstantDatapath(p))
    assert (p.adders, p.registers) == (found.adders, found.registers), f"seed {seed}"


@pytest.mark.parametrize("shift", range(6))
@pytest.mark.parametrize("negate", [False, True])
def test_sums_beside_and_across_each_other(shift, negate):
    """Of 3 unsigned bits and others: the last that overlap, and the first that do not."""
    graph = AdderGraph(2, (Adder(0, 1, shift, negate),), (Tap(2),))
    p = ConstantParameters(graph, 3, False, 12, True)
    x = [[a, b] for a in range(8) for b in range(8)]
    beats = [pack(v, 3) for v in x]
    expected = [[a + (-b if negate else b) * 2**shift] for a, b in x]
    dut = ConstantDatapath(p)
    check_component(dut, beats, expected, (12, True), seed=0, stalls=((0.0, 0.0),))
    assert p.adders == word_level(ConstantDatapath(p)).adders == (negate or shift < 3)


def test_message():
    with pytest.raises(ValueError, match="Adder levels a register must be at least 1, not 0"):
        ConstantParameters(AdderGraph(1, (), ()), 4, True, 8, True, 0)
