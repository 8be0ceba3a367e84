"""FIFO and width adapters against the obvious reference, stalled and to the clock."""

import random

import pytest

from hwgen_rtl_templates.fifo import Fifo, FifoParameters
from hwgen_rtl_templates.streams import (
    Narrow,
    NarrowParameters,
    Widen,
    WidenParameters,
    beats_per_pixel,
)
from support.stream_bench import STALLS, pack, run, unpack


def _arrivals(count, seed):
    rng = random.Random(seed)
    clocks, clock = [], 0
    for _ in range(count):
        clock += rng.choice((0, 0, 1, 1, 3))
        clocks.append(clock)
    return clocks


def _check(dut, beats, expected, seed):
    for stall_in, stall_out in STALLS:
        seen = run(dut, beats, len(expected), stall_in=stall_in, stall_out=stall_out, seed=seed)
        assert seen.outputs == expected, f"seed {seed}, stalls {stall_in}, {stall_out}"
    for arrivals in ([0] * len(beats), _arrivals(len(beats), seed)):
        seen = run(dut, beats, len(expected), arrivals=arrivals)
        assert dut.parameters.schedule(arrivals) == seen.emitted, f"seed {seed}"


@pytest.mark.parametrize("shifts", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 3, 7, 16, 65, 100])
def test_fifo(depth, shifts):
    rng = random.Random(depth)
    beats = [rng.getrandbits(12) for _ in range(60)]
    _check(Fifo(FifoParameters(3, 4, False, depth, shifts)), beats, beats, seed=depth)


def _pixels(channels, count, bits, seed):
    rng = random.Random(seed)
    return [[rng.getrandbits(bits) for _ in range(channels)] for _ in range(count)]


def _beats(pixels, lanes, bits):
    return [pack(p[n : n + lanes], bits) for p in pixels for n in range(0, len(p), lanes)]


@pytest.mark.parametrize(
    ("channels", "narrow", "wide"),
    [(8, 2, 8), (8, 1, 4), (12, 3, 6), (13, 5, 13), (13, 1, 13), (6, 4, 6), (5, 5, 5)],
)
def test_widen(channels, narrow, wide):
    pixels = _pixels(channels, 12, 3, seed=channels)
    dut = Widen(WidenParameters(channels, narrow, wide, 3, False))
    _check(dut, _beats(pixels, narrow, 3), _beats(pixels, wide, 3), seed=channels)


@pytest.mark.parametrize(
    ("channels", "wide", "narrow"),
    [(8, 8, 2), (8, 4, 1), (13, 6, 2), (13, 13, 5), (9, 4, 4), (5, 5, 1), (7, 4, 2)],
)
def test_narrow(channels, wide, narrow):
    pixels = _pixels(channels, 12, 3, seed=wide)
    dut = Narrow(NarrowParameters(channels, wide, narrow, 3, False))
    expected = [
        beat
        for pixel in pixels
        for n in range(0, channels, wide)
        for beat in _beats([pixel[n : n + wide]], narrow, 3)
    ]
    _check(dut, _beats(pixels, wide, 3), expected, seed=narrow)


def test_narrow_and_widen_are_inverse_for_any_lanes():
    rng = random.Random(5)
    for _ in range(8):
        channels = rng.randint(1, 9)
        lanes = rng.randint(1, channels)
        pixels = _pixels(channels, 6, 4, seed=lanes)
        widen = Widen(WidenParameters(channels, lanes, channels, 4, False))
        whole = run(widen, _beats(pixels, lanes, 4), len(pixels), stall_out=0.3, seed=lanes)
        assert [unpack(beat, channels, 4, False) for beat in whole.outputs] == pixels
        narrow = Narrow(NarrowParameters(channels, channels, lanes, 4, False))
        count = len(pixels) * beats_per_pixel(channels, lanes)
        apart = run(narrow, whole.outputs, count, stall_in=0.3, seed=lanes)
        assert apart.outputs == _beats(pixels, lanes, 4)


def test_no_clock_is_lost_at_full_rate():
    assert FifoParameters(1, 8, False, 2).schedule([0] * 9) == list(range(1, 10))
    assert NarrowParameters(8, 4, 2, 8, False).schedule([0] * 4) == list(range(1, 9))
    assert WidenParameters(8, 2, 4, 8, False).schedule([0] * 8) == [2, 4, 6, 8]


def test_messages():
    with pytest.raises(ValueError, match="Depth must be at least 1, not 0"):
        FifoParameters(1, 8, False, 0)
    with pytest.raises(ValueError, match="Number of outgoing lanes must divide the 6 incoming"):
        NarrowParameters(13, 6, 4, 8, False)
    with pytest.raises(ValueError, match="not widen from 2 to 5"):
        WidenParameters(10, 2, 5, 8, False)
