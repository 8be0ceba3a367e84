"""Which arithmetic is exact: the proof by ranges that lets integers travel in floats.

A float holds every integer up to its mantissa (2**24 for float32, 2**53 for float64), and sums
and products of integers whose every partial result stays below it are exact in any order, with or
without fused multiply-add. Scaling by a power of two is exact as well. So each op asks for the
largest magnitude that any of its intermediate values can take, and works in the narrowest type
that carries it.
"""

__all__ = ["Values", "dot_bound", "magnitudes", "matrix_product", "working_type"]

from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.network.inference import Tensor
from hwgen.network.ops import IntArray

Values = npt.NDArray[Any]  # float32, float64 or int64, always whole numbers between ops

FLOAT32_EXACT = 1 << 24
FLOAT64_EXACT = 1 << 53
BLOCK_PRODUCTS = (1 << 19) - 1  # multiplications of one block of a matrix product
BLOCK_COLUMNS = 64  # a block's width is a multiple of the vectors BLAS kernels work in


def working_type(bound: int) -> np.dtype[Any]:
    """Return the fastest type that is exact for integers of magnitude up to `bound`."""
    if bound <= FLOAT32_EXACT:
        return np.dtype(np.float32)
    return np.dtype(np.float64 if bound <= FLOAT64_EXACT else np.int64)


def magnitudes(x: Tensor) -> IntArray:
    """Return the largest |q - zero_point| of each channel."""
    return np.maximum(np.abs(x.lows - x.zero_point), np.abs(x.highs - x.zero_point))


def dot_bound(weight: IntArray, bias: IntArray, x: Tensor, groups: int = 1) -> int:
    """Return a bound on every partial sum of bias + sum of weight * (q - zero_point).

    Taken in any order: the largest over the output channels of |bias| + sum of |weight| times
    the largest |q - zero_point|. Also covers the operands themselves.

    Parameters
    ----------
    weight : (out channels, in channels / groups, ...)
    bias : (out channels,)
    x : type of the input
    groups : of a grouped convolution
    """
    largest = magnitudes(x).astype(np.float64).reshape(groups, -1, 1)
    weights = np.abs(weight.astype(np.float64)).reshape(*weight.shape[:2], -1).sum(axis=2)
    sums = (weights.reshape(groups, -1, weight.shape[1]) @ largest).reshape(-1)
    # These sums may be off by a few units in the last place; rounded up by far more, they bound.
    total = float((sums + np.abs(bias.astype(np.float64))).max()) * (1 + 2**-20) + 1
    return int(max(total, largest.max(), weights.max()))


def matrix_product(weight: Values, columns: Values, out: Values | None = None) -> Values:
    """Return weight @ columns, a small matrix times a wide one, in blocks of columns.

    OpenBLAS takes a second thread from 2**19 multiplications on, and when another process has
    the core its threads wait for each other, tens of times longer than the product takes. Blocks
    below that size stay in one thread, and in the cache. Large weights gain from threads and go
    in one piece.

    Parameters
    ----------
    weight : (rows, inner)
    columns : (inner, any), of the same type
    out : (rows, any), where the product goes, if anywhere
    """
    (rows, inner), total = weight.shape, columns.shape[1]
    width = BLOCK_PRODUCTS // (rows * inner) // BLOCK_COLUMNS * BLOCK_COLUMNS
    if out is None:
        out = np.empty((rows, total), dtype=weight.dtype)
    if not 0 < width < total:
        return np.matmul(weight, columns, out=out)
    even = total // width * width
    blocks = columns[:, :even].reshape(inner, -1, width).transpose(1, 0, 2)
    np.matmul(weight, blocks, out=out[:, :even].reshape(rows, -1, width).transpose(1, 0, 2))
    if even < total:
        np.matmul(weight, columns[:, even:], out=out[:, even:])
    return out
