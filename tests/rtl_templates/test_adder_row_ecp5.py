"""Half a CCU2C for each pair of functions that it takes: the sum and the carry of its tables."""

from itertools import product

import pytest
from amaranth.hdl import Signal

from hwgen_rtl_templates.adder_row_ecp5 import Ecp5AdderRow
from hwgen_rtl_templates.bits import AND, NOT, ONE, PASS, XOR, ZERO
from hwgen_rtl_templates.encodings import BOOTH, TERNARY

FUNCTIONS = [ZERO, ONE, PASS, NOT, AND, XOR, AND.flipped(0), AND.flipped(1), TERNARY, BOOTH]
PAIRS = [pair for pair in product(FUNCTIONS, FUNCTIONS) if Ecp5AdderRow.takes(*pair)]


def value(function, bits):
    return function.table >> sum(bit << n for n, bit in enumerate(bits)) & 1


@pytest.mark.parametrize(
    "pair", PAIRS, ids=lambda pair: "-".join(f"{f.inputs}.{f.table}" for f in pair)
)
def test_position(pair):
    """The table of four inputs is the sum without the carry; where that is 0, the carry that leaves
    is the table of A and B alone: either function, they are equal (FPGA-DS-02012, ripple mode)."""
    p, q = pair
    x, y = ([Signal() for _ in range(function.inputs)] for function in pair)
    place = Ecp5AdderRow._position(p, q, x, y, Signal())
    for bits in product((0, 1), repeat=p.inputs + q.inputs):
        given = {id(pin): bit for pin, bit in zip([*x, *y], bits, strict=True)}
        entry = sum(given.get(id(pin), 1) << n for n, pin in enumerate(place.pins))
        first, second = value(p, bits[: p.inputs]), value(q, bits[p.inputs :])
        total = place.init >> entry & 1
        assert total == first ^ second, bits
        if not total:
            assert place.init >> (entry & 3) & 1 == first == second, bits


def test_pairs_are_many():
    assert len(PAIRS) > 40 and {p.inputs + q.inputs for p, q in PAIRS} == {0, 1, 2, 3, 4}
