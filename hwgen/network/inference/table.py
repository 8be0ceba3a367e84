"""Shape and range of a table: what of its entries can be reached."""

__all__ = ["TABLE"]

from collections.abc import Sequence

import numpy as np

from hwgen.errors import NetworkError
from hwgen.network.inference.rules import Rule, require_zero_point
from hwgen.network.ops import Op, Table
from hwgen.network.tensor import Tensor


def _table(op: Table, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    rows, last = len(op.entries), op.lo + op.entries.shape[1] - 1
    if rows not in (1, x.channels):
        raise NetworkError(f"Entries must be of one channel or of {x.channels}, not of {rows}")
    if x.lo < op.lo or x.hi > last:
        raise NetworkError(
            f"Input must lie in [{op.lo}, {last}], of which there are entries, not in "
            f"[{x.lo}, {x.hi}]; requantize it first"
        )
    require_zero_point(op)
    ends = zip((x.lows - op.lo).tolist(), (x.highs - op.lo).tolist(), strict=True)
    reached = [op.entries[n if rows > 1 else 0, a : b + 1] for n, (a, b) in enumerate(ends)]
    lows = np.array([row.min() for row in reached], dtype=np.int64)
    highs = np.array([row.max() for row in reached], dtype=np.int64)
    return Tensor(x.shape, lows, highs, op.scale, op.zero_point, op.format)


TABLE: dict[type[Op], Rule] = {Table: Rule(_table)}
