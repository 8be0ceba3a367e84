"""Elements in another order."""

__all__ = ["REARRANGEMENTS"]

from collections.abc import Sequence

import numpy as np

from hwgen.golden.kernels.parts import Kernel, Kernels
from hwgen.network.inference import Tensor
from hwgen.network.ops import Op
from hwgen.network.rearranged import REARRANGED, rearranged


def _rearrange(op: Op, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    return lambda x: np.ascontiguousarray(rearranged(op, x, x_type.shape))


REARRANGEMENTS: Kernels = dict.fromkeys(REARRANGED, _rearrange)
