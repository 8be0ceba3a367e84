"""What the digits of each encoding compute, against multiplication; and which adders that takes."""

import pytest

from hwgen_rtl_templates.adder_row import AdderRow
from hwgen_rtl_templates.adder_row_ecp5 import Ecp5AdderRow
from hwgen_rtl_templates.adder_row_xilinx import Xilinx7AdderRow
from hwgen_rtl_templates.dot_product import RowParameters, dot_product, offset
from hwgen_rtl_templates.encodings import (
    Binary,
    Booth,
    Codebook,
    PowersOfTwo,
    Radix4,
    Ternary,
    TwosComplement,
)
from hwgen_rtl_templates.summation import chains

POWERS = [0, *(sign << n for n in range(7) for sign in (1, -1))]
SUMS = sorted({a + b for a in POWERS for b in POWERS})
ENCODINGS = [
    *((TwosComplement(n), range(-1 << n - 1, 1 << n - 1)) for n in (2, 5, 8)),
    *((TwosComplement(n, False), range(1 << n)) for n in (1, 6)),
    *((Booth(n), range(-1 << n - 1, 1 << n - 1)) for n in (2, 4, 8)),
    *((Radix4(n + 1), range(-1 << n - 1, 1 << n - 1)) for n in (2, 4, 8)),
    (Binary(), (-1, 1)),
    (Ternary(), (-1, 0, 1)),
    (PowersOfTwo(most=6), POWERS),
    (PowersOfTwo(most=1), (0, 1, -1, 2, -2)),
    (PowersOfTwo(most=6, terms=2), SUMS),
    (Codebook(2, Booth(8), (3, -77, 0, 127)), (3, -77, 0, 127)),
]


@pytest.mark.parametrize(("encoding", "weights"), ENCODINGS)
def test_products(encoding, weights):
    """Sum of digits is weight * input, beyond a constant of the weight."""
    for weight in weights:
        code = encoding.code(weight)
        assert 0 <= code < 1 << encoding.bits
        assert encoding.weight(code) == weight
        digits = encoding.decoded.digits
        entry = encoding.decoded.code(weight)
        for bits in (1, 4):
            for x in range(1 << bits):
                total = sum(d.product(x, bits, entry) << d.shift for d in digits)
                assert total == weight * x + encoding.excess(code, bits)
                assert all(
                    d.product(x, bits, entry) <= d.most(bits, 0, (1 << bits) - 1) for d in digits
                )


def test_offset_counts_signed_inputs_from_their_least():
    weights, x = (3, -8, 7), (-4, 3, 0)
    encoding = TwosComplement(4)
    array = sum(encoding._sum(encoding.code(w), 3, v + 4) for w, v in zip(weights, x, strict=True))
    assert array + offset(encoding, weights, 3, True) == sum(
        w * v for w, v in zip(weights, x, strict=True)
    )


@pytest.mark.parametrize("encoding", [Binary(), Ternary()])
def test_weights_that_have_no_code(encoding):
    with pytest.raises(ValueError, match="must be"):
        encoding.code(2)


# Adder positions and look-up tables of 8 lanes of 8 bits with an accumulator of 24: what the
# netlists are made of, and what docs/performance.md measures.
@pytest.mark.parametrize(
    ("adder", "encoding", "inputs", "positions", "tables"),
    [
        (Ecp5AdderRow, TwosComplement(8), 4, 589, 0),
        (Ecp5AdderRow, TwosComplement(4), 4, 299, 0),
        (Ecp5AdderRow, Binary(), 4, 84, 0),
        (Ecp5AdderRow, Ternary(), 4, 94, 8),
        (Xilinx7AdderRow, Booth(8), 6, 371, 36),
        (AdderRow, Radix4(9), 4, 331, 344),  # the highest digit's have five inputs
    ],
)
def test_size_of_a_row(adder, encoding, inputs, positions, tables):
    row = dot_product(RowParameters(encoding, 8, 8, False, (0, 255), 24, adder, True))
    assert (row.positions, row.tables(inputs)) == (positions, tables)


def test_popcount_takes_a_lane_in_every_carry():
    row = dot_product(RowParameters(Binary(), 192, 1, False, (0, 1), 24, Ecp5AdderRow, True))
    taken = sum(addition.row.carry.inputs > 0 for addition in row.additions)
    assert taken >= 192 // 2 - 2  # 96 in pairs, the others as carries
    assert row.tables(4) == 0


def test_chains_hold_every_sum_once():
    row = dot_product(
        RowParameters(TwosComplement(8), 8, 8, False, (0, 255), 24, Ecp5AdderRow, True)
    )
    sums = [addition.row for addition in row.additions]
    packed = chains(sums, 22)
    assert sorted(n for chain in packed for n in chain) == list(range(len(sums)))
    for chain in packed:
        places = sum(sums[n].positions + 1 for n in chain) + 1
        assert len(chain) == 1 or places <= 22
    assert len(packed) < len(sums)
