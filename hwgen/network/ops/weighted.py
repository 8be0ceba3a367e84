"""Dot products: ops with weights."""

__all__ = ["Affine", "Conv", "Conv1d", "Conv2d", "Linear", "Weighted"]

from dataclasses import dataclass
from typing import ClassVar

from hwgen.errors import NetworkError
from hwgen.formats import Format
from hwgen.network.fields import (
    FloatArray,
    IntArray,
    Padding,
    as_int,
    extents,
    integers,
    number_format,
    scales,
    sides,
)
from hwgen.network.ops.base import Op


class Weighted(Op):
    weight: IntArray
    bias: IntArray
    weight_format: Format
    weight_scale: FloatArray

    def _check_weights(self, ndim: int) -> None:
        weight = integers(self.weight, "Weight", ndim)
        bias = integers(self.bias, "Bias", 1)
        scale = scales(self.weight_scale, "Weight scale")
        if 0 in weight.shape:
            raise NetworkError(f"Weight must not be empty, not of shape {weight.shape}")
        if bias.shape != (weight.shape[0],):
            raise NetworkError(f"Bias must have {weight.shape[0]} values, not {bias.size}")
        if scale.size not in (1, weight.shape[0]):
            raise NetworkError(
                f"Weight scale must be one number or {weight.shape[0]}, not {scale.size}"
            )
        of = self.weight_format
        number_format(of, "Weight format", (Format,), "Fixed(8) or Ternary()")
        if not of.holds(weight):
            raise NetworkError(f"Weights must lie in the range of {of}: {of.extent}")
        self._set(weight=weight, bias=bias, weight_scale=scale)


class Conv(Weighted):
    """What convolutions share, whatever the number of spatial axes.

    weight : (out channels, in channels / groups, kernel of each spatial axis)
    bias : (out channels,), in units of input scale * weight scale
    stride, dilation : of each spatial axis
    padding : (before, after) of each spatial axis: places of the zero point, of -1 for a binary
        input; one integer of an axis stands for both its sides
    groups : divides both channel counts; the g-th of equal runs of output channels sees only the
        g-th of equal runs of input channels. Depthwise is as many groups as input channels.
    """

    rank: ClassVar[int]
    stride: tuple[int, ...]
    padding: Padding
    dilation: tuple[int, ...]
    groups: int

    def __post_init__(self) -> None:
        self._check_weights(2 + self.rank)
        groups = as_int(self.groups, "Groups")
        if groups < 1 or self.weight.shape[0] % groups:
            raise NetworkError(
                f"Groups must divide the {self.weight.shape[0]} output channels, not {groups}"
            )
        self._set(
            groups=groups,
            stride=extents(self.stride, "Stride", 1, self.rank),
            padding=sides(self.padding, self.rank),
            dilation=extents(self.dilation, "Dilation", 1, self.rank),
        )

    @property
    def kernel(self) -> tuple[int, ...]:
        """Taps along each spatial axis."""
        return self.weight.shape[2:]


@dataclass(frozen=True, eq=False)
class Conv1d(Conv):
    """acc[m, x] = bias[m] + sum over c, j of weight[m, c, j] * (q[c, ...] - zero_point)."""

    rank = 1
    weight: IntArray
    bias: IntArray
    weight_format: Format
    weight_scale: FloatArray
    stride: tuple[int, ...] = (1,)
    padding: Padding = ((0, 0),)
    dilation: tuple[int, ...] = (1,)
    groups: int = 1


@dataclass(frozen=True, eq=False)
class Conv2d(Conv):
    """acc[m, y, x] = bias[m] + sum over c, i, j of weight[m, c, i, j] * (q[c, ...] - zero_point)"""

    rank = 2
    weight: IntArray
    bias: IntArray
    weight_format: Format
    weight_scale: FloatArray
    stride: tuple[int, ...] = (1, 1)
    padding: Padding = ((0, 0), (0, 0))
    dilation: tuple[int, ...] = (1, 1)
    groups: int = 1


@dataclass(frozen=True, eq=False)
class Linear(Weighted):
    """acc[m] = bias[m] + sum over n of weight[m, n] * (q[n] - zero_point).

    weight : (out features, in features)
    """

    weight: IntArray
    bias: IntArray
    weight_format: Format
    weight_scale: FloatArray

    def __post_init__(self) -> None:
        self._check_weights(2)


@dataclass(frozen=True, eq=False)
class Affine(Weighted):
    """acc[c] = bias[c] + weight[c] * (q[c] - zero_point), each channel on its own.

    weight : (channels,) or (features,)
    """

    weight: IntArray
    bias: IntArray
    weight_format: Format
    weight_scale: FloatArray

    def __post_init__(self) -> None:
        self._check_weights(1)
