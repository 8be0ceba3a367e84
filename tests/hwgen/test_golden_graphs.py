"""Golden on graphs with forks and joins, and each of their ops against torch and by hand."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from hwgen.formats import Fixed
from hwgen.golden import executor, run, trace
from hwgen.network import (
    OPS,
    Add,
    ArgMax,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Input,
    Linear,
    MaxPool2d,
    Network,
    Node,
    Requantize,
    Threshold,
)
from hwgen.network.ops import ROUNDINGS
from support.networks import ASKED_FOR, GRAPH, chain, random_input, random_network
from support.reference import check, reference


def tensor(array):
    return torch.from_numpy(np.asarray(array, dtype=np.float64))


@pytest.mark.parametrize("seed", range(120))
def test_random_graphs_equal_the_reference(seed):
    network = random_network(seed, GRAPH)
    check(network, random_input(network, 3, seed), f"seed {seed}")


@pytest.mark.parametrize("seed", range(1000, 1040))
def test_random_wide_graphs_equal_the_reference(seed):
    network = random_network(seed, GRAPH, bits=16)
    check(network, random_input(network, 3, seed), f"seed {seed}")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2000, 4000))
def test_random_graphs_at_length(seed):
    network = random_network(seed, GRAPH, layers=5, bits=4 + seed % 13)
    check(network, random_input(network, 3, seed), f"seed {seed}")


def test_random_graphs_hold_every_op_and_every_kind_of_fork_and_join():
    seen, forked, joined, grouped, ends = set(), set(), set(), 0, set()
    for seed in range(120):
        network = random_network(seed, GRAPH)
        seen |= {type(node.op) for node in network.nodes}
        forked |= {len(network.users(node.name)) for node in network.nodes}
        joined |= {len(node.inputs) for node in network.nodes}
        grouped += sum(isinstance(n.op, Conv2d) and n.op.groups > 1 for n in network.nodes)
        ends.add(type(network.nodes[-1].op))
    assert seen == set(OPS) - ASKED_FOR
    assert forked >= {0, 1, 2, 3} and joined >= {0, 1, 2, 3, 4} and grouped > 20
    assert ends >= {Add, ArgMax, AvgPool2d, Concat, Linear, Requantize, Threshold}


@pytest.mark.parametrize(
    ("channels", "out", "groups"), [(6, 6, 6), (6, 12, 6), (6, 9, 3), (4, 2, 2)]
)
@pytest.mark.parametrize("bits", [4, 16])
@pytest.mark.parametrize("geometry", [(1, 0, 1), (2, 1, 1), (1, 2, 2)])
def test_grouped_convolution_is_torch_s(channels, out, groups, bits, geometry):
    rng = np.random.default_rng(channels * out + bits)
    stride, padding, dilation = geometry
    of = Fixed(bits)
    op = Conv2d(
        rng.integers(of.lo, of.hi + 1, (out, channels // groups, 3, 2)),
        rng.integers(-99, 100, out),
        of,
        [0.1] * out,
        (stride, stride),
        (padding, padding),
        (dilation, dilation),
        groups,
    )
    network = chain(Input((channels, 7, 6), of, [1.0], 3), op)
    x = random_input(network, 4, bits)
    expected = functional.conv2d(
        tensor(x - 3), tensor(op.weight), tensor(op.bias), stride, padding, dilation, groups
    )
    assert np.array_equal(run(network, x), expected.numpy())
    check(network, x, f"groups {groups}")


def test_a_grouped_convolution_is_a_full_one_with_zeros_between_the_groups():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        groups, inner, outer = (int(n) for n in rng.integers(1, 4, 3))
        weight = rng.integers(-8, 8, (groups * outer, inner, 2, 2))
        full = np.zeros((groups * outer, groups * inner, 2, 2), dtype=np.int64)
        for m in range(groups * outer):
            first = m // outer * inner
            full[m, first : first + inner] = weight[m]
        bias = rng.integers(-9, 9, groups * outer)
        entry = Input((groups * inner, 4, 5), Fixed(5), [1.0], 2)
        one = chain(entry, Conv2d(weight, bias, Fixed(4), [1.0], padding=1, groups=groups))
        other = chain(entry, Conv2d(full, bias, Fixed(4), [1.0], padding=1))
        x = random_input(one, 3, seed)
        assert np.array_equal(run(one, x), run(other, x)), f"seed {seed}"
        assert np.array_equal(one.output.lows, other.output.lows), f"seed {seed}"
        assert np.array_equal(one.output.highs, other.output.highs), f"seed {seed}"


@pytest.mark.parametrize("kernel", [(1, 1), (2, 2), (3, 3), (2, 3), (7, 6)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("padding", [(0, 0), (1, 1), (0, 1)])
@pytest.mark.parametrize("bits", [5, 16])
def test_average_is_torch_s_with_padding_counted(kernel, stride, padding, bits):
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        return
    entry = Input((3, 7, 6), Fixed(bits), [0.5], -3)
    network = chain(entry, AvgPool2d(kernel, stride, padding))
    x = random_input(network, 4, bits)
    real = functional.avg_pool2d(tensor(x + 3) * 0.5, kernel, stride, padding)
    assert network.output.zero_point == 0
    assert np.array_equal(
        network.dequantize(run(network, x)), network.output.scale * run(network, x)
    )
    assert np.array_equal(run(network, x), torch.round(real / network.output.scale[0]).numpy())
    check(network, x, "average")


def test_average_of_accumulators_reaches_int64():
    for bias in (0, 2**40, 2**57):
        network = chain(
            Input((2, 5, 5), Fixed(16), [1.0], 7),
            Conv2d([[[[1]], [[-3]]], [[[2]], [[5]]]], [bias, 1 - bias], Fixed(4), [1.0, 2.0]),
            AvgPool2d(5, 1),
        )
        check(network, random_input(network, 4, 0), f"bias {bias}")
        assert network.output.scale.tolist() == [1 / 25, 2 / 25]


def test_averages_beyond_24_bits_stay_exact():
    network = chain(Input((2, 17, 17), Fixed(16, signed=False), [1.0]), AvgPool2d((17, 16), 1))
    x = random_input(network, 4, 0)
    x[1:3] = 65535
    x[2, 0, 3, 3] -= 1
    check(network, x, "average")


def joined(op, *formats, shape=(2, 3, 3), scale=(1.0,), zero_points=None):
    """Return the network of an op on as many requantized values of one input."""
    zero_points = zero_points or [0] * len(formats)
    nodes = [Node("x", Input(shape, Fixed(16), [1.0]))]
    for i, (of, zero_point) in enumerate(zip(formats, zero_points, strict=True)):
        requantize = Requantize([1], [16 - of.bits + i], of, scale, zero_point)
        nodes.append(Node(f"a{i}", requantize, ("x",)))
    nodes.append(Node("y", op, tuple(f"a{i}" for i in range(len(formats)))))
    return Network(tuple(nodes))


@pytest.mark.parametrize("multipliers", [(1, 1), (3, 3), (32767, 32767), (2000, 2001)])
def test_sums_are_exact_in_every_working_type(multipliers):
    network = joined(Add(multipliers), Fixed(16), Fixed(8), zero_points=[-30000, 100])
    x = random_input(network, 5, 1)
    values = trace(network, x)
    a, b = values["a0"].astype(object) + 30000, values["a1"].astype(object) - 100
    assert (values["y"] == multipliers[0] * a + multipliers[1] * b).all()
    check(network, x, f"{multipliers}")


def test_a_sum_beyond_24_bits_of_two_summands_below_stays_exact():
    of = Fixed(16, signed=False)
    nodes = (
        Node("x", Input((1,), of, [1.0])),
        Node("r", Requantize([1], [0], of, [255 / 256]), ("x",)),
        Node("y", Add((256, 255)), ("x", "r")),
    )
    x = np.arange(65400, 65536)[:, None]
    assert np.array_equal(run(Network(nodes), x), 511 * x)


def test_a_sum_reaches_its_range_and_says_its_unit():
    network = Network(
        (
            Node("x", Input((2,), Fixed(4), [0.3], 2)),
            Node("a", Requantize([1], [0], Fixed(5), [0.9], -1), ("x",)),
            Node("y", Add((1, 3)), ("x", "a")),
        )
    )
    every = np.array(list(itertools.product(range(-8, 8), repeat=2)))
    out = run(network, every)
    assert (out.min(), out.max()) == (network.output.lo, network.output.hi)
    assert network.output.scale.tolist() == [0.3] and network.output.format is None
    # x and a are one value: real x + real a = 0.3 * (q - 2) + 0.9 * (q - 2)
    assert np.array_equal(out, (every - 2) * 4)


def test_a_value_may_be_added_to_itself_and_follow_itself():
    entry = Node("x", Input((2, 2, 2), Fixed(4), [1.0], 1))
    for op in (Add((2, 2)), Concat()):
        network = Network((entry, Node("y", op, ("x", "x"))))
        check(network, random_input(network, 3, 0), type(op).__name__)


def test_concatenation_is_torch_s_whatever_types_the_values_travel_in():
    # The three requantizers work in float32, float64 and int64.
    nodes = [Node("x", Input((2, 3, 3), Fixed(8), [1.0]))]
    for i, (m, shift) in enumerate(((1, 4), (2**31 - 1, 34), (2**31 - 1, 62))):
        bias = [0, 2**30 if i == 2 else 0]
        conv = Conv2d([[[[1]], [[2]]], [[[3]], [[-1]]]], bias, Fixed(4), [1.0])
        nodes.append(Node(f"c{i}", conv, ("x",)))
        nodes.append(Node(f"r{i}", Requantize([m], [shift], Fixed(6), [1.0]), (f"c{i}",)))
    nodes.append(Node("y", Concat(), ("r2", "r0", "r1", "r0")))
    network = Network(tuple(nodes))
    x = random_input(network, 4, 3)
    values = trace(network, x)
    expected = torch.cat([torch.from_numpy(values[name]) for name in network["y"].inputs], 1)
    assert np.array_equal(values["y"], expected.numpy())
    check(network, x, "concat")


def test_the_first_of_the_largest_wins():
    network = chain(Input((5,), Fixed(16), [1.0], 4), ArgMax())
    x = np.array(
        [[1, 7, 7, 3, 7], [-4] * 5, [0, 0, 0, 0, 1], [2**15 - 1] * 5, [-(2**15), -9, -9, -10, -9]]
    )
    assert run(network, x).tolist() == [[1], [0], [4], [0], [1]]
    every = chain(Input((3,), Fixed(2), [1.0]), ArgMax())
    x = np.array(list(itertools.product(range(-2, 2), repeat=3)))
    assert run(every, x)[:, 0].tolist() == [row.index(max(row)) for row in x.tolist()]


def test_the_largest_of_accumulators_that_no_float_tells_apart():
    network = chain(
        Input((2,), Fixed(4), [1.0]),
        Linear([[1, 0], [0, 1], [0, 0]], [2**60, 2**60, 2**60 + 1], Fixed(4), [1.0]),
        ArgMax(),
    )
    assert run(network, [[0, 0], [1, 1], [2, 3], [3, 2], [-8, 7]]).tolist() == [
        [2],
        [0],
        [1],
        [0],
        [1],
    ]


def test_thresholds_at_and_beyond_the_ends_of_the_range():
    ends = [-(2**62), -9, -8, -8, 0, 7, 8, 2**62]
    network = chain(Input((1,), Fixed(4), [1.0], 3), Threshold([ends], Fixed(5), [1.0], 2, -4))
    x = np.arange(-8, 8)[:, None]
    expected = [-4 + sum(q >= t for t in ends) for q in range(-8, 8)]
    assert run(network, x)[:, 0].tolist() == expected
    assert (network.output.lo, network.output.hi) == (min(expected), max(expected))


@pytest.mark.parametrize("bias", [2**24 - 8, 2**53 - 8, 2**60, -(2**24), -(2**53) - 5])
def test_thresholds_around_the_mantissas_count_exactly(bias):
    network = chain(
        Input((2,), Fixed(4), [1.0]),
        Linear([[1, 0], [0, 1]], [bias, bias + 1], Fixed(2), [1.0]),
        Threshold([np.arange(bias - 6, bias + 11)] * 2, Fixed(8), [1.0]),
    )
    check(network, np.stack([np.arange(-8, 8)] * 2, axis=1), f"bias {bias}")


def test_pool_after_thresholds_is_the_same_in_either_order():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        network = chain(
            Input((2, 6, 6), Fixed(4), [1.0], 2),
            Conv2d(rng.integers(-8, 8, (5, 2, 3, 3)), rng.integers(-9, 9, 5), Fixed(4), [1.0] * 5),
            Threshold(np.sort(rng.integers(-200, 200, (5, 7)), axis=1), Fixed(4), [1.0], 0, -3),
            MaxPool2d((3, 2), (1, 2), (1, 1)),
        )
        check(network, random_input(network, 6, seed), f"seed {seed}")


def test_a_requantizer_that_others_use_too_is_not_reordered_behind_its_pool():
    nodes = (
        Node("x", Input((1, 4, 4), Fixed(8), [1.0])),
        Node("r", Requantize([1], [4], Fixed(4), [1.0]), ("x",)),
        Node("p", MaxPool2d(2, 2), ("r",)),
        Node("q", MaxPool2d(2, 2), ("x",)),
        Node("s", AvgPool2d(2, 2), ("r",)),
        Node("t", Requantize([1], [2], Fixed(4), [1.0]), ("s",)),
        Node("u", Requantize([1], [4], Fixed(4), [1.0]), ("q",)),
        Node("y", Concat(), ("p", "t", "u")),
    )
    network = Network(nodes)
    for seed in range(5):
        check(network, random_input(network, 5, seed), f"seed {seed}")


@pytest.mark.parametrize("elements", [1, 300, 1 << 18])
def test_chunks_change_nothing_in_graphs(monkeypatch, elements):
    for seed in range(10):
        network = random_network(seed, GRAPH)
        x = random_input(network, 11, seed)
        expected = reference(network, x)
        monkeypatch.setattr(executor, "CHUNK_ELEMENTS", elements)
        last = network.nodes[-1].name
        assert np.array_equal(run(network, x), expected[last]), f"seed {seed}"


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_a_residual_block_by_hand(rounding):
    network = Network(
        (
            Node("x", Input((1, 1, 2), Fixed(4), [0.5], 1)),
            Node("c", Conv2d([[[[3]]]], [-1], Fixed(4), [0.5]), ("x",)),
            Node("r", Requantize([1], [1], Fixed(6), [0.5], -2, rounding=rounding), ("c",)),
            Node("a", Add((2, 2)), ("x", "r")),
            Node("f", Flatten(), ("a",)),
        )
    )
    values = trace(network, [[[[3, 0]]]])
    assert values["c"].tolist() == [[[[5, -4]]]]
    half = {"half_up": 3, "half_even": 2, "half_away": 3, "double": 3}[rounding]  # 5 / 2
    assert values["r"].tolist() == [[[[half - 2, -2 - 2]]]]
    assert values["f"].tolist() == [[2 * 2 + 2 * half, 2 * -1 + 2 * -2]]
