import numpy as np
import pytest

from hwgen.errors import FormatError
from hwgen.formats import MAX_BITS, MIN_BITS, Fixed, bits_for, parse_format

EVERY_FIXED = [
    Fixed(bits, signed) for bits in range(MIN_BITS, MAX_BITS + 1) for signed in (True, False)
]


@pytest.mark.parametrize("of", EVERY_FIXED, ids=str)
def test_every_code_decodes_to_its_value_and_back(of):
    values = np.arange(of.lo, of.hi + 1)
    codes = of.encode(values)
    assert len(values) == 1 << of.bits == 1 << of.storage_bits
    assert sorted(codes.tolist()) == list(range(1 << of.bits))
    assert np.array_equal(of.decode(codes), values)
    assert parse_format(str(of)) == of


def test_twos_complement_as_everybody_writes_it():
    assert Fixed(4).encode([-8, -1, 0, 7]).tolist() == [0b1000, 0b1111, 0, 0b0111]
    assert Fixed(4, signed=False).encode([0, 15]).tolist() == [0, 15]


@pytest.mark.parametrize("values", [[8], [-9], [2.5], [float("nan")], [float("inf")], [2**70]])
def test_a_value_without_a_code_is_refused(values):
    assert not Fixed(4).holds(values)
    with pytest.raises(FormatError, match=r"Values must be integers of \[-8, 7\] .* int4"):
        Fixed(4).encode(values)


@pytest.mark.parametrize("codes", [[16], [-1]])
def test_a_code_without_a_value_is_refused(codes):
    with pytest.raises(FormatError, match=r"Codes of uint4 must lie in \[0, 15\]"):
        Fixed(4, signed=False).decode(codes)


@pytest.mark.parametrize("bits", [1, 17, 0, -3, True, 4.0, "4", None])
def test_widths_outside_2_to_16_are_refused(bits):
    with pytest.raises(FormatError, match="Number of bits"):
        Fixed(bits)


def test_signed_must_be_a_truth_value():
    with pytest.raises(FormatError, match="Signed must be True or False, not 1"):
        Fixed(4, 1)


@pytest.mark.parametrize(
    "text", ["", "int", "float8", "int17", "uint1", "int04", " int4", "int4\n", "int٤", 4, None]
    + ["int" + "9" * 5000]
)  # fmt: skip
def test_names_that_are_no_format_are_refused(text):
    with pytest.raises(FormatError):
        parse_format(text)


@pytest.mark.parametrize(
    ("lo", "hi", "expected"),
    [
        (0, 0, (1, False)),
        (0, 1, (1, False)),
        (0, 15, (4, False)),
        (3, 16, (5, False)),
        (-1, 0, (1, True)),
        (-1, 1, (2, True)),
        (-8, 7, (4, True)),
        (-9, 7, (5, True)),
        (-8, 8, (5, True)),
        (-5, -3, (4, True)),
    ],
)
def test_narrowest_width_of_a_range(lo, hi, expected):
    assert bits_for(lo, hi) == expected


def test_narrowest_width_agrees_with_counting():
    for lo in range(-20, 21):
        for hi in range(lo, 21):
            bits, signed = bits_for(lo, hi)

            def fits(width, signed=signed, lo=lo, hi=hi):
                least = -(1 << width - 1) if signed else 0
                return least <= lo and hi < least + (1 << width)

            assert signed == (lo < 0)
            assert fits(bits) and (bits == 1 or not fits(bits - 1)), (lo, hi)


def test_an_empty_range_is_refused():
    with pytest.raises(FormatError, match=r"Range must not be empty, not \[3, 2\]"):
        bits_for(3, 2)
