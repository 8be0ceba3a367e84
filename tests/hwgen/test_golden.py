"""Golden against a reference that is dumb on purpose, and against the proven ranges."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from hwgen.errors import NetworkError
from hwgen.formats import Fixed
from hwgen.golden import GOLDEN, executor, run, trace
from hwgen.golden.exact import dot_bound, working_type
from hwgen.golden.kernels.values import round_shift
from hwgen.network import (
    OPS,
    Conv2d,
    Input,
    Linear,
    MaxPool2d,
    Requantize,
)
from hwgen.network.ops import ROUNDINGS
from support.networks import chain, random_input, random_network
from support.reference import REFERENCE, check, reference, round_quotient


def linear(weight, bias, bits=16):
    return Linear(weight, bias, Fixed(bits), [0.5])


def test_every_op_has_a_golden_function():
    assert set(GOLDEN) == {*REFERENCE, Input} == set(OPS)


@pytest.mark.parametrize("seed", range(60))
def test_random_networks_equal_the_reference(seed):
    network = random_network(seed)
    check(network, random_input(network, 3, seed), f"seed {seed}")


@pytest.mark.parametrize("seed", range(1000, 1030))
def test_random_wide_networks_equal_the_reference(seed):
    network = random_network(seed, layers=2, bits=16)
    check(network, random_input(network, 3, seed), f"seed {seed}")


@pytest.mark.parametrize("kernel", range(1, 6))
@pytest.mark.parametrize("stride", (1, 2))
@pytest.mark.parametrize("padding", range(3))
@pytest.mark.parametrize("dilation", (1, 2))
def test_convolution_is_torch_s_with_the_zero_point_as_padding(kernel, stride, padding, dilation):
    seed = kernel * 1000 + stride * 100 + padding * 10 + dilation
    rng = np.random.default_rng(seed)
    of, weights = Fixed(int(rng.integers(2, 17))), Fixed(int(rng.integers(2, 17)))
    zero = int(rng.integers(of.lo, of.hi + 1))
    channels, out = rng.choice([1, 3, 5, 7, 13], 2)
    shape = (int(channels), 11, 9)
    op = Conv2d(
        rng.integers(weights.lo, weights.hi + 1, (out, channels, kernel, kernel)),
        rng.integers(-1000, 1001, out),
        weights,
        [0.1],
        (stride, stride),
        (padding, padding),
        (dilation, dilation),
    )
    network = chain(Input(shape, of, [1.0], zero), op)
    x = random_input(network, 2, seed)
    expected = functional.conv2d(
        torch.from_numpy(x - zero).double(),
        torch.from_numpy(op.weight.astype(np.float64)),
        torch.from_numpy(op.bias.astype(np.float64)),
        stride,
        padding,
        dilation,
    )
    assert np.array_equal(run(network, x), expected.numpy()), f"seed {seed}"
    check(network, x, f"seed {seed}")


@pytest.mark.parametrize("kernel", [(1, 1), (2, 2), (3, 3), (2, 3)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("padding", [(0, 0), (1, 1), (0, 1)])
@pytest.mark.parametrize("signed", [True, False])
def test_pool_is_torch_s_and_padding_never_wins(kernel, stride, padding, signed):
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        with pytest.raises(NetworkError, match="Padding of a maximum"):
            MaxPool2d(kernel, stride, padding)
        return
    network = chain(Input((3, 7, 6), Fixed(5, signed), [1.0]), MaxPool2d(kernel, stride, padding))
    x = random_input(network, 4, 11)
    x[1] = network.input.format.lo
    expected = functional.max_pool2d(torch.from_numpy(x).double(), kernel, stride, padding)
    assert np.array_equal(run(network, x), expected.numpy())
    check(network, x, "pool")


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("bits", [2, 8, 16])
@pytest.mark.parametrize("multiplier", [1, 3, 255, 2**20 + 1])
@pytest.mark.parametrize("shift", [0, 1, 7, 30])
def test_requantize_rounds_every_input_as_a_fraction_does(rounding, bits, multiplier, shift):
    of = Fixed(bits)
    op = Requantize([multiplier], [shift], Fixed(16), [1.0], -3, rounding=rounding)
    network = chain(Input((1,), of, [1.0], 1), op)
    x = np.arange(of.lo, of.hi + 1, max(1, (of.hi - of.lo) // 4000))[:, None]
    check(network, x, f"{rounding} {multiplier} >> {shift}")


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_rounding_of_ties_in_each_working_type(rounding):
    # x + 1/2, where x runs over +-20: all ties. The bias widens the range, and with it the type.
    for extra, dtype in ((0, np.float32), (2**30, np.float64), (2**57, np.int64)):
        network = chain(
            Input((1,), Fixed(6), [1.0]),
            linear([[2], [2]], [1, extra]),
            Requantize([1], [1], Fixed(16), [1.0], rounding=rounding),
        )
        assert working_type(int(network.tensors["n1"].hi) + 1) == dtype
        x = np.arange(-20, 20)[:, None]
        expected = [round_quotient(2 * int(v) + 1, 1, rounding) for v in x[:, 0]]
        assert run(network, x)[:, 0].tolist() == expected
        check(network, x, f"{rounding} {dtype}")


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_int64_rounding_up_to_the_largest_accumulator(rounding):
    rng = np.random.default_rng(5)
    ends = [0, 1, -1, 2**61, 2**62 - 1, -(2**62)]
    values = np.array([*ends, *rng.integers(-(2**62), 2**62, 200)], dtype=np.int64)
    for shift in (0, 1, 2, 31, 61, 62):
        got = round_shift(values, np.int64(shift), rounding)
        expected = [round_quotient(int(v), shift, rounding) for v in values]
        assert got.tolist() == expected, f"{rounding} shift {shift}"


def test_sums_around_2_to_24_and_2_to_53_stay_exact():
    # Odd totals just above each mantissa: the next narrower type cannot hold them.
    rng = np.random.default_rng(9)
    for features, bias in ((16, 0), (600, 0), (600, 2**53 - 2**20), (600, 2**60), (3, 2**24 - 6)):
        weight = rng.integers(1, 2**15, (3, features)) | 1 if bias != 2**24 - 6 else [[1, 1, 1]] * 3
        network = chain(
            Input((features,), Fixed(16, signed=False), [1.0], 7),
            linear(weight, np.array([bias, -bias, 1])),
        )
        x = random_input(network, 8, features)
        x[1] = x[2] = network.input.format.hi
        x[2, 0] -= 1
        check(network, x, f"{features} features, bias {bias}")


def test_partial_sums_count_and_not_only_the_result():
    # The total stays within +-1, the partial sums reach 2**40: float32 would round them.
    weight = np.tile([2**15 - 1, -(2**15) + 1], 512)[None]
    features = weight.size
    network = chain(Input((features,), Fixed(16, signed=False), [1.0]), linear(weight, [1]))
    x = np.full((2, features), 65535)
    x[1, 0] -= 1
    assert run(network, x).tolist() == [[1], [1 - (2**15 - 1)]]
    assert dot_bound(network["n1"].op.weight, network["n1"].op.bias, network.input) > 2**24


def test_bound_is_never_below_the_sum_of_magnitudes():
    for seed in range(100):
        network = random_network(seed, bits=16)
        for node in network.nodes:
            if isinstance(node.op, (Conv2d, Linear)):
                x, w = network.tensors[node.inputs[0]], node.op.weight
                exact = max(
                    abs(int(node.op.bias[m]))
                    + sum(
                        int(np.abs(w[m, c]).sum())
                        * max(
                            abs(int(x.lows[c]) - x.zero_point), abs(int(x.highs[c]) - x.zero_point)
                        )
                        for c in range(w.shape[1])
                    )
                    for m in range(w.shape[0])
                )
                bound = dot_bound(w, node.op.bias, x)
                assert exact <= bound <= exact * 1.001 + 2**16, f"seed {seed}: {node.name}"


def test_linear_layer_reaches_its_range():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        of = Fixed(int(rng.integers(2, 17)), bool(rng.integers(2)))
        weight = rng.integers(-127, 128, (5, 9))
        network = chain(
            Input((9,), of, [1.0], int(rng.integers(of.lo, of.hi + 1))),
            linear(weight, rng.integers(-99, 100, 5)),
        )
        high = run(network, np.where(weight > 0, of.hi, of.lo))
        low = run(network, np.where(weight > 0, of.lo, of.hi))
        assert np.array_equal(np.diag(high), network.output.highs), f"seed {seed}"
        assert np.array_equal(np.diag(low), network.output.lows), f"seed {seed}"


@pytest.mark.parametrize("elements", [1, 300, 5000, 1 << 18])
def test_chunks_change_nothing(monkeypatch, elements):
    network = random_network(4)
    x = random_input(network, 23, 4)
    whole = reference(network, x)
    monkeypatch.setattr(executor, "CHUNK_ELEMENTS", elements)
    assert np.array_equal(run(network, x), whole[network.nodes[-1].name])
    assert all(np.array_equal(value, whole[name]) for name, value in trace(network, x).items())


def test_pool_after_a_requantizer_of_each_kind_is_the_same_in_either_order():
    # run() pools first where trace() must not; the channels have different multipliers.
    for seed, rounding in itertools.product(range(10), ROUNDINGS):
        rng = np.random.default_rng(seed)
        network = chain(
            Input((2, 6, 6), Fixed(4), [1.0], 2),
            Conv2d(rng.integers(-8, 8, (5, 2, 3, 3)), rng.integers(-9, 9, 5), Fixed(4), [1.0] * 5),
            Requantize(
                rng.integers(1, 99, 5),
                rng.integers(5, 9, 5),
                Fixed(5),
                [1.0],
                -2,
                rounding=rounding,
            ),
            MaxPool2d((3, 2), (1, 2), (1, 1)),
        )
        check(network, random_input(network, 6, seed), f"seed {seed} {rounding}")


def test_a_value_that_is_asked_for_is_not_reordered():
    network = chain(
        Input((1, 4, 4), Fixed(8), [1.0]), Requantize([1], [3], Fixed(4), [1.0]), MaxPool2d(2, 2)
    )
    x = np.full((1, 4, 4, 1), 17.0, dtype=np.float32)
    kept, swapped = (executor._prepare(network, wanted)["n1"](x) for wanted in (["n1"], ["n2"]))
    assert kept.shape == (1, 4, 4, 1) and (kept == 2).all()
    assert swapped.shape == (1, 2, 2, 1) and (swapped == 17).all()
