"""Pools."""

__all__ = ["POOLS"]

import functools
import math
from collections.abc import Sequence

import numpy as np

from hwgen.golden.exact import Values, magnitudes, working_type
from hwgen.golden.kernels.parts import Kernel, Kernels, centre, pad, reduce, taps
from hwgen.network.inference import Tensor
from hwgen.network.ops import (
    AvgPool,
    AvgPool1d,
    AvgPool2d,
    MaxPool,
    MaxPool1d,
    MaxPool2d,
    PositionScale,
)


def _reduced(combine: np.ufunc, x: Values, windows: Sequence[list[slice]]) -> Values:
    """Combine the taps of windows, one axis after the other."""
    for axis, taps_of in enumerate(windows, 1):
        x = reduce(combine, [x[(slice(None),) * axis + (tap,)] for tap in taps_of])
    return x


def _max_pool(op: MaxPool, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    axes = zip(x_type.shape[1:], op.kernel, op.stride, op.padding, op.dilation, strict=True)
    windows = [taps(*axis)[1] for axis in axes]

    def kernel_of(x: Values) -> Values:
        x = pad(x, op.padding, x_type.lo)  # no value is smaller, so padding never wins
        return _reduced(np.maximum, x, windows)

    return kernel_of


def _avg_pool(op: AvgPool, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    axes = zip(x_type.shape[1:], op.kernel, op.stride, op.padding, strict=True)
    windows = [taps(*axis, 1)[1] for axis in axes]
    dtype = working_type(int(magnitudes(x_type).max()) * math.prod(op.kernel))

    def kernel_of(x: Values) -> Values:
        x = pad(centre(x, x_type.zero_point, dtype), op.padding, 0)
        return _reduced(np.add, x, windows)

    return kernel_of


def _position_scale(op: PositionScale, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    most = math.prod(map(max, op.factors))
    dtype = working_type(int(magnitudes(x_type).max()) * most)
    by = functools.reduce(np.multiply.outer, (np.array(axis) for axis in op.factors))
    factors = by.astype(dtype)[None, ..., None]
    return lambda x: centre(x, x_type.zero_point, dtype) * factors


POOLS: Kernels = {
    MaxPool1d: _max_pool,
    MaxPool2d: _max_pool,
    AvgPool1d: _avg_pool,
    AvgPool2d: _avg_pool,
    PositionScale: _position_scale,
}
