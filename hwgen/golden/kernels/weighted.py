"""Dot products."""

__all__ = ["WEIGHTED"]

import math
from collections.abc import Sequence

import numpy as np

from hwgen.golden.exact import Values, dot_bound, matrix_product, working_type
from hwgen.golden.kernels.parts import Kernel, Kernels, centre, pad, taps
from hwgen.network.inference import Tensor
from hwgen.network.ops import Affine, Conv, Conv1d, Conv2d, Linear


def _conv(op: Conv, inputs: Sequence[Tensor]) -> Kernel:
    (x_type,) = inputs
    out_channels, channels, *kernel = op.weight.shape  # channels of a group
    axes = zip(x_type.shape[1:], kernel, op.stride, op.padding, op.dilation, strict=True)
    extents, axis_taps = zip(*(taps(*axis) for axis in axes), strict=True)
    dtype = working_type(dot_bound(op.weight, op.bias, x_type, op.groups))
    groups, inner = op.groups, channels * math.prod(kernel)
    value = x_type.pad_value - x_type.zero_point
    flat = np.empty((groups, out_channels // groups, inner + 1), dtype=dtype)
    flat[..., :inner] = op.weight.reshape(groups, -1, inner)
    flat[..., inner] = op.bias.reshape(groups, -1)

    def kernel_of(x: Values) -> Values:
        batch = x.shape[-1]
        padded = pad(centre(x, x_type.zero_point, dtype), op.padding, value)
        padded = padded.reshape(groups, channels, *padded.shape[1:])
        windows = np.empty((groups, inner + 1, math.prod(extents) * batch), dtype=dtype)
        windows[:, inner] = 1  # meets the bias
        tapped = windows[:, :inner].reshape(groups, channels, *kernel, *extents, batch)
        for place in np.ndindex(*kernel):
            read = (each[n] for each, n in zip(axis_taps, place, strict=True))
            tapped[:, :, *place] = padded[:, :, *read]
        out = np.empty((*flat.shape[:2], windows.shape[2]), dtype=dtype)
        for group in range(groups):
            matrix_product(flat[group], windows[group], out=out[group])
        return out.reshape(out_channels, *extents, batch)

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
    Conv1d: _conv,
    Conv2d: _conv,
    Linear: _linear,
    Affine: _affine,
}
