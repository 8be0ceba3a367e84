"""Columns as differences: of a column the digits, or another column and the digits of what is left.

The minimum spanning tree of the digits that columns differ by, grown from zero (Prim, 1957), no
deeper than so many columns.
"""

import numpy as np
import numpy.typing as npt

from hwgen.planning.adder_graphs.digits import digit, signed_digits

__all__ = ["decomposed"]

Array = npt.NDArray[np.int64]


def digits_of(values: Array) -> Array:
    """Return the number of canonical signed digits of integers."""
    whole = np.abs(values)
    return np.bitwise_count(whole ^ (3 * whole)).astype(np.int64)


def decomposed(matrix: Array, depth: int) -> tuple[list[Array], list[int]]:
    """Return for each column its digits, of the inputs and of at most one other column.

    Parameters
    ----------
    matrix : (inputs, outputs)
    depth : most adders from an input to a column made of another, at the flattest

    Returns
    -------
    the digits; the columns, each after the one that it is made of
    """
    inputs, outputs = matrix.shape
    price = digits_of(matrix).sum(axis=0)  # of each column, by the cheapest edge found so far
    rest = matrix.copy()
    other = np.zeros(outputs, np.int64)  # digit of the column that each is made of
    flat = np.array([int(n - 1).bit_length() if n else 0 for n in price])  # adders in a row
    made = np.zeros(outputs, bool)
    left = np.ones(outputs, bool)
    order: list[int] = []
    for _ in range(outputs):
        new = int(np.argmin(np.where(left, price, np.iinfo(np.int64).max)))
        left[new] = False
        order.append(new)
        if not matrix[:, new].any():
            continue
        for shift in (0, 1, 2):
            for sign in (1, -1):
                less = matrix - sign * (matrix[:, [new]] << shift)
                cost = digits_of(less).sum(axis=0) + 1
                level = np.ceil(np.log2(cost - 1 + (1 << flat[new]))).astype(np.int64)
                better = left & (cost < price) & (level <= depth)
                price[better] = cost[better]
                rest[:, better] = less[:, better]
                other[better] = digit(inputs + new, shift, int(sign < 0))
                flat[better] = level[better]
                made[better] = True
    columns = signed_digits(rest)
    for column in np.flatnonzero(made).tolist():
        columns[column] = np.append(columns[column], other[column])
    return columns, order
