"""Any function of one value: the entry that its integer says."""

__all__ = ["TABLE"]

from collections.abc import Sequence

import numpy as np

from hwgen.golden.exact import Values
from hwgen.golden.kernels.parts import Kernel, Kernels
from hwgen.network.inference import Tensor
from hwgen.network.ops import Table


def _table(op: Table, inputs: Sequence[Tensor]) -> Kernel:
    entries = op.entries.astype(np.float32)  # 16 bits at most

    def kernel_of(x: Values) -> Values:
        places = x.astype(np.int64) - op.lo
        if len(entries) == 1:
            return np.take(entries[0], places)
        out: Values = np.empty(x.shape, dtype=np.float32)
        for channel, row in enumerate(entries):
            out[channel] = row[places[channel]]
        return out

    return kernel_of


TABLE: Kernels = {Table: _table}
