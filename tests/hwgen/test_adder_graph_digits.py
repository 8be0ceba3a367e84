"""Signed digits: what they add up to is the matrix, and there are as few as there can be."""

import numpy as np
import pytest

from hwgen.planning.lowering.adder_graphs.digits import (
    count_digits,
    shift_of,
    sign_of,
    signed_digits,
    term_of,
)


@pytest.mark.parametrize("canonical", [True, False])
def test_digits_are_the_matrix(canonical):
    rng = np.random.default_rng(0)
    matrices = [np.arange(-20, 20).reshape(5, 8), rng.integers(-(2**12), 2**12, (4, 6))]
    for matrix in matrices:
        for column, digits in zip(
            matrix.T, signed_digits(matrix, canonical=canonical), strict=True
        ):
            found = np.zeros(len(column), np.int64)
            for word in digits.tolist():
                value = 1 << shift_of(word)
                found[term_of(word)] += -value if sign_of(word) else value
            assert found.tolist() == column.tolist()
            assert len(digits) == count_digits(column).sum()
