"""What each layer of a compressed module is as an op."""

__all__ = ["CONVERT", "LEAVES"]

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hwgen.compression.quantize import (
    QuantAbove,
    QuantActivation,
    QuantAdd,
    QuantAffine,
    QuantAvgPool,
    QuantConcat,
    QuantConv,
    QuantConv1d,
    QuantConv2d,
    QuantHostLayer,
    QuantInput,
    QuantLinear,
    QuantMaximum,
    QuantMinimum,
    QuantMultiply,
    QuantPositionScale,
    QuantRearrange,
    QuantSign,
    QuantTable,
    QuantZeroPad,
)
from hwgen.errors import NetworkError
from hwgen.formats import Binary, Fixed
from hwgen.importers.rearrangements import moving
from hwgen.network import (
    Add,
    Affine,
    ArgMax,
    AvgPool1d,
    AvgPool2d,
    Concat,
    Conv1d,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Maximum,
    MaxPool1d,
    MaxPool2d,
    Minimum,
    Multiply,
    Op,
    PixelShuffle,
    PixelUnshuffle,
    PositionScale,
    Requantize,
    Table,
    Threshold,
)
from hwgen.network.ops import AvgPool, Conv, MaxPool
from hwgen.network.ops.rearrange import MOST_AXES
from hwgen.torch_graph.modules import ArgMax as TorchArgMax
from hwgen.torch_graph.modules import MaxPool as TorchMaxPool

Shape = tuple[int, ...]
IntArray = npt.NDArray[np.int64]


def _integers(tensor: Tensor) -> IntArray:
    return tensor.cpu().to(torch.int64).numpy()


def _input(layer: QuantInput, shape: Shape) -> Op:
    scale = layer.output_scale().cpu().numpy()
    return Input(shape, layer.format, scale, layer.zero_point)


def _conv(layer: QuantConv, _: Shape) -> Op:
    return CONVOLUTIONS[len(layer.stride)](
        _integers(layer.integer_weight()),
        _integers(layer.integer_bias()),
        layer.format,
        layer.weight_scale().cpu().numpy(),
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
    )


def _linear(layer: QuantLinear, shape: Shape) -> Op:
    weight = layer.integer_weight()
    taps = [1] * (len(shape) - 1)  # of each position where there are several
    return (CONVOLUTIONS[len(taps)] if taps else Linear)(
        _integers(weight.reshape(*weight.shape, *taps)),
        _integers(layer.integer_bias()),
        layer.format,
        layer.weight_scale().cpu().numpy(),
    )


def _affine(layer: QuantAffine, _: Shape) -> Op:
    return Affine(
        _integers(layer.integer_weight()).reshape(-1),
        _integers(layer.integer_bias()),
        layer.format,
        layer.weight_scale().cpu().numpy(),
    )


def _requantize(layer: QuantActivation, _: Shape) -> Op:
    multiplier, shift = layer.requantizer()
    return Requantize(
        multiplier,
        np.array([shift]),
        layer.format,
        layer.output_scale().cpu().numpy(),
        zero_point=layer.zero_point,
        lo=layer.lo,
        hi=layer.hi,
    )


def _sign(layer: QuantSign, _: Shape) -> Op:
    scale = layer.output_scale().cpu().numpy()
    return Threshold(np.array([[layer.threshold()]]), Binary(), scale, base=-1)


def _above(layer: QuantAbove, _: Shape) -> Op:
    # 0 and 1, of the narrowest format that has a 0; hardware takes the bit that they need
    return Threshold(layer.thresholds(), Fixed(2, signed=False), np.ones(1))


def _table(layer: QuantTable, _: Shape) -> Op:
    scale = layer.output_scale().cpu().numpy()
    return Table(layer.entries(), layer.format, scale, layer.zero_point, layer.first)


def _max_pool(layer: TorchMaxPool, _: Shape) -> Op:
    kind = MAXIMA[len(layer.kernel)]
    return kind(layer.kernel, layer.stride, layer.padding, layer.dilation)


def _torch_s_max_pool(layer: nn.MaxPool1d | nn.MaxPool2d, _: Shape) -> Op:
    """A pool of torch's, in a module that was put together by hand."""
    if layer.ceil_mode or layer.return_indices:
        what = "ceil_mode" if layer.ceil_mode else "return_indices"
        raise NetworkError(f"{type(layer).__name__} must not have {what}; leave it out")
    stride = layer.kernel_size if layer.stride is None else layer.stride
    kind = MAXIMA[1 if isinstance(layer, nn.MaxPool1d) else 2]
    return kind(layer.kernel_size, stride, layer.padding, layer.dilation)


def _avg_pool(layer: QuantAvgPool, _: Shape) -> Op:
    kind = AVERAGES[len(layer.kernel)]
    return kind(layer.kernel, layer.stride, layer.padding, layer.divisor)


def _add(layer: QuantAdd, _: Shape) -> Op:
    factors = [abs(by) for by in layer.factors]
    same = len(set(factors)) == 1 and factors[0] == 1
    return Add(layer.multipliers(), np.ones(1) if same else np.array(factors))


def _rearrange(layer: QuantRearrange, shape: Shape) -> Op:
    """Return the op of a layer, for an input of a shape."""
    whole, made = layer.whole_index(shape)
    if not 1 <= len(made) <= MOST_AXES:  # that the user's model ends with
        made = (math.prod(made[: 1 - MOST_AXES]), *made[1 - MOST_AXES :]) if made else (1,)
    index: IntArray = whole.cpu().numpy()
    return moving(index.reshape(made), shape, layer.zero_point + layer.integer())


def _flatten(layer: nn.Flatten, _: Shape) -> Op:
    return Flatten()


# by spatial axes
CONVOLUTIONS: dict[int, Callable[..., Conv]] = {1: Conv1d, 2: Conv2d}
MAXIMA: dict[int, Callable[..., MaxPool]] = {1: MaxPool1d, 2: MaxPool2d}
AVERAGES: dict[int, Callable[..., AvgPool]] = {1: AvgPool1d, 2: AvgPool2d}
CONVERT: dict[type[nn.Module], Callable[[Any, Shape], Op]] = {
    QuantInput: _input,
    QuantRearrange: _rearrange,
    QuantConv1d: _conv,
    QuantConv2d: _conv,
    nn.PixelShuffle: lambda layer, shape: PixelShuffle((layer.upscale_factor,) * 2),
    nn.PixelUnshuffle: lambda layer, shape: PixelUnshuffle((layer.downscale_factor,) * 2),
    QuantLinear: _linear,
    QuantAffine: _affine,
    QuantActivation: _requantize,
    QuantSign: _sign,
    QuantTable: _table,
    TorchMaxPool: _max_pool,
    nn.MaxPool1d: _torch_s_max_pool,
    nn.MaxPool2d: _torch_s_max_pool,
    nn.Flatten: _flatten,
    QuantAvgPool: _avg_pool,
    QuantPositionScale: lambda layer, shape: PositionScale(layer.factors, layer.divisor),
    QuantAdd: _add,
    QuantConcat: lambda layer, shape: Concat(),
    QuantMultiply: lambda layer, shape: Multiply(),
    QuantMaximum: lambda layer, shape: Maximum(),
    QuantMinimum: lambda layer, shape: Minimum(),
    QuantAbove: _above,
    TorchArgMax: lambda layer, shape: ArgMax(),
}
LEAVES: tuple[type[nn.Module], ...] = (
    *CONVERT,
    QuantZeroPad,
    QuantHostLayer,
)  # a pad goes into what takes it
