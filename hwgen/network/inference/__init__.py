"""Shape and exact range of every value of a network, derived, never trusted.

The range is that of the weights which are really there: for an accumulator, the sum of the
extremes of each product. It is reached for a fully connected layer, and is a bound on any layer.
One range per channel is kept; registers are sized by their union.
"""

__all__ = ["INFERENCE", "Rule", "Tensor", "infer", "output_extent", "round_shift"]

import math
from collections.abc import Sequence

import numpy as np

from hwgen.errors import NetworkError
from hwgen.network.inference.entry import ENTRY
from hwgen.network.inference.joins import JOINS
from hwgen.network.inference.pairs import PAIRS
from hwgen.network.inference.pools import POOLS
from hwgen.network.inference.rearrange import REARRANGEMENTS
from hwgen.network.inference.rules import Rule
from hwgen.network.inference.shapes import SHAPES
from hwgen.network.inference.table import TABLE
from hwgen.network.inference.values import VALUES
from hwgen.network.inference.weighted import WEIGHTED
from hwgen.network.ops import MAX_ELEMENTS, Op
from hwgen.network.ranges import output_extent, round_shift
from hwgen.network.tensor import Tensor

INFERENCE: dict[type[Op], Rule] = {
    **ENTRY,
    **WEIGHTED,
    **POOLS,
    **JOINS,
    **PAIRS,
    **SHAPES,
    **VALUES,
    **TABLE,
    **REARRANGEMENTS,
}


def infer(op: Op, inputs: Sequence[Tensor]) -> Tensor:
    """Return the type of the op's value from the types of its inputs.

    Raises
    ------
    NetworkError : the inputs do not fit the op
    """
    if type(op) not in INFERENCE:
        raise NetworkError(f"Op must be one of hwgen's, not {type(op).__name__}")
    rule = INFERENCE[type(op)]
    if not rule.least <= len(inputs) <= rule.most:
        wanted = str(rule.least) if rule.least == rule.most else f"{rule.least} to {rule.most}"
        raise NetworkError(f"Number of inputs must be {wanted}, not {len(inputs)}")
    with np.errstate(over="ignore", under="ignore"):
        tensor = rule.infer(op, inputs)
    if math.prod(tensor.shape) > MAX_ELEMENTS:
        raise NetworkError(f"Value must have at most {MAX_ELEMENTS} elements, not {tensor.shape}")
    if not np.isfinite(tensor.scale).all() or not tensor.scale.all():
        raise NetworkError(f"Scale must be positive and finite, not {tensor.scale[:4]}")
    return tensor
