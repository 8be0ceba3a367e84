"""Dot products."""

__all__ = ["WEIGHTED"]

from collections.abc import Sequence

import numpy as np

from hwgen.golden.exact import Values, dot_bound, matrix_product, working_type
from hwgen.golden.kernels.parts import Kernel, Kernels, centre, pad, taps
from hwgen.network.inference import Tensor
from hwgen.network.ops import Affine, Conv2d, Linear


def _conv2d(op: Conv2d, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    _, height, width = x_type.shape
    out_channels, channels, *kernel = op.weight.shape  # channels of a group
    rows, row_taps = taps(height, kernel[0], op.stride[0], op.padding[0], op.dilation[0])
    columns, column_taps = taps(width, kernel[1], op.stride[1], op.padding[1], op.dilation[1])
    dtype = working_type(dot_bound(op.weight, op.bias, x_type, op.groups))
    groups, inner = op.groups, channels * kernel[0] * kernel[1]
    value = x_type.pad_value - x_type.zero_point
    flat = np.empty((groups, out_channels // groups, inner + 1), dtype=dtype)
    flat[..., :inner] = op.weight.reshape(groups, -1, inner)
    flat[..., inner] = op.bias.reshape(groups, -1)

    def kernel_of(x: Values) -> Values:
        batch = x.shape[-1]
        padded = pad(centre(x, x_type.zero_point, dtype), op.padding, value)
        padded = padded.reshape(groups, channels, *padded.shape[1:])
        windows = np.empty((groups, inner + 1, rows * columns * batch), dtype=dtype)
        windows[:, inner] = 1  # meets the bias
        tapped = windows[:, :inner].reshape(groups, channels, *kernel, rows, columns, batch)
        for i, row in enumerate(row_taps):
            for j, column in enumerate(column_taps):
                tapped[:, :, i, j] = padded[:, :, row, column]
        out = np.empty((*flat.shape[:2], windows.shape[2]), dtype=dtype)
        for group in range(groups):
            matrix_product(flat[group], windows[group], out=out[group])
        return out.reshape(out_channels, rows, columns, batch)

    return kernel_of


def _linear(op: Linear, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    dtype = working_type(dot_bound(op.weight, op.bias, x_type))
    weight, bias = op.weight.astype(dtype), op.bias.astype(dtype)[:, None]

    def kernel_of(x: Values) -> Values:
        out = matrix_product(weight, centre(x, x_type.zero_point, dtype))
        out += bias
        return out

    return kernel_of


def _affine(op: Affine, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    dtype = working_type(dot_bound(op.weight[:, None], op.bias, x_type, len(op.weight)))
    spread = (-1, *[1] * len(x_type.shape))  # over the pixels and the batch
    weight, bias = (values.astype(dtype).reshape(spread) for values in (op.weight, op.bias))

    def kernel_of(x: Values) -> Values:
        out: Values = centre(x, x_type.zero_point, dtype) * weight
        out += bias
        return out

    return kernel_of


WEIGHTED: Kernels = {
    Conv2d: _conv2d,
    Linear: _linear,
    Affine: _affine,
}
