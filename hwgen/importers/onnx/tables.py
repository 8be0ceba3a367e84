"""Functions that fall and rise, between two quantizers: a table, entry by entry."""

__all__ = ["table_of"]

from fractions import Fraction

import numpy as np

from hwgen.importers.growing import Refusal
from hwgen.importers.onnx.grids import Grid
from hwgen.importers.onnx.steps import Fractions, Step
from hwgen.network import Table
from hwgen.network.ops.table import MAX_ENTRIES
from hwgen.network.tensor import Tensor


def table_of(x: Tensor, steps: tuple[Step, ...], grid: Grid) -> Table:
    """Return the table of what a chain of steps makes of integers, on a grid.

    Parameters
    ----------
    x : of a format
    steps : from its integers, the zero point taken off, to real numbers

    Raises
    ------
    Refusal : it would have too many entries
    """
    if x.hi - x.lo >= MAX_ENTRIES:
        raise Refusal(
            "a function that falls and rises, of more than 10 bits",
            "put a quantizer of fewer bits in front of it",
        )
    numbers: Fractions = np.array(
        [[Fraction(n - x.zero_point) for n in range(x.lo, x.hi + 1)]], dtype=object
    )
    for step in steps:
        numbers = step.at(numbers)
    levels: Fractions = numbers / grid.scale[:, None] + grid.before
    entries = np.array([[grid.integer(level) for level in row] for row in levels], np.int64)
    of, zero = grid.format, grid.zero_point
    is_integer = zero.denominator == 1 and of.lo <= zero <= of.hi and not grid.binary
    scale = np.array([float(grid.out_scale[0])])
    return Table(entries, of, scale, int(zero) if is_integer else 0, x.lo)
