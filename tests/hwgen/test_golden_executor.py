"""The executor: what it accepts, in how much memory; and the product it stands on."""

import tracemalloc

import numpy as np
import pytest

from hwgen.errors import NetworkError
from hwgen.formats import Fixed
from hwgen.golden import run, trace
from hwgen.golden.exact import BLOCK_COLUMNS, BLOCK_PRODUCTS, matrix_product, working_type
from hwgen.network import Conv2d, Flatten, Input, Linear, MaxPool2d, Requantize
from support.networks import chain, random_input, random_network


def test_working_types_end_where_the_mantissas_end():
    assert working_type(2**24) == np.float32
    assert working_type(2**24 + 1) == np.float64
    assert working_type(2**53) == np.float64
    assert working_type(2**53 + 1) == np.int64


@pytest.mark.parametrize(
    "shape", [(16, 10, 7168), (32, 145, 1808), (1, 1, 1), (3, 5, 0), (7, 9000, 70)]
)
def test_matrix_product_in_blocks_is_the_whole_product(shape):
    rows, inner, columns = shape
    rng = np.random.default_rng(columns)
    a, b = rng.integers(-8, 8, (rows, inner)), rng.integers(-8, 8, (inner, columns))
    for dtype in (np.float32, np.float64, np.int64):
        if a.size * columns < 10**6 or dtype != np.int64:
            assert np.array_equal(matrix_product(a.astype(dtype), b.astype(dtype)), a @ b)


def test_no_frames_give_no_outputs():
    network = random_network(1)
    assert run(network, np.zeros((0, *network.input.shape), dtype=int)).shape == (
        0,
        *network.output.shape,
    )


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint64, ">i4"])
def test_any_integer_type_and_layout_will_do(dtype):
    network = chain(Input((2, 3, 4), Fixed(4, signed=False), [1.0]), Flatten())
    x = random_input(network, 5, 0)
    for given in (x.astype(dtype), np.asfortranarray(x.astype(dtype)), x.tolist()):
        assert np.array_equal(run(network, given), x.reshape(5, -1))


def test_input_is_left_alone():
    network = random_network(2)
    x = random_input(network, 4, 2)
    before = x.copy()
    x.setflags(write=False)
    got = trace(network, x)
    got[network.nodes[0].name][:] = 0
    assert np.array_equal(x, before)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.zeros((1, 8, 8), dtype=int),
            r"shape \(batch, 1, 8, 8\), not \(1, 8, 8\); pass x\[None\]",
        ),
        (np.zeros((2, 8, 8, 1), dtype=int), r"shape \(batch, 1, 8, 8\), not \(2, 8, 8, 1\)"),
        (np.zeros(64, dtype=int), "must have shape"),
        (5, "must have shape"),
        (np.zeros((2, 1, 8, 8)), r"must be integers, not float64; network.quantize\(x\)"),
        (np.zeros((2, 1, 8, 8), dtype=bool), "must be integers, not bool"),
        (np.full((2, 1, 8, 8), "a"), "must be integers"),
        (np.full((2, 1, 8, 8), 16), r"must lie in \[0, 15\], the range of uint4, not \[16, 16\]"),
        (np.full((2, 1, 8, 8), -1), r"must lie in \[0, 15\]"),
        (np.full((2, 1, 8, 8), 2**64 - 1, dtype=np.uint64), r"must lie in \[0, 15\]"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_with_the_way_out(x, message):
    network = chain(Input((1, 8, 8), Fixed(4, signed=False), [1.0]), Flatten())
    for call in (run, trace):
        with pytest.raises(NetworkError, match=message):
            call(network, x)


def test_ragged_input_is_refused():
    network = chain(Input((2,), Fixed(4), [1.0]), Linear([[1, 1]], [0], Fixed(4), [1.0]))
    with pytest.raises(NetworkError, match="Input must"):
        run(network, [[1, 2], [3]])


@pytest.mark.parametrize("groups", [1, 32])
def test_memory_stays_bounded_for_a_large_batch(groups):
    rng = np.random.default_rng(0)
    channels, out = (4, 8) if groups == 1 else (groups, groups)
    weight = rng.integers(-8, 8, (out, channels // groups, 5, 5))
    network = chain(
        Input((channels, 8, 8), Fixed(4), [1.0]),
        Conv2d(weight, [0] * out, Fixed(4), [1.0], padding=2, groups=groups),
        Requantize([1], [6], Fixed(4), [1.0]),
        MaxPool2d((8, 8), (8, 8)),
    )
    x = np.zeros((4000 // groups * 4, channels, 8, 8), dtype=np.int8)
    run(network, x[:1])
    tracemalloc.start()
    run(network, x)  # its windows alone would take 100 megabytes
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6, f"{peak / 1e6:.0f} MB"


@pytest.mark.parametrize("more", [-1, 0, 1, 2])
def test_matrix_product_a_column_more_than_blocks(more):
    """Columns behind the last whole block are computed, if it is one alone; none is left out."""
    rng = np.random.default_rng(0)
    rows, inner = 40, 50
    width = BLOCK_PRODUCTS // (rows * inner) // BLOCK_COLUMNS * BLOCK_COLUMNS
    weight = rng.integers(-9, 10, (rows, inner)).astype(np.float32)
    columns = rng.integers(-9, 10, (inner, 2 * width + more)).astype(np.float32)
    out = np.full((rows, columns.shape[1]), np.nan, dtype=np.float32)
    assert matrix_product(weight, columns, out=out) is out
    assert np.array_equal(out, weight @ columns)
