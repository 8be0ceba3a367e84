"""Where values come together."""

__all__ = ["JOINS"]

from collections.abc import Sequence

import numpy as np

from hwgen.golden.exact import Values, magnitudes, working_type
from hwgen.golden.kernels.parts import Kernel, Kernels, centre
from hwgen.network.inference import Tensor
from hwgen.network.ops import Add, Concat


def _add(op: Add, inputs: Sequence[Tensor]) -> Kernel:
    reaches = [
        int(magnitudes(x).max()) * abs(m) for x, m in zip(inputs, op.multipliers, strict=True)
    ]
    dtype = working_type(sum(reaches))

    def kernel_of(*values: Values) -> Values:
        first, *others = (
            centre(x, of.zero_point, dtype) * dtype.type(m)
            for x, of, m in zip(values, inputs, op.multipliers, strict=True)
        )
        total: Values = first + others[0]
        for x in others[1:]:
            total += x
        return total

    return kernel_of


def _concat(op: Concat, inputs: Sequence[Tensor]) -> Kernel:
    return lambda *values: np.concatenate(values)  # of formats, which any of the types holds


JOINS: Kernels = {
    Add: _add,
    Concat: _concat,
}
