"""DSP blocks: which a target has, and how the products of a layer's array go into them."""

__all__ = ["INFERRING", "arranged", "sharing_of"]

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hwgen.planning.cells import multiplier_of
from hwgen.planning.layers import Layer
from hwgen.targets import Target
from rtl_templates.multiplier import DspBlocks, MultiplierParameters, shared

INFERRING = ("ecp5",)  # families whose synthesis makes DSP blocks of multiplications as well


def sharing_of(
    layer: Layer, pe: int, x_bits: int, x_signed: bool, target: Target
) -> tuple[DspBlocks, MultiplierParameters] | None:
    """Return which blocks make the products of a layer on `pe` rows, and what each multiplies;
    None where there are none, or where operands do not fit."""
    kind = multiplier_of(target)
    if kind is None or layer.weight is None:
        return None
    ends = min(0, int(layer.weight.min())), max(0, int(layer.weight.max()))
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
