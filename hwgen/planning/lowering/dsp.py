"""DSP blocks: which a target has, and how the products of a layer's array go into them."""

__all__ = ["arranged", "inferred", "sharing_of"]

from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hwgen.families import family_of
from hwgen.families.cells import multiplier_of
from hwgen.planning.layers.layer import Layer
from hwgen.targets import Target
from hwgen_rtl_templates.multiplier import DspBlocks, MultiplierParameters, shared


def inferred(x: tuple[int, bool], y: tuple[int, bool], target: Target) -> tuple[float, int]:
    """Return the DSP blocks that synthesis makes of a product, and what it leaves to look-up
    tables, as bits of one operand times bits of the other.

    x, y : (bits, signed) of the operands
    """
    if not target.dsps:
        return 0, x[0] * y[0]
    multipliers = family_of(target).multipliers
    signs = x[1] or y[1] or multipliers.signed_only
    a, b = sorted((bits + (signs and not own) for bits, own in (x, y)), reverse=True)
    for block in multipliers.inferred:
        (a_side, b_side), (a_least, b_least) = block.sides, block.least
        if a >= a_least and b >= b_least and x[0] + y[0] >= block.least_product:
            rest = a % a_side if a % a_side < a_least else 0
            return block.worth * -(-(a - rest) // a_side) * -(-b // b_side), rest * b
    return 0, x[0] * y[0]


@lru_cache(maxsize=4096)  # of a layer, foldings of as many rows have the same
def sharing_of(
    layer: Layer, pe: int, x_bits: int, x_signed: bool, target: Target
) -> tuple[DspBlocks, MultiplierParameters] | None:
    """Return which blocks make the products of a layer on `pe` rows, and what each multiplies;
    None where there are none, or where operands do not fit."""
    kind = multiplier_of(target)
    if kind is None or layer.weight is None:
        return None
    ends = min(0, layer.values[0]), max(0, layer.values[-1])
    found = shared(kind, x_bits, x_signed, ends, 1 if layer.depthwise else pe)
    return None if found is None else (DspBlocks(kind, found.weights), found)


def arranged(
    matrix: npt.NDArray[np.int64], blocks: DspBlocks, multiplied: MultiplierParameters
) -> npt.NDArray[np.int64]:
    """Return weights, (groups, rows, inputs), as an array with DSP blocks stores them."""
    rows = matrix.shape[1]
    groups = ((start, min(start + blocks.rows, rows)) for start in range(0, rows, blocks.rows))
    borrowing = [  # the last block may have too few rows to pack them
        (start, end)
        for start, end in groups
        if blocks.kind.borrows(replace(multiplied, weights=end - start))
    ]
    stored = matrix.copy() if borrowing else matrix
    for start, end in borrowing:
        below = np.zeros_like(matrix[:, 0])
        for row in range(start, end):
            stored[:, row] -= below < 0
            below = np.where(matrix[:, row] == 0, below, matrix[:, row])
    return stored
