"""Pools."""

__all__ = ["POOLS"]

from collections.abc import Sequence

import numpy as np

from hwgen.golden.exact import Values, magnitudes, working_type
from hwgen.golden.kernels.parts import Kernel, Kernels, centre, pad, reduce, taps
from hwgen.network.inference import Tensor
from hwgen.network.ops import AvgPool2d, MaxPool2d


def _pool_taps(op: MaxPool2d | AvgPool2d, x: Tensor) -> list[list[slice]]:
    return [taps(x.shape[1 + a], op.kernel[a], op.stride[a], op.padding[a], 1)[1] for a in range(2)]


def _max_pool2d(op: MaxPool2d, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    windows = _pool_taps(op, x_type)

    def kernel_of(x: Values) -> Values:
        x = pad(x, op.padding, x_type.lo)  # no value is smaller, so padding never wins
        x = reduce(np.maximum, [x[:, tap] for tap in windows[0]])
        return reduce(np.maximum, [x[:, :, tap] for tap in windows[1]])

    return kernel_of


def _avg_pool2d(op: AvgPool2d, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    windows = _pool_taps(op, x_type)
    dtype = working_type(int(magnitudes(x_type).max()) * op.kernel[0] * op.kernel[1])

    def kernel_of(x: Values) -> Values:
        x = pad(centre(x, x_type.zero_point, dtype), op.padding, 0)
        x = reduce(np.add, [x[:, tap] for tap in windows[0]])
        return reduce(np.add, [x[:, :, tap] for tap in windows[1]])

    return kernel_of


POOLS: Kernels = {
    MaxPool2d: _max_pool2d,
    AvgPool2d: _avg_pool2d,
}
