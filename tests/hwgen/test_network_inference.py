import itertools

import numpy as np
import pytest

from hwgen.errors import NetworkError
from hwgen.formats import Fixed, parse_format
from hwgen.network import (
    OPS,
    Add,
    Affine,
    ArgMax,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Maximum,
    MaxPool2d,
    Minimum,
    Multiply,
    Network,
    Node,
    Requantize,
    Threshold,
)
from hwgen.network.inference import INFERENCE, infer, round_shift
from hwgen.network.ops import ROUNDINGS
from hwgen.network.ranges import real_taps
from support.networks import CHAIN, GRAPH, random_network

IMAGE = infer(Input((2, 4, 4), Fixed(4), [0.5], 3), [])


def conv(shape, bits=4, **geometry):
    return Conv2d(np.ones(shape), np.zeros(shape[0]), Fixed(bits), [1.0], **geometry)


def test_every_op_is_covered():
    assert set(INFERENCE) == set(OPS)


def test_range_of_a_convolution_is_the_sum_of_each_product_s_extremes():
    for seed in range(60):
        network = random_network(seed, (CHAIN, GRAPH)[seed % 2], bits=16)
        for node in network.nodes:
            if not isinstance(node.op, (Conv2d, Linear)):
                continue
            x, y = network.tensors[node.inputs[0]], network.tensors[node.name]
            padded = isinstance(node.op, Conv2d) and any(map(any, node.op.padding))
            groups = node.op.groups if isinstance(node.op, Conv2d) else 1
            for m, weights in enumerate(node.op.weight):
                first = m * groups // len(node.op.weight) * weights.shape[0]
                low = high = int(node.op.bias[m])
                for at in np.ndindex(weights.shape):
                    c = first + at[0]
                    ends = [int(x.lows[c]), int(x.highs[c])] + [x.zero_point] * padded
                    products = [int(weights[at]) * (end - x.zero_point) for end in ends]
                    low, high = low + min(products), high + max(products)
                assert (y.lows[m], y.highs[m]) == (low, high), f"seed {seed}: {node.name} {m}"


def test_range_of_one_convolution_is_reached_by_search():
    # 2-bit inputs and four taps: every input can be tried.
    network = Network(
        (
            Node("x", Input((1, 2, 2), Fixed(2), [1.0], -1)),
            Node("y", Conv2d([[[[3, -2], [0, 1]]]], [5], Fixed(4), [1.0]), ("x",)),
        )
    )
    every = np.array(list(itertools.product(range(-2, 2), repeat=4))).reshape(-1, 1, 2, 2)
    out = network.run(every)
    assert (out.min(), out.max()) == (network.output.lo, network.output.hi)


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (conv((1, 3, 1, 1)), r"Input must have shape \(3, height, width\), not \(2, 4, 4\)"),
        (conv((1, 2, 5, 1)), "Kernel must fit the padded input of height 4, not span 5"),
        (conv((1, 2, 1, 3), dilation=2), "Kernel must fit the padded input of width 4, not span 5"),
        (conv((1, 2, 1, 1), padding=2**30), "Padded input must have at most"),
        (conv((1, 2, 3, 3), padding=2**40, dilation=2**40), "Padded input must have at most"),
        (conv((300, 2, 1, 1), padding=500), "Value must have at most"),
        (MaxPool2d(2**40, 1, 2**39), "Padded input must have at most"),
        (MaxPool2d(5, 1), "Kernel must fit the padded input of height 4, not span 5"),
        (
            Linear([[1] * 32], [0], Fixed(4), [1.0]),
            r"Input must have shape \(32,\), not \(2, 4, 4\)",
        ),
        (Requantize([1] * 3, [1], Fixed(4), [1.0]), "Multiplier must be one number or 2, not 3"),
        (Requantize([1], [1] * 3, Fixed(4), [1.0]), "Shift must be one number or 2, not 3"),
        (Requantize([1], [1], Fixed(4), [1.0], 8), "Zero point must lie in the range of int4"),
        (conv((2, 1, 1, 1)), r"Input must have shape \(1, height, width\), not \(2, 4, 4\)"),
        (conv((4, 2, 1, 1), groups=2), r"Input must have shape \(4, height, width\), not \(2, 4"),
        (AvgPool2d(5, 1), "Kernel must fit the padded input of height 4, not span 5"),
        (AvgPool2d(2**40, 1, 2**39), "Padded input must have at most"),
        (Threshold([[1]] * 3, Fixed(4), [1.0]), "Thresholds must be of one channel or of 2, not"),
        (Threshold([[1]], Fixed(4), [1.0], 8), "Zero point must lie in the range of int4"),
        (ArgMax(), r"Input must have shape \(features,\), not \(2, 4, 4\); flatten it first"),
        (Add(), "Number of inputs must be 2 to 1024, not 1"),
        (Multiply(), "Number of inputs must be 2, not 1"),
        (Affine([1, 2, 3], [0] * 3, Fixed(4), [1.0]), r"must have 3 channels or features, not sh"),
        (Concat(), "Number of inputs must be 2 to 1024, not 1"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(op, message):
    with pytest.raises(NetworkError, match=message):
        infer(op, [IMAGE])


def test_accumulators_must_be_requantized_and_have_one_scale_where_they_are_compared():
    wide = infer(Conv2d(np.ones((3, 2, 1, 1)), [0] * 3, Fixed(4), [1.0, 2.0, 3.0]), [IMAGE])
    with pytest.raises(NetworkError, match="Input must be requantized before it is multiplied"):
        infer(conv((1, 3, 1, 1)), [wide])
    for op in (Add(), Concat(), Multiply(), Maximum()):
        with pytest.raises(
            NetworkError, match=r"Input must be requantized before it is (add|conc|mult|comp)"
        ):
            infer(op, [wide, wide])
    for op, x in ((MaxPool2d(2, 2), wide), (ArgMax(), infer(Flatten(), [wide]))):
        with pytest.raises(NetworkError, match="Input must have one scale, not one per channel"):
            infer(op, [x])


def test_products_that_could_leave_62_bits_are_refused():
    wide = infer(Conv2d(np.ones((1, 2, 1, 1)), [2**40], Fixed(4), [1.0]), [IMAGE])
    infer(Requantize([2**20], [40], Fixed(4), [1.0]), [wide])
    with pytest.raises(NetworkError, match=r"must stay below 2\*\*62; use a smaller multiplier"):
        infer(Requantize([2**30], [40], Fixed(4), [1.0]), [wide])
    with pytest.raises(NetworkError, match=r"Values must stay below 2\*\*62"):
        infer(Conv2d(np.ones((1, 2, 1, 1)), [2**62 - 1], Fixed(4), [1.0]), [IMAGE])


def test_scales_that_vanish_or_explode_are_refused():
    for scale in (1e308, 5e-324):
        small = infer(Input((2, 4, 4), Fixed(4), [scale]), [])
        op = Conv2d(np.ones((1, 2, 1, 1)), [0], Fixed(4), [1e200 if scale > 1 else 1e-9])
        with pytest.raises(NetworkError, match="Scale must be positive and finite"):
            infer(op, [small])


def test_flattening_repeats_channels_outermost():
    x = infer(Conv2d([[[[1]], [[0]]], [[[0]], [[2]]]], [0, 0], Fixed(4), [1.0, 2.0]), [IMAGE])
    y = infer(Flatten(), [x])
    assert y.shape == (32,)
    assert y.lows.tolist() == [-11] * 16 + [-22] * 16
    assert y.scale.tolist() == [0.5] * 16 + [1.0] * 16


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_rounding_by_hand(rounding):
    expected = {
        "half_up": [-2, -1, -1, 0, 0, 1, 1, 2, 2],
        "half_even": [-2, -2, -1, 0, 0, 0, 1, 2, 2],
        "half_away": [-2, -2, -1, -1, 0, 1, 1, 2, 2],
        "double": [-2, -1, -1, 0, 0, 1, 1, 2, 2],  # the first 31 bits half up
    }[rounding]
    assert [round_shift(value, 1, rounding) for value in range(-4, 5)] == expected
    assert round_shift(-7, 0, rounding) == -7


def test_double_rounding_by_hand():
    one = 1 << 31
    values = [one - 1, one, 3 * one, -one, -one - 1, -3 * one, one - (one >> 1) - 1]
    assert [round_shift(v, 32, "double") for v in values] == [1, 1, 2, -1, -1, -2, 0]
    assert [round_shift(v, 32, "half_up") for v in values] == [0, 1, 2, 0, -1, -1, 0]


def formatted(shape=(2, 4, 4), of="int4", scale=0.5, zero_point=0):
    return infer(Input(shape, parse_format(of), [scale], zero_point), [])


@pytest.mark.parametrize(
    ("op", "other", "message"),
    [
        (
            Add(),
            formatted((3, 4, 4)),
            r"must have the shape of the first, or one number .* not \(2, 4, 4\) and \(3, 4, 4\)",
        ),
        (Add(), formatted((32,)), r"Inputs must have the shape of the first"),
        (Add((1, 1, 1)), formatted(), "Multipliers must be one for each of the 2 inputs, not 3"),
        (Multiply(), formatted((2, 4, 1)), r"one a pixel, or one for all, not \(2, 4, 4\) and \(2"),
        (Maximum(), formatted((2, 1, 1)), r"Inputs must have one shape, not \(2, 4, 4\) and \(2"),
        (Minimum(), formatted(zero_point=1), "and int4 of scale 0.5 and zero point 1; requantize"),
        (
            Add(),
            formatted(scale=0.50051),
            r"at most 0\.1%, not be 0\.5 / 1 = 0\.5 and 0\.50051 / 1 = 0\.50051; choose other",
        ),
        (
            Add((2, 1)),
            formatted(),
            r"0\.5 / 2 = 0\.25 and 0\.5 / 1 = 0\.5; choose other multipliers",
        ),
        (Concat(), formatted((2, 4, 5)), r"all but their channels, not of shapes \(2, 4, 4\) and"),
        (
            Concat(),
            formatted((2,)),
            r"all but their channels, not of shapes \(2, 4, 4\) and \(2,\)",
        ),
        (
            Concat(),
            formatted(scale=0.25),
            "0 and int4 of scale 0.25 and zero point 0; requantize them to a common scale",
        ),
        (Concat(), formatted(zero_point=1), "and int4 of scale 0.5 and zero point 1; requantize"),
        (Concat(), formatted(of="int5"), "and int5 of scale 0.5 and zero point 0; requantize"),
        (
            Concat(),
            formatted(of="uint4"),
            "and uint4 of scale 0.5 and zero point 0; requantize",
        ),
    ],
)
def test_inputs_that_do_not_go_together_are_refused(op, other, message):
    with pytest.raises(NetworkError, match=message):
        infer(op, [formatted(), other])


def test_units_of_summands_may_differ_a_little():
    y = infer(Add((3, 3)), [formatted(), formatted(scale=0.50049)])
    assert y.scale.tolist() == [0.5 / 3] and y.zero_point == 0 and y.format is None
    infer(Add((32767, 32766)), [formatted(), formatted()])
    with pytest.raises(NetworkError, match="Scale must be positive and finite"):
        infer(Add((2, 2)), [formatted(scale=5e-324), formatted(scale=5e-324)])


def test_sizes_that_would_not_end_are_refused_before_anything_is_made():
    wide = formatted((2**20,))
    for op, inputs, message in (
        (Concat(), [wide, wide], "Value must have at most 1048576 channels, not 2097152"),
        (ArgMax(), [wide], "Input must have at most 65536 features, not 1048576"),
        (Concat(), [formatted((1, 2**14, 2**13))] * 3, "Value must have at most 268435456 elem"),
    ):
        with pytest.raises(NetworkError, match=message):
            infer(op, inputs)
    many = infer(Threshold([np.arange(65535)], Fixed(16, signed=False), [1.0]), [wide])
    assert (many.lo, many.hi) == (0, 8)


@pytest.mark.parametrize("size", range(1, 13))
def test_real_taps_by_counting_them(size):
    ranges = (range(1, 8), range(1, 5), range(4), range(4), range(1, 3))
    for kernel, stride, before, after, dilation in itertools.product(*ranges):
        span = dilation * (kernel - 1) + 1
        if size + before + after < span:
            continue
        starts = range(-before, size + after - span + 1, stride)
        counts = [sum(0 <= t < size for t in range(s, s + span, dilation)) for s in starts]
        got = real_taps(size, kernel, stride, (before, after), dilation)
        assert got == (min(counts), max(counts)), (kernel, stride, before, after, dilation)


def test_range_of_an_average_is_reached():
    rng = np.random.default_rng(3)
    for _ in range(60):
        shape = (2, *(int(n) for n in rng.integers(2, 6, 2)))
        zero = int(rng.integers(-8, 8))
        kernel = tuple(int(n) for n in rng.integers(1, 4, 2))
        stride = tuple(int(n) for n in rng.integers(1, 4, 2))
        padding = tuple(tuple(rng.integers(0, k // 2 + 1, 2).tolist()) for k in kernel)
        clamped = Requantize(
            [1], [0], Fixed(4), [1.0], zero, *sorted(rng.integers(-8, 8, 2).tolist())
        )
        nodes = (
            Node("x", Input(shape, Fixed(6), [1.0])),
            Node("r", clamped, ("x",)),
            Node("y", AvgPool2d(kernel, stride, padding), ("r",)),
        )
        try:
            network = Network(nodes)
        except NetworkError:
            continue
        ends = network.run(np.stack([np.full(shape, -32), np.full(shape, 31)]))
        label = f"{shape} {kernel} {stride} {padding} {zero} {clamped.lo} {clamped.hi}"
        assert (ends.min(), ends.max()) == (network.output.lo, network.output.hi), label


def test_ranges_are_joined_channel_by_channel():
    x = formatted((3,))
    narrow = infer(Threshold([[-1], [0], [9]], Fixed(4), [0.5]), [x])
    assert narrow.lows.tolist() == [0, 0, 0] and narrow.highs.tolist() == [1, 1, 0]
    both = infer(Concat(), [narrow, x])
    assert both.shape == (6,)
    assert both.lows.tolist() == [0, 0, 0, -8, -8, -8] and both.highs.tolist() == [1, 1, 0, 7, 7, 7]
    total = infer(Add((2, 2)), [narrow, x])
    assert total.lows.tolist() == [-16] * 3 and total.highs.tolist() == [16, 16, 14]


@pytest.mark.parametrize(
    ("features", "text"),
    [(1, "uint2"), (4, "uint2"), (5, "uint3"), (256, "uint8"), (257, "uint9"), (65536, "uint16")],
)
def test_an_index_is_as_wide_as_the_last_one(features, text):
    y = infer(ArgMax(), [formatted((features,), zero_point=3)])
    assert (y.shape, y.lo, y.hi, str(y.format)) == ((1,), 0, features - 1, text)
    assert y.scale.tolist() == [1.0] and y.zero_point == 0


@pytest.mark.parametrize("zero_point", [-3, 0, 5])
def test_range_of_what_is_requantized_again(zero_point):
    """It counts from the input's zero point, and is reached at the ends."""
    of = infer(Input((1,), Fixed(4), [1.0], zero_point), [])
    found = infer(Requantize([3], [1], Fixed(8), [1.0], -7), [of])
    outputs = [-7 + ((q - zero_point) * 3 + 1 >> 1) for q in range(-8, 8)]
    assert (found.lo, found.hi) == (min(outputs), max(outputs))
