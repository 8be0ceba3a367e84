"""The threshold unit against counting."""

import random

import pytest

from hwgen_rtl_templates.threshold import ThresholdParameters, Thresholds
from support.selection import some
from support.stream_bench import check_elements


def check(seed: int) -> None:
    rng = random.Random(seed)
    channels = rng.randint(1, 6)
    lanes = rng.randint(1, channels)
    lo, hi = sorted(rng.randint(-300, 300) for _ in range(2))
    steps = rng.choice((1, 2, 3, 7, 10, 15))
    rows = rng.choice((1, channels))
    thresholds = tuple(
        tuple(sorted(rng.randint(lo, hi + 1) for _ in range(steps))) for _ in range(rows)
    )
    base, step = rng.choice((0, -8)), rng.choice((1, 1, 2))
    p = ThresholdParameters(channels, lanes, lo, hi, thresholds, base, 6, True, step)
    pixels = [[rng.randint(lo, hi) for _ in range(channels)] for _ in range(30)]
    edges = [t + d for row in thresholds for t in row for d in (-1, 0)]
    pixels += [[min(max(x, lo), hi)] * channels for x in edges]

    def expected(channel: int, x: int) -> int:
        row = thresholds[channel if rows > 1 else 0]
        return base + step * sum(x >= t for t in row)

    check_elements(Thresholds(p), pixels, expected, seed)


@pytest.mark.parametrize("seed", some(range(16), range(8)))
def test_counts(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 400))
def test_counts_at_length(seed):
    check(seed)


def test_messages():
    with pytest.raises(ValueError, match="Thresholds must ascend"):
        ThresholdParameters(1, 1, 0, 9, ((3, 2),), 0, 2, False)
    with pytest.raises(ValueError, match="Rows of thresholds must be one or 3"):
        ThresholdParameters(3, 1, 0, 9, ((3,), (2,)), 0, 2, False)
