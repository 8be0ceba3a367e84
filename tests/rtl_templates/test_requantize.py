"""The requantizer against exact rational arithmetic."""

import random
from fractions import Fraction
from math import ceil, floor

import pytest

from hwgen_rtl_templates.requantize import Requantizer, RequantizerParameters
from support.selection import some
from support.stream_bench import check_elements, run, unpack


def rounded(value: Fraction, rounding: str) -> int:
    """Round as the name says, by the definition of each."""
    low, high = floor(value), ceil(value)
    if value - low != Fraction(1, 2):
        return low if value - low < Fraction(1, 2) else high
    if rounding == "half_up":
        return high
    if rounding == "half_even":
        return low if low % 2 == 0 else high
    return high if value > 0 else low


def reference(p: RequantizerParameters, x: int, channel: int) -> int:
    by = p.multipliers[channel if len(p.multipliers) > 1 else 0]
    found = rounded(Fraction((x - p.x_zero_point) * by, 1 << p.shift), p.rounding)
    if p.rests:
        rest = p.rests[channel if len(p.rests) > 1 else 0]
        found = rounded(Fraction(found, 1 << rest), "half_away")
    return min(max(p.zero_point + found, p.lo), p.hi)


def parameters(seed: int, rounding: str) -> RequantizerParameters:
    rng = random.Random(seed)
    channels = rng.randint(1, 7)
    lanes = rng.randint(1, channels)
    lo, hi = sorted(rng.randint(-(1 << 9), 1 << 9) for _ in range(2))
    lo = rng.choice((lo, 0)) if hi >= 0 else lo
    kind = rng.choice(("one", "any", "powers", "uniform"))
    multipliers = {
        "one": (1,),
        "any": tuple(rng.randint(1, 300) for _ in range(channels)),
        "powers": tuple(1 << rng.randint(0, 4) for _ in range(channels)),
        "uniform": (rng.randint(1, 300),),
    }[kind]
    signed = rng.random() < 0.5
    low, high = (-8, 7) if signed else (0, 15)
    zero = rng.randint(low, high)
    rests: tuple[int, ...] = ()
    if rounding == "double":
        rests = tuple(rng.randint(0, 6) for _ in range(rng.choice((1, channels))))
    return RequantizerParameters(
        channels=channels,
        lanes=lanes,
        x_lo=lo,
        x_hi=hi,
        multipliers=multipliers,
        shift=rng.choice((0, 1, 2, 5, 9, 20)),
        zero_point=zero,
        lo=rng.choice((low, zero)),
        hi=high,
        bits=4,
        signed=signed,
        x_zero_point=rng.choice((0, 0, 3)),
        rounding="half_up" if rounding == "double" else rounding,
        rests=rests,
    )


def check(p: RequantizerParameters, seed: int) -> None:
    rng = random.Random(seed)
    pixels = [[rng.randint(p.x_lo, p.x_hi) for _ in range(p.channels)] for _ in range(40)]
    pixels += [[p.x_lo] * p.channels, [p.x_hi] * p.channels]
    check_elements(Requantizer(p), pixels, lambda channel, x: reference(p, x, channel), seed)


@pytest.mark.parametrize("rounding", ["half_up", "half_even", "half_away", "double"])
@pytest.mark.parametrize("seed", some(range(12), (0, 1, 2, 3, 5)))
def test_equals_exact_arithmetic(seed, rounding):
    check(parameters(seed, rounding), seed)


@pytest.mark.slow
@pytest.mark.parametrize("rounding", ["half_up", "half_even", "half_away", "double"])
@pytest.mark.parametrize("seed", range(100, 300))
def test_equals_exact_arithmetic_at_length(seed, rounding):
    check(parameters(seed, rounding), seed)


@pytest.mark.parametrize("rounding", ["half_up", "half_even", "half_away"])
def test_every_tie(rounding):
    p = RequantizerParameters(1, 1, -64, 63, (1,), 2, 0, -32, 31, 6, True, rounding=rounding)
    beats = [x & 127 for x in range(-64, 64)]
    seen = run(Requantizer(p), beats, len(beats))
    assert [unpack(y, 1, 6, True)[0] for y in seen.outputs] == [
        rounded(Fraction(x, 4), rounding) for x in range(-64, 64)
    ]


@pytest.mark.parametrize("rounding", ["half_up", "half_even", "half_away"])
def test_an_input_that_is_always_zero(rounding):
    check(RequantizerParameters(2, 1, 0, 0, (3, 5), 2, 1, -8, 7, 4, True, rounding=rounding), 0)


@pytest.mark.parametrize("rounding", ["half_up", "half_even", "half_away"])
@pytest.mark.parametrize("shift", range(1, 7))
def test_shifts_of_more_bits_than_there_are(rounding, shift):
    """Every value of a narrow range, half of the divisor at its ends among them."""
    p = RequantizerParameters(1, 1, -8, 7, (1,), shift, 0, -8, 7, 4, True, rounding=rounding)
    beats = [x & 15 for x in range(-8, 8)]
    seen = run(Requantizer(p), beats, len(beats))
    wanted = [rounded(Fraction(x, 1 << shift), rounding) for x in range(-8, 8)]
    assert [unpack(y, 1, 4, True)[0] for y in seen.outputs] == wanted


def test_each_channel_has_a_second_shift_of_its_own():
    rests = (0, 3, 1, 4, 2, 6, 5)
    p = RequantizerParameters(
        7, 1, -4000, 4000, (37,), 5, 3, -128, 127, 8, True, rounding="half_up", rests=rests
    )
    check(p, 0)
