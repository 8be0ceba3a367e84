"""The unit for thresholds on a line, against counting."""

import random

import pytest

from hwgen_rtl_templates.affine_thresholds import AffineThresholdParameters, AffineThresholds
from support.selection import some
from support.stream_bench import check_elements, pack, run


def parameters(rng: random.Random) -> AffineThresholdParameters:
    channels = rng.randint(1, 6)
    lo, hi = sorted(rng.randint(-500, 500) for _ in range(2))
    fraction = rng.choice((0, 0, 1, 4, 8, 16))
    steps = rng.choice((2, 3, 6, 7, 14, 15, 40, 63))
    reach = max(1, (hi - lo << fraction) // steps)
    same = rng.randint(1, reach) if rng.random() < 0.3 else None
    near = rng.random() < 0.3  # middle thresholds in (-1, 0], whose offsets are short

    def line():
        pitch = same or rng.choice((rng.randint(0, 3), reach, rng.randint(1, 2 * reach)))
        if near:
            return -rng.randrange(1 << fraction) - (pitch << steps.bit_length() - 1), pitch
        middle = rng.randint(lo, hi) << fraction
        return middle - pitch * rng.randint(0, steps), pitch

    lines = tuple(line() for _ in range(rng.choice((1, channels))))
    below = tuple(start + rng.randint(-reach, reach) for start, _ in lines)
    return AffineThresholdParameters(
        channels=channels,
        lanes=rng.randint(1, channels),
        x_lo=lo,
        x_hi=hi,
        lines=lines,
        below_zero=below if rng.random() < 0.4 else (),
        fraction=fraction,
        steps=steps,
        base=rng.choice((0, -64, 3)),
        bits=8,
        signed=True,
        step=rng.choice((1, 1, 2)) if steps < 63 else 1,
    )


def check(seed: int) -> None:
    rng = random.Random(seed)
    p = parameters(rng)
    pixels = [[rng.randint(p.x_lo, p.x_hi) for _ in range(p.channels)] for _ in range(40)]
    starts = [start + k * pitch >> p.fraction for start, pitch in p.lines for k in (1, p.steps)]
    for x in (p.x_lo, p.x_hi, *(t + d for t in starts for d in (-1, 0, 1))):
        pixels.append([min(max(x, p.x_lo), p.x_hi)] * p.channels)

    def expected(channel: int, x: int) -> int:
        start, pitch = p.lines[channel % len(p.lines)]
        if p.below_zero and x < 0:
            start = p.below_zero[channel % len(p.lines)]
        count = sum(x << p.fraction >= start + k * pitch for k in range(1, p.steps + 1))
        return p.base + p.step * count

    check_elements(AffineThresholds(p), pixels, expected, seed)


@pytest.mark.parametrize("seed", some(range(24), range(10)))
def test_counts(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 400))
def test_counts_at_length(seed):
    check(seed)


def test_an_offset_shorter_than_its_fraction():
    """A table without a sign, of fewer bits than lie behind the point."""
    p = AffineThresholdParameters(1, 1, -8, 7, ((-23, 10),), 4, 3, 0, 2, False)
    seen = run(AffineThresholds(p), [pack([x], 4) for x in range(-8, 8)], 16)
    assert seen.outputs == [sum(x * 16 >= -23 + k * 10 for k in (1, 2, 3)) for x in range(-8, 8)]


def test_remainders_are_as_wide_as_they_must_be():
    """Thresholds at 100, 200, ... 1500: what is far beyond them all needs no bits."""
    p = AffineThresholdParameters(1, 1, -4000, 4000, ((0, 100),), 0, 15, 0, 4, False)
    (lane,) = p.each_lane
    assert lane.whole_range == (-4800, 3200)
    assert lane.remainder_bits == (11, 11, 10, 10) and lane.saturates
    narrow = AffineThresholdParameters(1, 1, 0, 1600, ((0, 100),), 0, 15, 0, 4, False)
    assert not narrow.each_lane[0].saturates


def test_messages():
    with pytest.raises(ValueError, match="Thresholds must ascend"):
        AffineThresholdParameters(1, 1, 0, 9, ((3, -2),), 0, 2, 0, 2, False)
    with pytest.raises(ValueError, match="Lines must be one or 3, not 2"):
        AffineThresholdParameters(3, 1, 0, 9, ((3, 1), (2, 1)), 0, 2, 0, 2, False)
    with pytest.raises(ValueError, match="Steps must be at least 2, not 1"):
        AffineThresholdParameters(1, 1, 0, 9, ((3, 1),), 0, 1, 0, 2, False)
