"""The solver's graphs compute their matrices, within their depth, and share."""

import numpy as np
import pytest

from hwgen.errors import PlanError
from hwgen.planning.adder_graphs import coefficients, solve


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
    for depth in (5, 6, 7):
        graph = solve(
            matrix,
            [-128] * 16,
            [127] * 16,
            depth=depth,
            starts=4,
            progress=lambda at, of: done.append((at, of)),
        )
        assert graph.depth <= depth
        assert len(graph.adders) <= 220  # of the 340 and more without sharing
    assert done == [(n, 4) for n in (1, 2, 3, 4)] * 3


def test_messages():
    matrix = np.full((4, 1), 5)
    with pytest.raises(PlanError, match="Depth must be at least 3 for this matrix, not 2"):
        solve(matrix, [0] * 4, [7] * 4, depth=2)
    with pytest.raises(PlanError, match="Number of starts must be at least 1, not 0"):
        solve(matrix, [0] * 4, [7] * 4, starts=0)
