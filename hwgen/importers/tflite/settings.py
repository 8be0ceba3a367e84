"""Settings of operators, and what several of them make of these."""

__all__ = [
    "Convert",
    "Pads",
    "check_equal_grids",
    "clamped",
    "counted",
    "fused",
    "option",
    "padding_of",
    "window_of",
]

from collections.abc import Callable

import numpy as np

from hwgen.errors import StoreError
from hwgen.importers.tflite.arithmetic import SAME, same_padding
from hwgen.importers.tflite.builder import Builder, Refusal
from hwgen.importers.tflite.file import TfliteOperator
from hwgen.network import Requantize, Threshold
from hwgen.network.ops import IntArray

Convert = Callable[[Builder, TfliteOperator], None]
Pads = tuple[tuple[int, int], tuple[int, int]]


def option(operator: TfliteOperator, name: str) -> int:
    """Return an option of an operator, 0 where the file leaves it out."""
    return int(operator.options.get(name, 0))


def fused(operator: TfliteOperator) -> int:
    """Return the fused activation, of `ActivationFunctionType`."""
    return option(operator, "FusedActivationFunction")


def padding_of(
    operator: TfliteOperator, size: tuple[int, int], kernel: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int], Pads]:
    """Return stride, dilation and padding."""
    stride = option(operator, "StrideH"), option(operator, "StrideW")
    dilation = (
        max(1, option(operator, "DilationHFactor")),
        max(1, option(operator, "DilationWFactor")),
    )
    if min(stride) < 1:
        raise StoreError("strides must be at least 1")
    if option(operator, "Padding") != SAME:
        return stride, dilation, ((0, 0), (0, 0))
    rows, columns = (
        same_padding(n, k, s, d) for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)
    )
    return stride, dilation, (rows, columns)


def window_of(operator: TfliteOperator) -> tuple[int, int]:
    """Return the window of a pool."""
    kernel = option(operator, "FilterHeight"), option(operator, "FilterWidth")
    if min(kernel) < 1:
        raise StoreError("a window must have at least one element")
    return kernel


def counted(builder: Builder, out: int, thresholds: IntArray, lo: int) -> Threshold | Requantize:
    """Return what counts thresholds; where there are none, the output is the same for all."""
    rows = np.atleast_2d(thresholds)
    if not rows.size:
        return clamped(builder, out, (lo, lo))
    return Threshold(
        rows,
        builder.format(out),
        np.array([builder.scale(out)]),
        builder.zero_point(out),
        base=lo,
    )


def clamped(builder: Builder, out: int, clamp: tuple[int, int]) -> Requantize:
    """Return what clamps values of the grid that a tensor has."""
    return Requantize(
        np.array([1]),
        np.array([0]),
        builder.format(out),
        np.array([builder.scale(out)]),
        builder.zero_point(out),
        *clamp,
    )


def check_equal_grids(builder: Builder, x: int, out: int) -> None:
    """Refuse an operator that hands integers on, as if they stood for other numbers."""
    same = builder.scale(x) == builder.scale(out) and builder.zero_point(x) == builder.zero_point(
        out
    )
    if not same or builder.format(x) != builder.format(out):
        raise Refusal("an output of another scale", "quantize both ends with one scale")
