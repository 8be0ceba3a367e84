"""Words of a bus to beats and back, against integers shifted by hand, stalled and to the clock."""

import random

import pytest

from hwgen_rtl_templates.words import Pack, PackParameters, Unpack, UnpackParameters, WordLayout
from support.stream_bench import STALLS, Clocked, pack, run

SHAPES = [  # lanes, bits, channels, pixels, width, slot
    (1, 4, 5, 3, 32, 4),
    (3, 8, 3, 7, 32, 8),  # RGB in words of four bytes
    (2, 3, 5, 4, 16, 3),  # a pixel's last beat is half empty, elements straddle words
    (8, 3, 8, 5, 8, 3),  # beats wider than words
    (2, 5, 5, 3, 32, 8),
    (1, 12, 10, 1, 8, 16),  # an element takes two words
    (4, 8, 4, 6, 32, 8),  # wires
    (4, 7, 4, 6, 32, 8),  # wires but for the slots
    (6, 4, 2, 9, 16, 4),  # three pixels a beat
    (1, 1, 10, 1, 64, 1),  # a frame is less than a word
    (5, 9, 5, 1, 128, 16),
    (7, 2, 7, 4, 8, 2),
    (2, 8, 8, 2, 32, 8),  # frames end with words
    (16, 2, 16, 4, 8, 2),
]


def _frames(p, count, signed, seed):
    rng = random.Random(seed)
    lo, hi = (-(1 << (p.bits - 1)), (1 << (p.bits - 1)) - 1) if signed else (0, (1 << p.bits) - 1)
    return [[rng.randint(lo, hi) for _ in range(p.channels * p.pixels)] for _ in range(count)]


def _words(p, frame):
    bits = sum((value & ((1 << p.slot) - 1)) << (n * p.slot) for n, value in enumerate(frame))
    return [(bits >> (n * p.width)) & ((1 << p.width) - 1) for n in range(p.words)]


def _beats(p, frame):
    """Return beats, and which bits of each mean something."""
    pixels = [frame[n : n + p.channels] for n in range(0, len(frame), p.channels)]
    if p.lanes > p.channels:
        together = p.lanes // p.channels
        pixels = [sum(pixels[n : n + together], []) for n in range(0, len(pixels), together)]
    parts = [pixel[n : n + p.lanes] for pixel in pixels for n in range(0, len(pixel), p.lanes)]
    return [pack(part, p.bits) for part in parts], [(1 << p.bits * len(part)) - 1 for part in parts]


def _run(dut, beats, expected, masks, stalls, seed):
    seen = run(dut, beats, len(expected), stall_in=stalls[0], stall_out=stalls[1], seed=seed)
    assert [y & mask for y, mask in zip(seen.outputs, masks, strict=True)] == expected, stalls


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_words_become_beats_and_beats_words(shape, signed):
    lanes, bits, channels, pixels, width, slot = shape
    fields = (lanes, bits, signed, channels, pixels, width, slot)
    rng = random.Random(sum(shape))
    for parameters, component in ((UnpackParameters, Unpack), (PackParameters, Pack)):
        p = parameters(*fields)
        frames = _frames(p, 5, signed, sum(shape))
        words = [word for frame in frames for word in _words(p, frame)]
        cut = [_beats(p, frame) for frame in frames]
        beats, masks = ([x for part in parts for x in part] for parts in zip(*cut, strict=True))
        assert p.beats * len(frames) == len(beats)
        if component is Unpack:
            given, expected, used = words, beats, masks
        else:  # what is beyond a pixel's channels is noise
            noise = [rng.getrandbits(bits * lanes) & ~mask for mask in masks]
            given = [beat | extra for beat, extra in zip(beats, noise, strict=True)]
            expected, used = words, [(1 << width) - 1] * len(words)
        dut = Clocked(component(p))
        for seed, stalls in enumerate(STALLS):
            _run(dut, given, expected, used, stalls, seed)
        for arrivals in ([0] * len(given), sorted(rng.choices(range(90), k=len(given)))):
            seen = run(dut, given, len(expected), arrivals=arrivals)
            assert p.schedule(arrivals) == seen.emitted, component


@pytest.mark.parametrize(
    ("shape", "clocks"),
    [((1, 4, 8, 8, 32, 4), 1.0), ((8, 3, 8, 64, 8, 3), 3.0), ((3, 8, 3, 64, 32, 8), 1.0)],
)
def test_a_beat_or_a_word_a_clock(shape, clocks):
    """Whichever is more often, at most one clock a frame more."""
    lanes, bits, channels, pixels, width, slot = shape
    for parameters in (UnpackParameters, PackParameters):
        p = parameters(lanes, bits, False, channels, pixels, width, slot)
        entering = p.words if parameters is UnpackParameters else p.beats
        out = p.schedule([0] * (8 * entering))
        assert out[-1] <= 8 * (max(p.words, p.beats) + 1) + 1
        assert abs(max(p.words, p.beats) / p.beats - clocks) < 0.1


def test_layouts_say_what_an_element_takes():
    assert [WordLayout(32, True).slot(bits) for bits in (1, 8, 9, 17, 32, 33)] == [
        *(8, 8, 16, 32, 32, 64)
    ]
    assert [WordLayout(32, False).slot(bits) for bits in (1, 5)] == [1, 5]
