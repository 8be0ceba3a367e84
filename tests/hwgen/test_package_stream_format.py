"""Beats and tensors."""

from dataclasses import replace

import numpy as np
import pytest

from hwgen.errors import FormatError, SimulationError
from hwgen.package.stream_format import StreamFormat

FORMAT = StreamFormat(2, 4, True, 16, (3, 1, 2), (3, 1, 2))


def test_beats_by_hand():
    values = np.array([[[[1, -1]], [[2, -8]], [[3, 7]]]])
    stream = FORMAT
    assert (stream.groups, stream.beats, stream.lo, stream.hi) == (2, 4, -8, 7)
    # First pixel: channels 0 and 1, then channel 2 and a lane of zero; high byte first.
    assert stream.pack(values).hex(" ", 2) == "0021 0003 008f 0007"
    got, unknown = stream.unpack(["0021", "0003", "ff8f", "00f7"])  # the rest is ignored
    assert np.array_equal(got, values) and not unknown.any()


def test_a_vector_is_the_flatten_of_its_stream():
    stream = replace(FORMAT, shape=(6,))
    got, _ = stream.unpack(["0021", "0003", "008f", "0007"])
    assert got.tolist() == [[1, -1, 2, -8, 3, 7]]
    assert stream.pack(got).hex(" ", 2) == "0021 0003 008f 0007"


def test_beats_back_and_forth():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        channels, height, width, lanes, bits = (int(n) for n in rng.integers(1, (14, 5, 5, 9, 17)))
        if lanes > channels:  # whole pixels, several a beat
            lanes = channels * int(rng.choice([n for n in range(1, 17) if height * width % n == 0]))
        shape = (channels, height, width) if rng.integers(2) else (channels * height * width,)
        width_bits = lanes * bits + int(rng.integers(0, 12))
        signed = bool(rng.integers(2))
        stream = StreamFormat(lanes, bits, signed, width_bits, shape, (channels, height, width))
        values = rng.integers(stream.lo, stream.hi + 1, (3, *shape))
        size = -(-width_bits // 8)
        padded = replace(stream, tdata_bits=8 * size)
        packed = np.frombuffer(padded.pack(values), np.uint8)
        beats = [row.tobytes().hex() for row in packed.reshape(-1, size)]
        got, unknown = stream.unpack(beats)
        assert np.array_equal(got, values) and not unknown.any(), f"seed {seed}"


def test_pixels_that_share_a_beat():
    """Each with all its channels, the first in the lowest lanes."""
    stream = StreamFormat(4, 4, False, 16, (2, 2, 2), (2, 2, 2))
    assert (stream.groups, stream.beats, stream.used) == (1, 2, 4)
    values = np.array([[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]])
    assert stream.pack(values).hex(" ", 2) == "6251 8473"
    got, _ = stream.unpack(["6251", "8473"])
    assert np.array_equal(got, values)
    for lanes in (3, 5, 6):
        with pytest.raises(FormatError):
            replace(stream, lanes=lanes, tdata_bits=32)


def test_packing_in_pieces_is_packing(monkeypatch):
    stream = FORMAT
    values = np.random.default_rng(0).integers(-8, 8, (50, 3, 1, 2))
    whole = stream.pack(values)
    monkeypatch.setattr("hwgen.package.stream_format.BITS_AT_ONCE", 100)
    assert stream.pack(values) == whole


def test_unknown_bits_mark_their_values():
    stream = FORMAT
    _, unknown = stream.unpack(["002X", "00x3", "xx8f", "000z"])
    assert unknown[0, :, 0].tolist() == [[True, False], [False, False], [False, True]]
    with pytest.raises(SimulationError, match="must be hexadecimal"):
        stream.unpack(["00g1"])


@pytest.mark.parametrize(
    "change",
    [
        {"lanes": 0},
        {"tdata_bits": 7},
        {"shape": (3, 3, 2)},
        {"shape": (3, 1, 1, 2)},
        {"stream_shape": (6,)},
        {"step": 0},
    ],
)
def test_a_format_that_contradicts_itself(change):
    with pytest.raises(FormatError, match="must not contradict itself"):
        replace(FORMAT, **change)
