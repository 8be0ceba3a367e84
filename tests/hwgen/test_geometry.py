"""Windows of every geometry, networks of ops: padding of four sides, lengths, maxima with dilation.

Golden == reference == RTL, bit for bit, and every predicted clock as simulated.
"""

import numpy as np
import pytest

import hwgen
from hwgen.errors import NetworkError
from hwgen.formats import Binary, Fixed
from hwgen.network import (
    AvgPool1d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    Input,
    MaxPool1d,
    MaxPool2d,
    PositionScale,
    Requantize,
    Threshold,
)
from hwgen.network.ops import OPS
from hwgen.network.text import from_text, summary, to_text
from support.networks import (
    CHAIN,
    GRAPH,
    MIXED,
    OF_LENGTHS,
    chain,
    contents,
    random_input,
    random_network,
)
from support.reference import check as check_reference
from support.whole import check, check_simulated, planned

KINDS = {"chain": CHAIN, "graph": GRAPH, "mixed": MIXED}
IMAGE, LENGTH = (2, 5, 6), (2, 9)
SIGN = Threshold([[0]], Binary(), [1.0], base=-1)
SCALE = Requantize([3], [5], Fixed(4), [1.0], 1)

COUNTS = ((3, 2, 2, 2, 3), (3, 2, 2, 2, 2, 3))


def conv(kind, *shape, of=4, **fields):
    rng = np.random.default_rng(sum(shape))
    weight = rng.integers(-7, 8, shape)
    return kind(weight, rng.integers(-9, 9, shape[0]), Fixed(of), [1.0], **fields)


CASES = {
    "below and right": (IMAGE, conv(Conv2d, 3, 2, 2, 2, padding=((0, 1), (0, 1))), SCALE),
    "above and left": (IMAGE, conv(Conv2d, 2, 2, 2, 3, padding=((1, 0), (2, 0)), stride=2)),
    "beyond the kernel": (IMAGE, conv(Conv2d, 2, 2, 2, 2, padding=((3, 0), (0, 4)))),
    "causal": (LENGTH, conv(Conv1d, 3, 2, 3, padding=((4, 0),), dilation=2), SCALE),
    "a stride along a length": (LENGTH, conv(Conv1d, 4, 2, 3, padding=1, stride=2), SCALE),
    "depthwise along a length": (LENGTH, conv(Conv1d, 2, 1, 3, padding=((0, 2),), groups=2)),
    "signs padded on one side": (IMAGE, SIGN, conv(Conv2d, 3, 2, 2, 2, padding=((0, 1), (1, 0)))),
    "maximum padded behind": (IMAGE, MaxPool2d(2, 2, ((0, 1), (0, 0)))),
    "maximum with dilation": (IMAGE, MaxPool2d((2, 3), 1, ((1, 0), (0, 2)), (2, 1))),
    "average padded in front": (IMAGE, AvgPool2d(3, 2, ((2, 0), (0, 1))), SCALE),
    "average of padding alone": (IMAGE, AvgPool2d(2, 2, ((3, 0), (0, 3)))),
    "maximum along a length": (LENGTH, MaxPool1d(3, 2, ((1, 1),)), conv(Conv1d, 2, 2, 1)),
    "maximum with dilation along a length": (LENGTH, MaxPool1d(2, 1, ((0, 2),), 3)),
    "average along a length": (LENGTH, AvgPool1d(2, 2, ((0, 1),)), SCALE),
    "averages of their own counts": (IMAGE, AvgPool2d(3, 1, 1), PositionScale(COUNTS, 4), SCALE),
    "factors along a length": (LENGTH, AvgPool1d(2, 2, ((0, 1),)), PositionScale([[1] * 4 + [2]])),
    "factors of an input": (LENGTH, PositionScale([[*range(1, 10)]]), SCALE, conv(Conv1d, 2, 2, 1)),
    "a sum along a length": (LENGTH, AvgPool1d(9, 1, divisor=1), SCALE),
    "average of a length": (LENGTH, conv(Conv1d, 3, 2, 3), SCALE, AvgPool1d(7, 1), SCALE),
}
QUICK = (  # which are simulated always
    *("beyond the kernel", "causal", "signs padded on one side", "maximum with dilation"),
    *("average padded in front", "averages of their own counts"),
)


def network_of(case):
    shape, *ops = CASES[case]
    return chain(Input(shape, Fixed(4), [1.0], -2), *ops)


@pytest.mark.parametrize("case", CASES)
def test_case_is_the_reference_s(case, tmp_path):
    network = network_of(case)
    check_reference(network, random_input(network, 7, 1), case)
    assert from_text(to_text(network)) == network
    network.save(tmp_path / "it.net")
    assert hwgen.load(tmp_path / "it.net") == network
    assert "x".join(map(str, network.output.shape)) in summary(network)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case in QUICK else pytest.mark.slow) for case in CASES],
)
def test_case_simulates(case, tmp_path):
    network = network_of(case)
    plan = planned(network, "min area" if len(case) % 2 else 1e7)
    check_simulated(hwgen.generate(plan, tmp_path / "net"), plan, 3)


@pytest.mark.parametrize("length", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_random_networks_are_the_reference_s(kind, length):
    seen, unequal = set(), 0
    for seed in range(40):
        network = random_network(seed, KINDS[kind], length=length, unequal=0.7)
        check_reference(network, random_input(network, 3, seed), f"seed {seed}")
        assert from_text(to_text(network)) == network
        seen |= contents(network)
        paddings = [getattr(node.op, "padding", ()) for node in network.nodes]
        unequal += sum(a != b for padding in paddings for a, b in padding)
    assert unequal > 5
    if kind == "graph" and length:
        planar = {Conv2d, MaxPool2d, AvgPool2d}
        assert seen >= set(OPS) & OF_LENGTHS | {PositionScale} and not seen & planar


@pytest.mark.parametrize("length", [False, True])
@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        ("mixed", 5),
        *(pytest.param(kind, seed, marks=pytest.mark.slow) for kind in KINDS for seed in range(9)),
    ],
)
def test_random_networks_simulate(kind, seed, length, tmp_path):
    network = random_network(seed, KINDS[kind], length=length, unequal=1.0, layers=2, channels=5)
    check(network, tmp_path / "net", seed)


def test_one_number_stands_for_both_sides():
    for padding in (1, (1, 1), [1, 1], ((1, 1), (1, 1)), [[1, 1], 1]):
        assert conv(Conv2d, 1, 1, 3, 3, padding=padding).padding == ((1, 1), (1, 1))
    for padding in (2, (2,), ((2, 2),)):
        assert conv(Conv1d, 1, 1, 3, padding=padding).padding == ((2, 2),)


def test_files_of_before_load():
    text = to_text(chain(Input(IMAGE, Fixed(4), [1.0]), MaxPool2d(3, 2, (1, 0))))
    assert '"padding": [[1, 1], [0, 0]], "dilation": [1, 1]' in text
    old = text.replace("[[1, 1], [0, 0]]", "[1, 0]").replace(', "dilation": [1, 1]', "")
    assert from_text(old) == from_text(text)


def test_a_maximum_of_padding_alone_is_refused():
    with pytest.raises(NetworkError, match="must not lie on padding alone, as one does on width 2"):
        chain(Input((1, 4, 2), Fixed(4), [1.0]), MaxPool2d((1, 2), 1, ((0, 0), (2, 2)), (1, 3)))
