"""Thresholds against the requantizers that they stand for, at every value of the range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.errors import NetworkError
from hwgen.formats import Fixed
from hwgen.network import Input, Linear, Requantize
from hwgen.network.inference import infer
from hwgen.network.ops import ROUNDINGS
from hwgen.network.ranges import requantize_value
from hwgen.network.thresholds import as_threshold, thresholds_of
from hwgen.passes import absorb
from support.networks import chain


@st.composite
def requantizers(draw):
    """Return a requantizer of a few channels and the type of its input, both of any kind."""
    channels = draw(st.integers(1, 3))
    if draw(st.booleans()):
        weight = draw(st.lists(st.integers(-8, 7), min_size=channels, max_size=channels))
        bias = draw(st.lists(st.integers(-900, 900), min_size=channels, max_size=channels))
        entry = infer(Input((1,), Fixed(5), [1.0], draw(st.integers(-16, 15))), [])
        x = infer(Linear(np.array(weight)[:, None], bias, Fixed(4), [1.0]), [entry])
    else:
        of = Fixed(draw(st.integers(2, 7)), draw(st.booleans()))
        x = infer(Input((channels,), of, [1.0], draw(st.integers(of.lo, of.hi))), [])
    of = Fixed(draw(st.integers(2, 6)), draw(st.booleans()))
    ends = sorted(draw(st.tuples(st.integers(of.lo, of.hi), st.integers(of.lo, of.hi))))
    count = draw(st.sampled_from([1, channels]))
    op = Requantize(
        draw(st.lists(st.integers(1, 40), min_size=count, max_size=count)),
        draw(st.lists(st.integers(0, 12), min_size=1, max_size=1)),
        of,
        [0.25],
        draw(st.integers(of.lo, of.hi)),
        *(ends if draw(st.booleans()) else (None, None)),
        draw(st.sampled_from(ROUNDINGS)),
    )
    return op, x


def outputs(op, x, channel):
    """Return the requantizer's outputs over the whole range of a channel, one by one."""
    multiplier = int(np.broadcast_to(op.multiplier, x.channels)[channel])
    shift = int(np.broadcast_to(op.shift, x.channels)[channel])
    return {
        q: requantize_value(op, q - x.zero_point, multiplier, shift)
        for q in range(int(x.lows[channel]), int(x.highs[channel]) + 1)
    }


@settings(max_examples=400, deadline=None, derandomize=True)
@given(requantizers())
def test_thresholds_are_the_requantizer_at_every_value_of_the_range(case):
    op, x = case
    y, thresholds = infer(op, [x]), thresholds_of(op, x)
    rows = max(op.multiplier.size, op.shift.size)
    assert thresholds.shape == (rows, y.hi - y.lo) and thresholds.dtype == np.int64
    per_channel = np.broadcast_to(thresholds, (x.channels, y.hi - y.lo))
    for channel in range(x.channels):
        wanted = outputs(op, x, channel)
        for q, value in wanted.items():
            assert value == y.lo + int((q >= per_channel[channel]).sum()), (op, channel, q)
        for k, threshold in enumerate(per_channel[channel].tolist(), start=1):
            if rows > 1:  # the definition: the least q of the channel's range, or x.hi + 1
                reach = [q for q, value in wanted.items() if value >= y.lo + k]
                assert threshold == min(reach, default=x.hi + 1), (op, channel, k)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(requantizers())
def test_the_op_has_the_requantizer_s_type(case):
    op, x = case
    y, absorbed = infer(op, [x]), as_threshold(op, x)
    if absorbed is None:
        assert y.lo == y.hi
        return
    z = infer(absorbed, [x])
    assert np.array_equal(z.lows, y.lows) and np.array_equal(z.highs, y.highs)
    assert (z.shape, z.zero_point, z.format) == (y.shape, y.zero_point, y.format)
    assert np.array_equal(z.scale, y.scale)


def test_thresholds_by_hand():
    # y = clamp(floor(q / 4 + 1/2), 0, 3): 1 from 2 on, 2 from 6 on, 3 from 10 on
    x = infer(Input((2,), Fixed(8), [1.0]), [])
    relu = Requantize([1], [2], Fixed(2, signed=False), [1.0])
    assert thresholds_of(relu, x).tolist() == [[2, 6, 10]]
    even = Requantize([1], [2], Fixed(2, signed=False), [1.0], rounding="half_even")
    assert thresholds_of(even, x).tolist() == [[3, 6, 11]]
    two = Requantize([1, 1], [2, 6], Fixed(2, signed=False), [1.0])
    assert thresholds_of(two, x).tolist() == [[2, 6, 10], [32, 96, 128]]
    positive = Requantize([1], [0], Fixed(2), [1.0], lo=0, hi=1)
    assert thresholds_of(positive, x).tolist() == [[1]]


def test_a_step_over_several_outputs_repeats_its_threshold():
    x = infer(Input((1,), Fixed(2), [1.0]), [])
    assert thresholds_of(Requantize([3], [0], Fixed(5), [1.0]), x).tolist() == [
        [-1, -1, -1, 0, 0, 0, 1, 1, 1]
    ]


def test_thresholds_of_the_largest_accumulators():
    bias = 2**61
    x = infer(Input((1,), Fixed(16), [1.0]), [])
    x = infer(Linear([[1], [-1]], [bias, -bias], Fixed(16), [1.0]), [x])
    op = Requantize([1], [59], Fixed(4), [1.0])
    (row,) = thresholds_of(op, x).tolist()
    # y = floor(q / 2**59 + 1/2) is -4 at -(2**61), 4 at 2**61; and the ends reach no further
    assert row == [(2 * k - 7) << 58 for k in range(8)]
    network = chain(
        Input((1,), Fixed(16), [1.0]), Linear([[1], [-1]], [bias, -bias], Fixed(16), [1.0]), op
    )
    every = np.arange(-(2**15), 2**15, 7)[:, None]
    assert np.array_equal(absorb(network).run(every), network.run(every))


def test_a_threshold_above_the_largest_value_there_is():
    x = infer(Input((1,), Fixed(2), [1.0]), [])
    x = infer(Linear([[1], [1]], [2**62 - 2, 0], Fixed(4), [1.0]), [x])
    op = Requantize([1, 1], [61, 0], Fixed(3), [1.0])
    assert x.hi == 2**62 - 1
    thresholds = thresholds_of(op, x)
    assert thresholds.max() == 2**62
    assert as_threshold(op, x).thresholds.tolist() == thresholds.tolist()


def test_an_output_that_never_changes_has_nothing_to_count():
    network = chain(Input((3,), Fixed(4), [1.0]), Requantize([1], [9], Fixed(4), [1.0], 3))
    assert thresholds_of(network["n1"].op, network.input).shape == (1, 0)
    assert as_threshold(network["n1"].op, network.input) is None


def test_what_does_not_fit_is_refused():
    x = infer(Input((3,), Fixed(4), [1.0]), [])
    with pytest.raises(NetworkError, match="Multiplier must be one number or 3, not 2"):
        thresholds_of(Requantize([1, 2], [1], Fixed(4), [1.0]), x)
