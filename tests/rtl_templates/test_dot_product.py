"""Planned rows of adders: the largest sum that there can be is the one they are made for."""

import random

import pytest

from hwgen_rtl_templates.adder_row import AdderRow
from hwgen_rtl_templates.adder_row_ecp5 import Ecp5AdderRow
from hwgen_rtl_templates.dot_product import RowParameters, dot_product
from hwgen_rtl_templates.encodings import Binary, Booth, Radix4, Ternary, TwosComplement

CELLS = (AdderRow, Ecp5AdderRow)


def row(encoding, lanes, x_bits, adder):
    full = (0, (1 << x_bits) - 1)
    return dot_product(RowParameters(encoding, lanes, x_bits, False, full, 32, adder, False))


@pytest.mark.parametrize("adder", CELLS)
@pytest.mark.parametrize("lanes", range(1, 26))
def test_ones_of_one_bit_are_counted(lanes, adder):
    """Each lane adds a bit, some of them as carries: all of them together are the most."""
    found = row(TwosComplement(1, False), lanes, 1, adder).result
    assert found.hi == lanes and len(found.bits) >= lanes.bit_length()


@pytest.mark.parametrize("adder", CELLS)
@pytest.mark.parametrize(
    "encoding", [TwosComplement(3), Binary(), Ternary(), Booth(4), Radix4(5)], ids=str
)
def test_no_sum_is_beyond_the_most(encoding, adder):
    """Of digits' products, one an input at an end of its range and a code."""
    rng = random.Random(0)
    for lanes in (1, 2, 3, 5, 9, 14):
        for x_bits in (1, 3):
            found = row(encoding, lanes, x_bits, adder).result
            most = max(
                sum(digit.product(x, x_bits, code) << digit.shift for digit in encoding.digits)
                for code in range(1 << encoding.bits)
                for x in (0, (1 << x_bits) - 1, rng.getrandbits(x_bits))
            )
            assert found.shift == 0 and found.hi >= lanes * most, (lanes, x_bits)
            assert len(found.bits) >= min(32, (lanes * most).bit_length())
