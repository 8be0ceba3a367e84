"""TFLite files: what LiteRT's reference kernels compute equals golden in every bit."""

import numpy as np
import pytest

from hwgen.importers.tflite import import_tflite
from hwgen.importers.tflite.pools import least_sum
from support.tflite_files import reference
from support.tflite_maker import Maker
from support.tflite_networks import OPERATORS, network_file, operator_file, wide_network_file
from support.whole import check as check_hardware

SEEDS, MORE_SEEDS = 8, 50


def frames(shape, count, rng):
    """Return inputs: random ones, and both extremes."""
    x = rng.integers(-128, 128, (count, *shape[1:]), dtype=np.int8)
    x[0], x[1] = -128, 127
    return x


def channels_first(x):
    """Return (batch, channels, ...) of (batch, ..., channels)."""
    return np.moveaxis(x, -1, 1) if x.ndim > 2 else x


def check(path, shapes, count=24, seed=0):
    """Compare every tensor of a file that a node gives."""
    rng = np.random.default_rng(seed)
    network = import_tflite(path)
    xs = [frames(shape, count, rng) for shape in shapes]
    given = dict(zip(network.inputs, map(channels_first, xs), strict=True))
    theirs, ours = reference(path, *xs), network.trace(given)
    compared = [name for name in ours if name in theirs]
    assert network.ends[0].node in compared
    for name in compared:
        y = channels_first(theirs[name])
        assert np.array_equal(y, ours[name]), f"{path.name}: {name}, seed {seed}"
    return network


@pytest.mark.parametrize("kind", OPERATORS)
def test_each_operator(kind, tmp_path):
    for seed in range(SEEDS):
        made = operator_file(kind, seed, tmp_path / "model.tflite")
        check(made.path, made.inputs, seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", OPERATORS)
def test_each_operator_of_many_seeds(kind, tmp_path):
    for seed in range(SEEDS, MORE_SEEDS):
        made = operator_file(kind, seed, tmp_path / "model.tflite")
        check(made.path, made.inputs, seed=seed)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_file_becomes_hardware_that_gives_the_same_integers(seed, tmp_path):
    made = network_file(seed, tmp_path / "model.tflite")
    check_hardware(check(made.path, made.inputs, seed=seed), tmp_path / "package", seed)


def test_joins_moves_and_tables_become_hardware_too(tmp_path):
    made = wide_network_file(1, tmp_path / "model.tflite")
    check_hardware(check(made.path, made.inputs), tmp_path / "package", 0)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 9, 12])
def test_averages_round_half_away_from_zero(count):
    """As C divides, towards zero, a sum to which half of the count is added, or taken from it."""
    sums = np.arange(-6 * count, 6 * count + 1)
    halves = np.where(sums > 0, sums + count // 2, sums - count // 2)
    averages = np.fix(halves / count).astype(int)
    for y in range(-4, 5):
        assert least_sum(y, count) == sums[averages >= y].min()


def test_means_that_end_in_a_half(tmp_path):
    """Of six values times 7/8: where a sum is 30, and 48 more or less, the multiplier, which is
    rounded down, decides at both of the roundings."""
    make = Maker(0, tmp_path / "model.tflite")
    x, out = make.entry(2, 3, 3), make.tensor((1, 3), 1.0)
    x.scale, out.zero_point = 7 / 8, x.zero_point
    axes = make.constant(np.array([1, 2]), None, "INT32")
    made = make.made(make.add("MEAN", [x, axes], out, KeepDims=False))
    check(made.path, made.inputs, count=600)
