import itertools

import numpy as np
import pytest
from strategies import random_network

from hwgen.errors import NetworkError
from hwgen.formats import Fixed
from hwgen.network import OPS, Conv2d, Flatten, Input, Linear, MaxPool2d, Network, Node, Requantize
from hwgen.network.inference import ARITY, INFERENCE, infer, round_shift
from hwgen.network.ops import ROUNDINGS

IMAGE = infer(Input((2, 4, 4), Fixed(4), [0.5], 3), [])


def conv(shape, bits=4, **geometry):
    return Conv2d(np.ones(shape), np.zeros(shape[0]), Fixed(bits), [1.0], **geometry)


def test_every_op_is_covered():
    assert set(INFERENCE) == set(ARITY) == set(OPS)


def test_range_of_a_convolution_is_the_sum_of_each_product_s_extremes():
    for seed in range(30):
        network = random_network(seed, max_bits=16)
        for node in network.nodes:
            if not isinstance(node.op, (Conv2d, Linear)):
                continue
            x, y = network.tensors[node.inputs[0]], network.tensors[node.name]
            padded = isinstance(node.op, Conv2d) and any(node.op.padding)
            for m, weights in enumerate(node.op.weight):
                low = high = int(node.op.bias[m])
                for at in np.ndindex(weights.shape):
                    ends = [int(x.lows[at[0]]), int(x.highs[at[0]])] + [x.zero_point] * padded
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
    ],
)
def test_inputs_that_do_not_fit_are_refused(op, message):
    with pytest.raises(NetworkError, match=message):
        infer(op, [IMAGE])


def test_accumulators_must_be_requantized_and_have_one_scale_where_they_are_compared():
    wide = infer(Conv2d(np.ones((3, 2, 1, 1)), [0] * 3, Fixed(4), [1.0, 2.0, 3.0]), [IMAGE])
    with pytest.raises(NetworkError, match="Input must be requantized before it is multiplied"):
        infer(conv((1, 3, 1, 1)), [wide])
    with pytest.raises(NetworkError, match="Input must have one scale, not one per channel"):
        infer(MaxPool2d(2, 2), [wide])


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
    }[rounding]
    assert [round_shift(value, 1, rounding) for value in range(-4, 5)] == expected
    assert round_shift(-7, 0, rounding) == -7
