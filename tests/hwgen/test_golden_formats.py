"""Golden on networks of mixed number formats: equal to the reference, and to torch."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from hwgen.formats import Binary, Codebook, Fixed, PowerOfTwo, Ternary
from hwgen.golden import executor, run
from hwgen.network import (
    OPS,
    AvgPool2d,
    Conv2d,
    Input,
    Linear,
    MaxPool2d,
    Requantize,
    Threshold,
)
from support.networks import ASKED_FOR, MIXED, chain, random_input, random_network
from support.reference import check, reference


@pytest.mark.parametrize("seed", range(120))
def test_random_mixed_networks_equal_the_reference(seed):
    network = random_network(seed, MIXED)
    check(network, random_input(network, 3, seed), f"seed {seed}")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2000, 4000))
def test_random_mixed_networks_at_length(seed):
    network = random_network(seed, MIXED, layers=5, bits=4 + seed % 13)
    check(network, random_input(network, 3, seed), f"seed {seed}")


def test_random_mixed_networks_hold_every_format_op_and_use_of_a_sign():
    ops, weights, users, padded = set(), set(), set(), 0
    for seed in range(200):
        network = random_network(seed, MIXED)
        for node in network.nodes:
            ops.add(type(node.op))
            if isinstance(node.op, (Conv2d, Linear)):
                weights.add(node.op.weight_format)
            if network.tensors[node.name].format == Binary():
                users |= {type(user.op) for user in network.users(node.name)}
                convs = [u.op for u in network.users(node.name) if isinstance(u.op, Conv2d)]
                padded += sum(any(map(any, op.padding)) for op in convs)
    assert ops == set(OPS) - ASKED_FOR
    assert {type(of) for of in weights} == {Fixed, Binary, Ternary, PowerOfTwo, Codebook}
    assert {PowerOfTwo(bits, terms) for bits in range(2, 6) for terms in (1, 2)} <= weights
    assert any(isinstance(of, Codebook) and len(of.entries) < 1 << of.index_bits for of in weights)
    assert users == set(OPS) - ASKED_FOR - {Input, Requantize, Threshold} and padded > 20


@pytest.mark.parametrize("of", [Binary(), Ternary(), PowerOfTwo(4), PowerOfTwo(5, 2)], ids=str)
@pytest.mark.parametrize(
    ("stride", "padding", "groups"),
    [(1, 1, 1), (2, (2, 0), 2), (1, 0, 4), (1, ((0, 2), (1, 0)), 1)],
)
def test_convolution_of_signs_is_torch_s_on_the_frame_padded_with_minus_one(
    of, stride, padding, groups
):
    rng = np.random.default_rng(7)
    weight, bias = rng.choice(of.levels, (8, 4 // groups, 3, 3)), rng.integers(-9, 10, 8)
    op = Conv2d(weight, bias, of, [0.5] * 8, stride, padding, groups=groups)
    network = chain(Input((4, 6, 5), Binary(), [1.0]), op)
    x = random_input(network, 5, 7)
    ((top, below), (left, right)) = op.padding
    wide = functional.pad(torch.from_numpy(x).double(), (left, right, top, below), value=-1.0)
    expected = functional.conv2d(
        wide, torch.tensor(weight).double(), torch.tensor(bias).double(), stride, groups=groups
    )
    assert np.array_equal(network.run(x), expected.numpy())


@pytest.mark.parametrize("bias", [0, 2**24, -(2**53) - 5, 2**60])
def test_signs_of_accumulators_around_the_mantissas(bias):
    network = chain(
        Input((2,), Fixed(4), [1.0]),
        Linear([[1, 0], [0, -1]], [bias, bias + 1], Ternary(), [1.0]),
        Threshold([[bias + 1], [bias]], Binary(), [1.0], base=-1),
        Linear([[1, -1]], [0], Binary(), [1.0]),
    )
    x = np.stack(np.meshgrid(np.arange(-8, 8), np.arange(-8, 8)), axis=-1).reshape(-1, 2)
    signs = np.where(x[:, 0] >= 1, 1, -1), np.where(1 - x[:, 1] >= 0, 1, -1)
    assert np.array_equal(run(network, x)[:, 0], signs[0] - signs[1])
    check(network, x, f"bias {bias}")


def test_pool_of_signs_is_the_same_in_either_order():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        network = chain(
            Input((2, 6, 6), Fixed(4), [1.0], 2),
            Conv2d(rng.integers(-1, 2, (5, 2, 3, 3)), rng.integers(-9, 9, 5), Ternary(), [1.0]),
            Threshold(rng.integers(-40, 40, (5, 1)), Binary(), [1.0], base=-1),
            MaxPool2d((3, 2), (1, 2), (1, 1)),
            Conv2d(rng.choice([-1, 1], (3, 5, 3, 3)), [0] * 3, Binary(), [1.0], padding=1),
        )
        check(network, random_input(network, 6, seed), f"seed {seed}")


@pytest.mark.parametrize("elements", [1, 300])
def test_chunks_change_nothing(monkeypatch, elements):
    monkeypatch.setattr(executor, "CHUNK_ELEMENTS", elements)
    for seed in range(10):
        network = random_network(seed, MIXED)
        x = random_input(network, 7, seed)
        last = network.nodes[-1].name
        assert np.array_equal(run(network, x), reference(network, x)[last]), f"seed {seed}"


def test_a_block_of_signs_by_hand():
    network = chain(
        Input((1, 2, 2), Binary(), [1.0]),
        AvgPool2d(2, 1),
        Requantize([1], [1], Fixed(4), [2.0]),
        Threshold([[1]], Binary(), [1.0], base=-1),
        Conv2d([[[[4]]]], [1], PowerOfTwo(3), [1.0]),
    )
    frames = [[1, 1, 1, 1], [1, 1, 1, -1], [1, -1, 1, -1], [-1, -1, -1, -1]]
    x = np.array(frames).reshape(4, 1, 2, 2)
    values = network.trace(x)
    assert values["n1"].reshape(-1).tolist() == [4, 2, 0, -4]
    assert values["n2"].reshape(-1).tolist() == [2, 1, 0, -2]
    assert values["n3"].reshape(-1).tolist() == [1, 1, -1, -1]
    assert values["n4"].reshape(-1).tolist() == [5, 5, -3, -3]
