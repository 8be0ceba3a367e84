"""The function table against its entries."""

import random
from dataclasses import replace

import pytest

from hwgen_rtl_templates.function_table import FunctionTable, FunctionTableParameters
from support.selection import some
from support.stream_bench import check_elements


def check(seed: int) -> None:
    rng = random.Random(seed)
    channels = rng.randint(1, 6)
    lanes = rng.randint(1, channels)
    x_bits, x_signed = rng.randint(1, 6), rng.random() < 0.5
    first = -(1 << (x_bits - 1)) if x_signed else 0
    lo, hi = sorted(rng.randint(first, first + (1 << x_bits) - 1) for _ in range(2))
    bits, signed = rng.randint(1, 7), rng.random() < 0.5
    least = -(1 << (bits - 1)) if signed else 0
    rows = rng.choice((1, channels))
    entries = tuple(
        tuple(rng.randint(least, least + (1 << bits) - 1) for _ in range(lo, hi + 1))
        for _ in range(rows)
    )
    style = rng.choice(("logic", "block"))
    p = FunctionTableParameters(channels, lanes, x_bits, x_signed, lo, entries, bits, signed, style)
    pixels = [[rng.randint(lo, hi) for _ in range(channels)] for _ in range(30)]
    pixels += [[x] * channels for x in range(lo, hi + 1)]

    def expected(channel: int, x: int) -> int:
        return entries[channel if rows > 1 else 0][x - lo]

    check_elements(FunctionTable(p), pixels, expected, seed)


@pytest.mark.parametrize("seed", some(range(16), range(8)))
def test_reads(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 300))
def test_reads_at_length(seed):
    check(seed)


def test_the_memory_of_a_lane():
    p = FunctionTableParameters(3, 2, 2, True, -1, ((1, 2), (3, 4), (5, 6)), 3, False)
    assert (p.beats, p.depth, p.latency) == (2, 8, 1)  # a channel that is not there has any row
    assert p.words(0)[:4] == [2, 2, 1, 1] and p.words(0)[4:] == [6, 6, 5, 5]
    assert p.words(1)[:4] == [4, 4, 3, 3]
    assert replace(p, style="block").latency == 2


def test_messages():
    def made(entries, **more):
        return FunctionTableParameters(3, 1, 2, False, 1, entries, 3, False, **more)

    with pytest.raises(ValueError, match="Rows of entries must be one or 3"):
        made(((1, 2), (1, 2)))
    with pytest.raises(ValueError, match="equally long, and not empty"):
        made(((1,), (1, 2), (1, 2)))
    with pytest.raises(ValueError, match="equally long, and not empty"):
        made(((),))
    with pytest.raises(ValueError, match=r"inputs in \[0, 3\]"):
        made(((1, 2, 3, 4),))
    with pytest.raises(ValueError, match="block or logic, not 'ram'"):
        made(((1, 2),), style="ram")
