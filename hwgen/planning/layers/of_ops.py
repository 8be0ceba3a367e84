"""What each op of a network asks of the layer that it becomes."""

__all__ = ["CONSTANTS", "ELEMENTWISE", "LAYERS", "WITHOUT_EPILOGUE", "frame_of"]

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.network.inference import Tensor
from hwgen.network.ops import (
    Add,
    Affine,
    ArgMax,
    AvgPool1d,
    AvgPool2d,
    Concat,
    Conv,
    Conv1d,
    Conv2d,
    Input,
    Linear,
    Maximum,
    MaxPool,
    MaxPool1d,
    MaxPool2d,
    Minimum,
    Multiply,
    Op,
    Pool,
    PositionScale,
    Requantize,
    Table,
    Threshold,
)
from hwgen.planning.layers.layer import Frame, Layer, Pair, Sides
from hwgen.planning.layers.orders import (
    ORDERS,
    Order,
)

Made = Callable[[Any, Layer], Layer]
ELEMENTWISE = (Add, Multiply, Maximum, Minimum)
WITHOUT_EPILOGUE = (Concat, ArgMax, Maximum, Minimum, Order)  # what follows is a layer of its own


def frame_of(y: Tensor) -> Frame:
    """A length is an image of height 1, features are one pixel."""
    return _frame_of_shape(y.shape)


def _frame_of_shape(shape: tuple[int, ...]) -> Frame:
    channels, *sizes = shape
    height, width = (*[1] * (2 - len(sizes)), *sizes)
    return channels, height, width


def _planar(axes: tuple[int, ...]) -> Pair:
    """Return what is said of each spatial axis as (vertical, horizontal); a length lies across."""
    return (axes[-2] if len(axes) > 1 else 1, axes[-1])


def _sides(op: Conv | Pool) -> Sides:
    return (op.padding[-2] if op.rank > 1 else (0, 0), op.padding[-1])


def _weighted(layer: Layer, weight: npt.NDArray[np.int64], bias: npt.NDArray[np.int64]) -> Layer:
    """Give a layer its weights, (outputs, channels, kernel height, kernel width)."""
    # sum w * (x - z) = sum w * x - z * sum w: hardware sees x alone
    return replace(
        layer,
        weight=weight.transpose(0, 2, 3, 1),
        bias=bias - layer.x.zero_point * weight.sum(axis=(1, 2, 3)),
        kernel=(weight.shape[2], weight.shape[3]),
    )


def _conv(op: Conv, layer: Layer) -> Layer:
    layer = replace(
        layer,
        stride=_planar(op.stride),
        padding=_sides(op),
        dilation=_planar(op.dilation),
        groups=op.groups,
    )
    return _weighted(layer, op.weight.reshape(*op.weight.shape[:2], *_planar(op.kernel)), op.bias)


def _linear(op: Linear, layer: Layer) -> Layer:
    return _weighted(layer, op.weight.reshape(op.weight.shape[0], *layer.x_frame), op.bias)


def _pool(op: Pool, layer: Layer) -> Layer:
    kernel, stride = _planar(op.kernel), _planar(op.stride)
    return replace(layer, kernel=kernel, stride=stride, padding=_sides(op))


def _affine(op: Affine, layer: Layer) -> Layer:
    layer = replace(layer, y_frame=layer.x_frame, groups=len(op.weight))
    return _weighted(layer, op.weight[:, None, None, None], op.bias)


def _max_pool(op: MaxPool, layer: Layer) -> Layer:
    return replace(_pool(op, layer), pads_low=True, dilation=_planar(op.dilation))


# How many channels an op on each value by itself has constants for, one where they share them
CONSTANTS: dict[type[Op], Callable[[Any], int]] = {
    Requantize: lambda op: max(op.multiplier.size, op.shift.size),
    Threshold: lambda op: len(op.thresholds),
    Table: lambda op: len(op.entries),
}


def _alone(op: Requantize | Threshold | Table, layer: Layer) -> Layer:
    """A requantizer behind nothing to compute: a maximum over one pixel comes before it."""
    return replace(layer, acc=layer.x, y_frame=layer.x_frame, epilogue=(op,))


def _scaled(op: PositionScale, layer: Layer) -> Layer:
    return replace(layer, y_frame=layer.x_frame)


def _concat(op: Concat, layer: Layer) -> Layer:
    channels = sum(frame[0] for frame in layer.x_frames)
    return replace(layer, y_frame=(channels, *layer.x_frame[1:]))


def _elementwise(op: Add | Multiply | Maximum | Minimum, layer: Layer) -> Layer:
    return replace(layer, y_frame=layer.x_frame, spreads=True)


def _arg_max(op: ArgMax, layer: Layer) -> Layer:
    return layer


LAYERS: dict[type[Op], Made | None] = {
    Input: None,
    **dict.fromkeys(ORDERS),
    Conv1d: _conv,
    Conv2d: _conv,
    Linear: _linear,
    MaxPool1d: _max_pool,
    Affine: _affine,
    MaxPool2d: _max_pool,
    AvgPool1d: _pool,
    AvgPool2d: _pool,
    PositionScale: _scaled,
    Add: _elementwise,
    Concat: _concat,
    Multiply: _elementwise,
    Maximum: _elementwise,
    Minimum: _elementwise,
    ArgMax: _arg_max,
    Requantize: _alone,
    Threshold: _alone,
    Table: _alone,
}
