"""The solver's graphs compute their matrices, within their depth, and share."""

import numpy as np
import pytest

from hwgen.errors import PlanError
from hwgen.planning.lowering.adder_graphs import coefficients, solve
from hwgen.planning.lowering.adder_graphs.differences import decomposed, plain
from hwgen.planning.lowering.adder_graphs.digits import shift_of, sign_of, term_of


def random_matrix(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 13, 2))
    bits = int(rng.integers(2, 9))
    kind = seed % 5
    if kind == 0:
        matrix = rng.choice([-1, 1], shape)
    elif kind == 1:
        matrix = rng.integers(-1, 2, shape)
    elif kind == 2:
        matrix = rng.choice([-1, 1], shape) * 2 ** rng.integers(0, bits, shape)
    else:
        matrix = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), shape)
    return matrix * (rng.random(shape) >= rng.choice([0, 0.3, 0.8]))


@pytest.mark.parametrize("seed", range(30))
def test_graph_is_the_matrix(seed):
    matrix = random_matrix(seed)
    n = len(matrix)
    graph = solve(matrix, [-128] * n, [127] * n, starts=1 + seed % 3, seed=seed)
    x = np.random.default_rng(seed).integers(-128, 128, (20, n))
    for row in x.tolist():
        assert graph.evaluate(row) == (np.array(row) @ matrix).tolist(), f"seed {seed}"
    assert np.array_equal(coefficients(graph), matrix)
    assert graph == solve(matrix, [-128] * n, [127] * n, starts=1 + seed % 3, seed=seed)


def test_depth_and_sharing():
    matrix = np.random.default_rng(0).integers(-8, 8, (16, 16))
    done = []
    for depth, most in ((5, 215), (6, 205), (7, 200)):  # of the 340 and more without sharing
        graph = solve(
            matrix,
            [-128] * 16,
            [127] * 16,
            depth=depth,
            starts=4,
            progress=lambda at, of: done.append((at, of)),
        )
        assert graph.depth <= depth
        assert len(graph.adders) <= most
    assert done == [(n, 4) for n in (1, 2, 3, 4)] * 3


@pytest.mark.parametrize("seed", range(0, 60, 2))
def test_as_flat_as_can_be(seed):
    """At the least depth that there is, which differences must keep to as well."""
    matrix = random_matrix(seed)
    n = len(matrix)
    digits = max(map(len, plain(matrix, canonical=True).digits))
    depth = max(0, digits - 1).bit_length()
    for more in range(3):
        graph = solve(matrix, [0] * n, [15] * n, depth=depth + more, starts=6, seed=seed)
        assert graph.depth <= depth + more, f"seed {seed}"
    if depth:
        with pytest.raises(PlanError, match=f"Depth must be at least {depth} for"):
            solve(matrix, [0] * n, [15] * n, depth=depth - 1)


@pytest.mark.parametrize("canonical", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_columns_are_the_matrix_within_their_depth(canonical, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-8, 8, (8, 12))
    matrix[:, 6:] = matrix[:, :6] * rng.choice([1, 2, -1], 6) + (rng.random((8, 6)) < 0.2)
    alone = plain(matrix, canonical=canonical)
    flat = [max(0, len(digits) - 1).bit_length() for digits in alone.digits]
    for depth, fewer in ((max(flat), 0), (max(flat) + 2, 1)):
        found = decomposed(matrix, depth, canonical=canonical)
        assert sorted(found.order) == list(range(12))
        assert sum(map(len, found.digits)) <= sum(map(len, alone.digits)) - fewer
        values = {n: np.eye(8, dtype=np.int64)[n] for n in range(8)}
        levels = dict.fromkeys(range(8), 0)
        for column in found.order:
            digits = found.digits[column].tolist()
            signs = [-1 if sign_of(word) else 1 for word in digits]
            terms = [(values[term_of(word)] << shift_of(word)) for word in digits]
            values[8 + column] = sum(
                (s * t for s, t in zip(signs, terms, strict=True)), 0 * values[0]
            )
            room = sum(1 << levels[term_of(word)] for word in digits)
            levels[8 + column] = max(0, room - 1).bit_length()
            assert np.array_equal(values[8 + column], matrix[:, column]), f"seed {seed}"
            assert levels[8 + column] <= depth, f"seed {seed}"


def test_digits_that_are_neighbours_are_no_more():
    values = np.arange(-130, 130)[np.newaxis]
    canonical, near = (plain(values, canonical=which).digits for which in (True, False))
    for digits, other in zip(canonical, near, strict=True):
        assert len(digits) == len(other)
    assert [shift_of(word) for word in near[133].tolist()] == [0, 1]  # 3 = 1 + 2
    assert [shift_of(word) for word in canonical[133].tolist()] == [0, 2]  # 3 = 4 - 1


def test_a_column_like_another_takes_one_adder():
    """A column of another one's weights but for one of them, and its double but for another."""
    first = np.array([3, -5, 7, 1, -6, 2, 5, -3])
    matrix = np.stack([first, first, 2 * first], axis=1)
    matrix[2, 1] += 1
    matrix[5, 2] -= 4
    alone = solve(matrix[:, :1], [-8] * 8, [7] * 8)
    graph = solve(matrix, [-8] * 8, [7] * 8)
    assert len(graph.adders) <= len(alone.adders) + 2


def test_messages():
    matrix = np.full((4, 1), 5)
    with pytest.raises(PlanError, match="Depth must be at least 3 for this matrix, not 2"):
        solve(matrix, [0] * 4, [7] * 4, depth=2)
    with pytest.raises(PlanError, match="Number of starts must be at least 1, not 0"):
        solve(matrix, [0] * 4, [7] * 4, starts=0)
