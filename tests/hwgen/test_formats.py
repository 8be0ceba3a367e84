import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.errors import FormatError
from hwgen.formats import (
    MAX_BITS,
    MIN_BITS,
    Binary,
    Codebook,
    Fixed,
    Format,
    PowerOfTwo,
    Ternary,
    bits_for,
    parse_format,
)

EVERY_FIXED = [
    Fixed(bits, signed) for bits in range(MIN_BITS, MAX_BITS + 1) for signed in (True, False)
]
EVERY_POWER = [PowerOfTwo(bits, terms) for bits in range(2, 6) for terms in (1, 2)]
EVERY_LISTED = [Binary(), Ternary(), *EVERY_POWER, Codebook(3, 6, (5, -32, 31, 0, 5, 7))]


@st.composite
def codebooks(draw):
    """Return a codebook with entries, some of them twice, often fewer than indices."""
    index_bits, entry_bits = draw(st.integers(1, 8)), draw(st.integers(2, 16))
    each = Fixed(entry_bits)
    entries = st.lists(st.integers(each.lo, each.hi), min_size=1, max_size=1 << index_bits)
    return Codebook(index_bits, entry_bits, tuple(draw(entries)))


@pytest.mark.parametrize("of", [*EVERY_FIXED, *EVERY_LISTED], ids=str)
def test_every_integer_held_comes_back_and_no_other_is_held(of):
    levels = of.levels
    assert isinstance(of, Format) and levels.dtype == np.int64
    assert (np.diff(levels) > 0).all() and (of.lo, of.hi) == (levels[0], levels[-1])
    codes = of.encode(levels)
    assert codes.min() >= 0 and codes.max() < 1 << of.storage_bits
    assert len(set(codes.tolist())) == len(levels)
    assert np.array_equal(of.decode(codes), levels)
    assert of.holds(levels) and of.holds(levels.reshape(1, -1, 1)) and of.holds([])
    assert np.array_equal(of.decode(of.encode(levels[::-1].reshape(-1, 1)))[:, 0], levels[::-1])
    near = np.arange(max(of.lo - 3, -300), min(of.hi + 4, 300))
    for value in near.tolist():
        assert of.holds([value]) == (value in levels), value
    for value in (of.lo - 1, of.hi + 1, 2**62, -(2**62)):
        assert not of.holds(value) and not of.holds([of.lo, value])


@pytest.mark.parametrize("of", [*EVERY_FIXED[:12], *EVERY_LISTED], ids=str)
def test_every_code_stands_for_an_integer_held_or_is_refused(of):
    found = {}
    for code in range(1 << of.storage_bits):
        try:
            found[code] = int(of.decode(code))
        except FormatError as error:
            assert str(of) in str(error) and str(code) in str(error)
    assert set(found.values()) == set(of.levels.tolist())
    smallest = {}
    for code, value in found.items():
        smallest.setdefault(value, code)
    assert {v: int(of.encode(v)) for v in smallest} == smallest
    for code in (-1, 1 << of.storage_bits):
        with pytest.raises(FormatError, match=f"Codes of {of} must lie in"):
            of.decode([0, code])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(codebooks(), st.data())
def test_codebooks_hold_their_entries(of, data):
    weights = np.array(data.draw(st.lists(st.sampled_from(of.entries), max_size=50)), dtype=int)
    codes = of.encode(weights)
    assert np.array_equal(of.decode(codes), weights)
    assert codes.tolist() == [of.entries.index(weight) for weight in weights.tolist()]
    assert of.levels.tolist() == sorted(set(of.entries))
    assert (of.storage_bits, of.table_bits) == (of.index_bits, of.entry_bits << of.index_bits)
    assert parse_format(str(of)).with_entries(of.entries) == of
    value = data.draw(st.integers(-40000, 40000))
    assert of.holds(value) == (value in of.entries)


def test_codes_by_hand():
    assert Binary().encode([-1, 1, 1]).tolist() == [0, 1, 1]
    assert Ternary().encode([-1, 0, 1]).tolist() == [0b11, 0b00, 0b01]
    pot4 = PowerOfTwo(4)
    assert pot4.encode([0, 1, 2, 64, -1, -64]).tolist() == [0, 0b0001, 0b0010, 7, 0b1001, 0b1111]
    # the smallest code of several: 64 + 0 rather than 0 + 64, 2 + 1 than 1 + 2, -1 + 8, 64 + 64
    assert PowerOfTwo(4, 2).encode([64, 3, 7, 128]).tolist() == [0x07, 0x12, 0x49, 0x77]
    assert Codebook(2, 4, (7, -8, 7)).encode([-8, 7]).tolist() == [1, 0]


@pytest.mark.parametrize("of", EVERY_POWER, ids=str)
def test_powers_of_two_are_the_ones_the_definition_names(of):
    powers = [2**k for k in range(2 ** (of.bits - 1) - 1)]
    term = [0, *powers, *(-p for p in powers)]
    sums = {sum(parts) for parts in itertools.product(term, repeat=of.terms)}
    assert of.levels.tolist() == sorted(sums)
    assert of.storage_bits == of.bits * of.terms and of.table_bits == 0
    for code in range(1 << of.storage_bits):  # the first term lies in the low bits
        value = 0
        for place in range(of.terms):
            part = code >> (place * of.bits)
            e, sign = part & (2 ** (of.bits - 1) - 1), part >> (of.bits - 1) & 1
            value = (
                None if value is None or (sign and not e) else value + (-1) ** sign * (2**e // 2)
            )
        if value is None:
            with pytest.raises(FormatError, match="must stand for an integer, not be"):
                of.decode([code])
        else:
            assert of.decode([code]).tolist() == [value], code


@pytest.mark.parametrize(
    ("of", "lo", "hi", "count", "bits"),
    [
        (Binary(), -1, 1, 2, 1),
        (Ternary(), -1, 1, 3, 2),
        (PowerOfTwo(2), -1, 1, 3, 2),
        (PowerOfTwo(4), -64, 64, 15, 4),
        (PowerOfTwo(5), -(2**14), 2**14, 31, 5),
        (PowerOfTwo(5, 2), -(2**15), 2**15, 399, 10),
        (Codebook(4, 8, (3, -128)), -128, 3, 2, 4),
    ],
    ids=str,
)
def test_what_formats_hold(of, lo, hi, count, bits):
    assert (of.lo, of.hi, len(of.levels), of.storage_bits) == (lo, hi, count, bits)


@pytest.mark.parametrize(
    ("text", "of"),
    [
        ("int8", Fixed(8)),
        ("uint4", Fixed(4, signed=False)),
        ("binary", Binary()),
        ("ternary", Ternary()),
        ("pot4", PowerOfTwo(4)),
        ("pot4x2", PowerOfTwo(4, 2)),
        ("cb4:8", Codebook(4, 8)),
    ],
)
def test_names(text, of):
    assert parse_format(text) == of and str(of) == text


@pytest.mark.parametrize("of", [*EVERY_FIXED, Binary(), Ternary(), *EVERY_POWER], ids=str)
def test_names_come_back(of):
    assert parse_format(str(of)) == of and hash(parse_format(str(of))) == hash(of)


@pytest.mark.parametrize("of", EVERY_FIXED, ids=str)
def test_every_code_of_fixed_point_is_used(of):
    codes = of.encode(np.arange(of.lo, of.hi + 1))
    assert sorted(codes.tolist()) == list(range(1 << of.bits))
    assert of.bits == of.storage_bits


@pytest.mark.parametrize("values", [[0], [2], [-1, 0], [0.5], [float("nan")], [2**70], [-(2**63)]])
def test_what_is_no_sign_is_refused(values):
    assert not Binary().holds(values)
    with pytest.raises(FormatError, match=r"Values must be integers of \{-1, 1\} .* binary"):
        Binary().encode(values)


def test_floats_that_are_integers_are_held():
    assert Binary().encode(np.array([1.0, -1.0])).tolist() == [1, 0]
    assert Ternary().holds([-0.0]) and not Ternary().holds([1e300])


@pytest.mark.parametrize("of", [*EVERY_FIXED[:4], Binary()], ids=str)
def test_steps_lead_from_each_integer_to_the_next(of):
    assert np.array_equal(of.levels, np.arange(of.lo, of.hi + 1, of.step))


def test_nearest():
    real = [-9.0, -0.5, -0.49, 0.0, 0.5, 1.5, np.inf]
    assert Fixed(4).nearest(real).tolist() == [-8, 0, 0, 0, 1, 2, 7]
    assert Fixed(4).nearest(real, 3).tolist() == [-6, 3, 3, 3, 4, 5, 7]
    assert Binary().nearest(real).tolist() == [-1, -1, -1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PowerOfTwo(1), "bits of a power-of-two term must be 2 to 5, not 1; choose"),
        (lambda: PowerOfTwo(6), "bits of a power-of-two term must be 2 to 5, not 6; choose"),
        (lambda: PowerOfTwo(4.0), "bits of a power-of-two term must be an integer, not 4.0"),
        (lambda: PowerOfTwo(4, 3), "power-of-two terms must be 1 to 2, not 3"),
        (lambda: PowerOfTwo(4, True), "power-of-two terms must be an integer, not True"),
        (lambda: Codebook(0, 8), "index bits of a codebook must be 1 to 8, not 0"),
        (lambda: Codebook(9, 8), "index bits of a codebook must be 1 to 8, not 9"),
        (lambda: Codebook(4, 17), "bits of a codebook's entries must be 2 to 16, not 17"),
        (lambda: Codebook(1, 8, (1, 2, 3)), "entries of cb1:8 must be at most 2, not 3"),
        (lambda: Codebook(1, 4, (8,)), r"Entries of cb1:4 must be integers of \[-8, 7\]"),
        (lambda: Codebook(1, 4, (0.5,)), "Entries of cb1:4 must be a list of integers"),
        (lambda: Codebook(1, 4, (2**70,)), "Entries of cb1:4 must be a list of integers"),
        (lambda: Codebook(1, 4, ((1, 2),)), "Entries of cb1:4 must be a list of integers"),
        (lambda: Codebook(1, 4, ((1, 2), 3)), "Entries of cb1:4 must be a list of integers"),
        (lambda: Codebook(1, 4, 5), "Entries of cb1:4 must be a list of integers"),
        (lambda: Codebook(1, 4, "ab"), "Entries of cb1:4 must be a list of integers"),
    ],
)
def test_widths_and_entries_that_cannot_be_are_refused(make, message):
    with pytest.raises(FormatError, match=message):
        make()


def test_a_codebook_without_entries_holds_nothing():
    of = Codebook(4, 8)
    assert of.levels.size == 0 and of.holds([]) and not of.holds([0])
    assert (of.storage_bits, of.table_bits) == (4, 128)
    with pytest.raises(FormatError, match=r"none before with_entries\(...\).* written as cb4:8"):
        of.encode([0])
    for ask in (lambda: of.lo, lambda: of.hi):
        with pytest.raises(FormatError, match="Entries of cb4:8 must be given first"):
            ask()
    with pytest.raises(FormatError, match="Codes of cb4:8 must stand for an integer, not be 0"):
        of.decode([0])
    filled = of.with_entries(np.array([3, 1], dtype=np.int16))
    assert filled.entries == (3, 1) and type(filled.entries[0]) is int
    assert filled != of and filled == Codebook(4, 8, (3, 1)) and filled != Codebook(4, 8, (1, 3))
    assert filled.with_entries([]) == of and hash(filled) == hash(Codebook(4, 8, (3, 1)))


def test_levels_cannot_be_changed():
    for of in EVERY_LISTED:
        with pytest.raises(ValueError, match="read-only"):
            of.levels[0] = 5
    of = Fixed(4)
    of.levels[0] = 5
    assert of.levels[0] == -8


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
    + ["Binary", "binary1", "ternary ", "pot", "pot1", "pot6", "pot4x1", "pot4x3", "pot4x", "pot04"]
    + ["cb4", "cb4:", "cb4:1", "cb9:8", "cb4:17", "cb0:4", "cb4:8[1]", "cb4:08", "pot4x02"]
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
