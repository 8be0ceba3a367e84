"""The bias unit against a loop, and its constants against its parameters."""

import random

import pytest

from hwgen_rtl_templates.bias import Bias, BiasParameters
from support.selection import some
from support.stream_bench import check_component, in_lanes, pack


def case(seed: int):
    """Return a unit, pixels of (sum, what comes of it), and the bits of a sum."""
    rng = random.Random(seed)
    channels = rng.randint(1, 9)
    lanes, step = rng.randint(1, channels), rng.randint(1, 2)
    reach = rng.choice((0, 1, 20, 300))
    alike = rng.random() < 0.3
    biases = [rng.randint(-reach, reach) for _ in range(1 if alike else channels)]
    if not alike and rng.random() < 0.3:
        biases = biases[:1] * channels
    sums = [rng.randint(-60, 20) for _ in range(2)]
    lo, hi = min(sums), max(sums)
    ends = [step * x + bias for x in (lo, hi) for bias in biases]
    signed = min(ends) < 0
    bits = max(1, *((-e - 1 if e < 0 else e).bit_length() + signed for e in ends))
    wrapped = rng.random() < 0.5 and bits >= step  # modulo what the result needs, or the sum itself
    x_signed = wrapped or lo < 0
    x_bits = max(1, *((-e - 1 if e < 0 else e).bit_length() + x_signed for e in (lo, hi)))
    x_bits = max(1, bits - (step - 1)) if wrapped else x_bits
    p = BiasParameters(channels, lanes, x_bits, x_signed, tuple(biases), bits, signed, step)
    pixels = [[rng.randint(lo, hi) for _ in range(channels)] for _ in range(30)]
    pixels += [[lo] * channels, [hi] * channels]
    results = [
        [step * x + biases[0 if alike else c] for c, x in enumerate(pixel)] for pixel in pixels
    ]
    return p, pixels, results


def check(seed: int) -> None:
    p, pixels, results = case(seed)
    groups = range(0, p.channels, p.lanes)
    beats = [pack(pixel[n : n + p.lanes], p.x_bits) for pixel in pixels for n in groups]
    wanted = in_lanes(results, p.lanes)
    check_component(Bias(p), beats, wanted, (p.bits, p.signed), seed=seed, where=str(p))


@pytest.mark.parametrize("seed", some(range(30), range(12)))
def test_against_a_loop(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1400))
def test_against_a_loop_at_length(seed):
    check(seed)


def test_constants_are_as_small_as_the_modulus_allows():
    p = BiasParameters(5, 2, 4, True, (15, -16, 1, 7, 9), 4, True)
    assert [p.constants_of(lane) for lane in range(2)] == [(-1, 1, -7), (0, 7, 0)]
    one = BiasParameters(5, 2, 4, True, (3,) * 5, 4, True)
    assert one.beats == 1 and one.constants_of(1) == (3,)


def test_messages():
    with pytest.raises(ValueError, match="Biases must be one or 3, not 2"):
        BiasParameters(3, 1, 4, True, (1, 2), 4, True)
    with pytest.raises(ValueError, match="Step must be 1 or 2, not 3"):
        BiasParameters(3, 1, 4, True, (1,), 4, True, 3)
