"""Thresholds as lines: a start and a pitch that count as the thresholds do, or none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.planning.lowering.affine_thresholds import affine_through


def counts(row, xs):
    return (xs[:, None] >= row).sum(axis=1)


def check(row, lo, hi, needed=False):
    found = affine_through(np.array([row]), np.array([lo]), np.array([hi]))
    assert found or not needed
    if found:
        ((start, pitch),), fraction = found
        xs = np.arange(lo, hi + 1)
        line = start + pitch * np.arange(1, len(row) + 1)
        assert np.array_equal(counts(line, xs << fraction), counts(np.array(row), xs))
    return found


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.integers(-3000, 3000),
    st.integers(0, 4000),
    st.integers(1, 63),
    st.integers(0, 1 << 12),
    st.integers(-(1 << 20), 1 << 20),
    st.integers(0, 8),
)
def test_rounded_lines_are_found(lo, reach, steps, pitch, start, fraction):
    """Whatever line there is, clipped to the range: one that counts the same is found."""
    k = np.arange(1, steps + 1)
    row = -(-(start + k * pitch) >> fraction) if fraction else start + k * pitch
    check(row.clip(lo, lo + reach + 1).tolist(), lo, lo + reach, needed=True)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.integers(-40, 40), min_size=1, max_size=6))
def test_any_thresholds(row):
    check(sorted(row), -40, 39)


def test_no_line():
    assert affine_through(np.array([[0, 10, 11]]), np.array([-50]), np.array([50])) is None
    # but to integers from 9 on, the first of them is no threshold at all
    assert check([0, 10, 11], 9, 50)


def test_rows_share_a_pitch_where_one_does():
    """Of one multiplier and three biases; and of a row that never changes."""
    k = np.arange(1, 16)
    rows = np.array([-((-(k * 745 + bias)) // 64) for bias in (-3000, 17, 999)] + [[200] * 15])
    lows, highs = np.array([-99] * 4), np.array([150] * 4)
    lines, _ = affine_through(rows.clip(-99, 151), lows, highs)
    assert len({pitch for _, pitch in lines}) == 1 and len(set(lines)) > 2


def test_rows_share_their_fraction():
    rows = np.array([[4, 8, 12], [0, 3, 5]])
    lines, fraction = affine_through(rows, np.array([-50, -50]), np.array([50, 50]))
    assert fraction == 1 and lines[0] == (0, 8)
    start, pitch = lines[1]
    assert [-(-(start + k * pitch) // 2) for k in (1, 2, 3)] == [0, 3, 5]


@pytest.mark.parametrize("ends", [(-5, 5), (-(1 << 60), 1 << 60)])
def test_thresholds_far_away(ends):
    lo, hi = ends
    row = np.array([[lo, lo + 7, hi + 1]])
    found = affine_through(row, np.array([lo]), np.array([hi]))
    assert (found is None) == (hi > 1 << 40)
