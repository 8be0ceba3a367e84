"""Adder graphs: what they compute, how deep they are, and what they refuse."""

import pytest

from hwgen_rtl_templates.adder_graph import Adder, AdderGraph, Tap


def test_what_it_computes():
    graph = AdderGraph(
        2,
        (Adder(0, 1, 0, True), Adder(2, 0, 2, False), Adder(1, 3, -3, True)),
        (Tap(4), Tap(3, 1, True), Tap(None), Tap(0, 2)),
    )
    for x, y in ((0, 0), (1, 0), (0, 1), (-7, 5), (100, -128)):
        first = x - y
        second = first + 4 * x
        assert graph.evaluate([x, y]) == [8 * y - second, -2 * second, 0, 4 * x]
    assert graph.depths == (0, 0, 1, 2, 3)
    assert graph.depth == 3


def test_messages():
    with pytest.raises(ValueError, match="Number of inputs must be at least 1, not 0"):
        AdderGraph(0, (), ())
    with pytest.raises(ValueError, match="Adder 0 must add terms before it"):
        AdderGraph(2, (Adder(0, 2, 0, False),), ())
    with pytest.raises(ValueError, match="Tap 0 must shift one of 2 terms up"):
        AdderGraph(2, (), (Tap(2),))
    with pytest.raises(ValueError, match="Tap 0 must shift one of 2 terms up"):
        AdderGraph(2, (), (Tap(1, -1),))


@pytest.mark.parametrize(("low", "high"), [(-8, 7), (0, 5), (-3, -1), (2, 6)])
def test_ranges_are_reached(low, high):
    """Of every term, by some input at its ends: 3 a + 2 b, a - 4 b, and what comes of them."""
    adders = (
        Adder(0, 0, 1, False),
        Adder(2, 1, 1, False),
        Adder(0, 1, 2, True),
        Adder(4, 3, -1, True),
    )
    graph = AdderGraph(2, adders, tuple(Tap(term) for term in range(6)))
    values = zip(*(graph.evaluate([a, b]) for a in (low, high) for b in (low, high)), strict=True)
    assert graph.ranges(low, high) == tuple((min(of), max(of)) for of in values)
