"""A pass changes a network, and nothing that it computes: golden before == golden after."""

from pathlib import Path

import numpy as np
import pytest

from hwgen import passes
from hwgen.formats import Fixed
from hwgen.network import Conv2d, Flatten, Input, Network, Node, Requantize, Threshold
from hwgen.passes import PASSES, absorb
from support.networks import CHAIN, GRAPH, MIXED, SIGNS, chain, random_input, random_network

KINDS = {"chain": CHAIN, "graph": GRAPH, "mixed": MIXED, "signs": SIGNS}
SEEDS = 25


def assert_type(found, wanted, label):
    for name, value in vars(wanted).items():
        assert np.array_equal(getattr(found, name), value), f"{label}: {name}"


def test_every_pass_is_in_the_table():
    files = {path.stem for path in Path(passes.__file__).parent.glob("*.py")} - {"__init__"}
    assert set(PASSES) == files


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PASSES)
def test_a_pass_keeps_every_bit_of_the_output(name, kind):
    changed = 0
    for seed in range(SEEDS):
        network = random_network(seed, KINDS[kind])
        before = str(network)
        other = PASSES[name](network)
        assert str(network) == before, f"seed {seed}: a pass leaves the network as it is"
        x, label = random_input(network, 4, seed), f"seed {seed}"
        assert np.array_equal(other.run(x), network.run(x)), label
        assert_type(other.input, network.input, label)
        assert_type(other.output, network.output, label)
        changed += other != network
    assert changed, "nothing was tried"


@pytest.mark.parametrize("most", [1, 3, 15, 255, 10**6])
def test_absorbing_changes_no_value_type_or_name(most):
    absorbed = kept = 0
    for seed in range(40):
        network = random_network(seed, (CHAIN, GRAPH)[seed % 2])
        other = absorb(network, most)
        x = random_input(network, 4, seed)
        before, after = network.trace(x), other.trace(x)
        for old, new in zip(network.nodes, other.nodes, strict=True):
            y, z = network.tensors[old.name], other.tensors[new.name]
            label = f"seed {seed}: {old.name}"
            assert (old.name, old.inputs) == (new.name, new.inputs), label
            assert np.array_equal(before[old.name], after[new.name]), label
            assert np.array_equal(y.lows, z.lows) and np.array_equal(y.highs, z.highs), label
            if isinstance(old.op, Requantize):
                small = 1 <= y.hi - y.lo <= most
                assert isinstance(new.op, Threshold if small else Requantize), label
                absorbed, kept = absorbed + small, kept + (not small)
            else:
                assert new.op is old.op
        assert np.array_equal(network.run(x), other.run(x)), f"seed {seed}"
        assert absorb(other, most) == other
    assert absorbed and (kept or most > 255)


def test_absorbing_leaves_what_never_changes():
    network = chain(Input((3,), Fixed(4), [1.0]), Requantize([1], [9], Fixed(4), [1.0], 3))
    assert absorb(network) == network


def test_flattened_channels_keep_their_own_thresholds():
    rng = np.random.default_rng(0)
    network = Network(
        (
            Node("x", Input((2, 3, 3), Fixed(4), [1.0])),
            Node("c", Conv2d(rng.integers(-8, 8, (4, 2, 2, 2)), [0] * 4, Fixed(4), [1.0]), ("x",)),
            Node("f", Flatten(), ("c",)),
            Node("r", Requantize(rng.integers(1, 9, 16), [7], Fixed(3), [1.0]), ("f",)),
        )
    )
    other = absorb(network)
    assert other["r"].op.thresholds.shape == (16, 7)
    x = random_input(network, 50, 0)
    assert np.array_equal(other.run(x), network.run(x))
