"""Elements in another order: golden beside places one by one, ranges, and what is refused."""

import numpy as np
import pytest

from hwgen.errors import NetworkError
from hwgen.formats import Binary, Fixed
from hwgen.golden import trace
from hwgen.network import (
    Conv2d,
    Gather,
    Input,
    Pad,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    Reshape,
    Slice,
    Upsample,
)
from hwgen.network.inference import infer
from hwgen.network.rearranged import REARRANGED
from support.networks import ORDERS, chain, random_input, random_network
from support.reference import check

IMAGE = infer(Input((2, 3, 4), Fixed(4), [0.5], 3), [])
X = np.arange(24).reshape(1, 2, 3, 4) % 15 - 7


def made(op, shape=(2, 3, 4), x=X):
    return chain(Input(shape, Fixed(4), [0.5], 3), op).run(x)[0]


@pytest.mark.parametrize("seed", range(60))
def test_random_orders_equal_the_reference(seed):
    network = random_network(seed, ORDERS)
    check(network, random_input(network, 3, seed), f"seed {seed}")


def test_random_orders_hold_every_rearrangement_and_lie_in_their_ranges():
    seen = set()
    for seed in range(60):
        network = random_network(seed, ORDERS)
        values = trace(network, random_input(network, 4, seed))
        for node in network.nodes:
            if type(node.op) not in REARRANGED:
                continue
            seen.add(type(node.op))
            y = network.tensors[node.name]
            rows = values[node.name].swapaxes(0, 1).reshape(y.shape[0], -1)
            assert (rows.min(axis=1) >= y.lows).all(), f"seed {seed}: {node.name}"
            assert (rows.max(axis=1) <= y.highs).all(), f"seed {seed}: {node.name}"
    assert seen == set(REARRANGED)


def test_what_each_one_does():
    x = X[0]
    assert np.array_equal(made(Permute((2, 0, 1))), x.transpose(2, 0, 1))
    assert np.array_equal(made(Slice((1, 2, 0), (1, 3, 2), (1, -1, 3))), x[1:, ::-1, ::3])
    assert np.array_equal(made(Upsample((1, 2, 3))), x.repeat(2, 1).repeat(3, 2))
    assert np.array_equal(made(Reshape((6, 4))), x.reshape(6, 4))
    assert np.array_equal(made(Pad((0, 1, 0), (1, 0, 2))), np.pad(x, ((0, 1), (1, 0), (0, 2))))
    wide = np.pad(x, ((0, 0), (1, 2), (0, 3)), mode="reflect")
    assert np.array_equal(made(Pad((0, 1, 0), (0, 2, 3), "reflect")), wide)
    assert made(Gather([23, -1, 0], (3,), 5)).tolist() == [x[1, 2, 3], 5, x[0, 0, 0]]
    shuffled = made(PixelShuffle((2, 1)))
    assert shuffled.shape == (1, 6, 4) and np.array_equal(shuffled[0, 1::2], x[1])
    back = made(PixelUnshuffle((2, 1)), (1, 6, 4), shuffled[None])
    assert np.array_equal(back, x)


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (lambda: Slice((0, 1, 0), (2, 3, 4), (1, 1, 1)), "in the 3 elements of axis 1"),
        (lambda: Slice((0,), (1,), (0,)), "Step must not be 0"),
        (lambda: Slice((0, 0), (1, 1), (1, 1)), "of the 3 axes"),
        (lambda: Permute((0, 1, 1)), "0 to 2 in some order"),
        (lambda: Permute((1, 0)), "of the 3 axes"),
        (lambda: Reshape((5, 5)), "as many elements"),
        (lambda: Reshape((1, 2, 3, 4)), "one to 3 integers"),
        (lambda: Reshape((0, 24)), "at least 1"),
        (lambda: Upsample((1, 1)), "of the 3 axes"),
        (lambda: PixelShuffle((2, 3)), "must divide the 2 channels"),
        (lambda: PixelUnshuffle((2, 2)), "must divide the image"),
        (lambda: PixelUnshuffle((1, 1, 1)), "rows and columns, or positions"),
        (lambda: Pad((0, 3, 0), (0, 0, 0), "reflect"), "at most 2 of 3"),
        (lambda: Pad((0, 4, 0), (0, 0, 0), "circular"), "at most 3 of 3"),
        (lambda: Pad((0, 1, 0), (0, 1)), "as many axes on both sides"),
        (lambda: Pad((0, -1, 0), (0, 0, 0)), "at least 0"),
        (lambda: Pad((0, 0, 1), (0, 0, 0), "nearest"), "one of constant, reflect"),
        (lambda: Pad((0, 0, 1), (0, 0, 0), value=8), "an integer of int4"),
        (lambda: Gather([24], (1,)), "below the 24 elements"),
        (lambda: Gather([0, 1], (1,)), "must have 1 entries"),
        (lambda: Gather([-2], (1,)), "or -1 for the constant"),
        (lambda: Gather([-1], (1,), 9), "an integer of int4"),
        (lambda: Upsample((1 << 10, 1 << 10, 1 << 10)), "at most .* elements"),
        (lambda: Pad((0, 1 << 15, 0), (0, 0, 1 << 15)), "at most .* elements"),
    ],
)
def test_what_is_refused(op, message):
    with pytest.raises(NetworkError, match=message):
        infer(op(), [IMAGE])


def test_sums_and_signs():
    """Accumulators of unlike scales keep their channels, and of binary values 0 is no value."""
    conv = Conv2d(np.ones((2, 2, 1, 1)), [0, 0], Fixed(4), [0.5, 0.25])
    with pytest.raises(NetworkError, match="one scale"):
        chain(Input((2, 3, 4), Fixed(4), [0.5]), conv, Permute((1, 0, 2)))
    same = Conv2d(np.ones((2, 2, 1, 1)), [0, 0], Fixed(4), [0.5])
    entry = Input((2, 3, 4), Fixed(4), [0.5])
    network = chain(entry, same, Permute((2, 1, 0)))
    sums = network.run(X).transpose(0, 3, 2, 1)
    assert np.array_equal(sums[:, 0], X.sum(axis=1)) and np.array_equal(sums[:, 1], X.sum(axis=1))
    with pytest.raises(NetworkError, match="must be requantized"):
        chain(entry, same, Pad((0, 0, 1), (0, 0, 1)))
    with pytest.raises(NetworkError, match="an integer of binary"):
        chain(Input((2, 2, 2), Binary(), [0.5]), Pad((0, 1, 0), (0, 0, 0)))
    signs = chain(Input((2, 2, 2), Binary(), [0.5]), Pad((0, 1, 0), (0, 0, 0), value=-1))
    assert signs.run(np.ones((1, 2, 2, 2), dtype=int))[0, :, 0].tolist() == [[-1, -1]] * 2
