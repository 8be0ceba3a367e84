"""The ops of a network: frozen data, no behaviour.

What an op means is said once per meaning, in tables keyed by the op's class: shape and range
(`network.inference`), golden (`golden`), and hardware (`planning`, `codegen`). A test holds every
table to cover every op of `OPS`.

Arrays are int64 (weights, biases, multipliers, shifts, thresholds) or float64 (scales) and
read-only.
"""

__all__ = [
    "MAX_CHANNELS",
    "MAX_ELEMENTS",
    "OPS",
    "ROUNDINGS",
    "Add",
    "ArgMax",
    "AvgPool2d",
    "Concat",
    "Conv2d",
    "Flatten",
    "FloatArray",
    "Input",
    "IntArray",
    "Linear",
    "MaxPool2d",
    "Op",
    "Requantize",
    "Threshold",
    "same_op",
]

import math
from dataclasses import dataclass, fields

import numpy as np

from hwgen.errors import NetworkError
from hwgen.formats import Activation, Binary, Fixed, Format
from hwgen.network.fields import (
    FloatArray,
    IntArray,
    as_int,
    integers,
    number_format,
    pair,
    scales,
)

MAX_CHANNELS = 1 << 20  # or features, of any value
MAX_ELEMENTS = 1 << 28  # of any value of one frame
ACTIVATIONS = ((Fixed, Binary), "Fixed(8) or Binary()")
ROUNDINGS = ("half_up", "half_even", "half_away")


class Op:
    """One node's operation. Subclasses are frozen dataclasses."""

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


def same_op(a: Op, b: Op) -> bool:
    """Say whether two ops are of one class and equal in every field, arrays included."""
    if type(a) is not type(b):
        return False
    for field in fields(a):  # type: ignore[arg-type]
        x, y = getattr(a, field.name), getattr(b, field.name)
        if isinstance(x, np.ndarray):
            if x.shape != y.shape or not np.array_equal(x, y):
                return False
        elif x != y:
            return False
    return True


@dataclass(frozen=True, eq=False)
class Input(Op):
    """What enters the network.

    shape : (channels, height, width) or (features,), without the batch
    format : how the integers are written
    scale, zero_point : real = scale * (q - zero_point)
    """

    shape: tuple[int, ...]
    format: Activation
    scale: FloatArray
    zero_point: int = 0

    def __post_init__(self) -> None:
        shape = self.shape
        if (
            not isinstance(shape, (tuple, list))
            or len(shape) not in (1, 3)
            or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in shape)
        ):
            raise NetworkError(
                f"Input shape must be (channels, height, width) or (features,), not {shape!r}"
            )
        if shape[0] > MAX_CHANNELS or math.prod(shape) > MAX_ELEMENTS:
            raise NetworkError(
                f"Input must have at most {MAX_CHANNELS} channels and {MAX_ELEMENTS} elements, "
                f"not {tuple(shape)}"
            )
        number_format(self.format, "Input format", *ACTIVATIONS)
        scale = scales(self.scale, "Input scale")
        if scale.size != 1:
            raise NetworkError("Input scale must be a single number, not one per channel")
        self._set(shape=tuple(shape), scale=scale, zero_point=as_int(self.zero_point, "Zero point"))


class _Weighted(Op):
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


@dataclass(frozen=True, eq=False)
class Conv2d(_Weighted):
    """acc[m, y, x] = bias[m] + sum over c, i, j of weight[m, c, i, j] * (q[c, ...] - zero_point).

    weight : (out channels, in channels / groups, kernel height, kernel width)
    bias : (out channels,), in units of input scale * weight scale
    padding : rows and columns of the zero point on each side, of -1 for a binary input
    groups : divides both channel counts; the g-th of equal runs of output channels sees only the
        g-th of equal runs of input channels. Depthwise is as many groups as input channels.
    """

    weight: IntArray
    bias: IntArray
    weight_format: Format
    weight_scale: FloatArray
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        self._check_weights(4)
        groups = as_int(self.groups, "Groups")
        if groups < 1 or self.weight.shape[0] % groups:
            raise NetworkError(
                f"Groups must divide the {self.weight.shape[0]} output channels, not {groups}"
            )
        self._set(
            groups=groups,
            stride=pair(self.stride, "Stride", 1),
            padding=pair(self.padding, "Padding", 0),
            dilation=pair(self.dilation, "Dilation", 1),
        )


@dataclass(frozen=True, eq=False)
class Linear(_Weighted):
    """acc[m] = bias[m] + sum over n of weight[m, n] * (q[n] - zero_point).

    weight : (out features, in features)
    """

    weight: IntArray
    bias: IntArray
    weight_format: Format
    weight_scale: FloatArray

    def __post_init__(self) -> None:
        self._check_weights(2)


class _Pool(Op):
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    def _check_window(self) -> None:
        self._set(
            kernel=pair(self.kernel, "Kernel", 1),
            stride=pair(self.stride, "Stride", 1),
            padding=pair(self.padding, "Padding", 0),
        )
        if any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise NetworkError(
                f"Padding of a pool must be at most half its kernel {self.kernel}, "
                f"not {self.padding}"
            )


@dataclass(frozen=True, eq=False)
class MaxPool2d(_Pool):
    """The largest value of each window; padding never wins."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self._check_window()


@dataclass(frozen=True, eq=False)
class AvgPool2d(_Pool):
    """acc = sum over the window of (q - zero_point), in units of input scale / (kh * kw).

    Padding contributes nothing, and the whole kernel divides nevertheless (torch's
    count_include_pad=True). The division is in the scale of the accumulator, whose zero point is
    zero; a requantizer carries it out. A kernel of the whole frame is global average pooling.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self._check_window()


@dataclass(frozen=True, eq=False)
class Add(Op):
    """acc = m0 * (a - zero point of a) + m1 * (b - zero point of b), for two inputs of one shape.

    multipliers : (m0, m1), each in [1, 2**15)

    Both inputs are requantized tensors of one scale each, and the unit of the sum, scale of
    a / m0, must be scale of b / m1 to within 0.1 %. The sum is an accumulator: its zero point is
    zero, and a requantizer follows where a tensor is wanted.
    """

    multipliers: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        multipliers = pair(self.multipliers, "Multipliers", 1)
        if max(multipliers) >= 1 << 15:
            raise NetworkError(f"Multipliers of a sum must lie in [1, 2**15), not {multipliers}")
        self._set(multipliers=multipliers)


@dataclass(frozen=True, eq=False)
class Concat(Op):
    """The channels (or features) of two or more inputs, one input after the other.

    Heights and widths are equal, and so are the scale, the zero point and the format.
    """


@dataclass(frozen=True, eq=False)
class ArgMax(Op):
    """The index of the largest of (features,) values of one scale; the first one wins.

    The result has shape (1,), scale 1, zero point 0, and the narrowest unsigned format.
    """


@dataclass(frozen=True, eq=False)
class Flatten(Op):
    """(channels, height, width) becomes (channels * height * width,), channels outermost."""


@dataclass(frozen=True, eq=False)
class Requantize(Op):
    """y = clamp(zero_point + round_shift(acc * multiplier, shift), lo, hi).

    multiplier, shift : (1,) or (channels,), multiplier >= 1, shift >= 0
    format, scale, zero_point : of the output; a binary one is a `Threshold`'s
    lo, hi : the clamp, inside the format's range; a ReLU is lo = zero_point
    rounding : of round_shift, one of `ROUNDINGS`; half_up is floor(x + 1/2)
    """

    multiplier: IntArray
    shift: IntArray
    format: Fixed
    scale: FloatArray
    zero_point: int = 0
    lo: int | None = None
    hi: int | None = None
    rounding: str = "half_up"

    def __post_init__(self) -> None:
        multiplier = integers(np.atleast_1d(self.multiplier), "Multiplier", 1)
        shift = integers(np.atleast_1d(self.shift), "Shift", 1)
        if multiplier.size == 0 or multiplier.min() < 1 or multiplier.max() >= 1 << 31:
            raise NetworkError("Multipliers must lie in [1, 2**31)")
        if shift.size == 0 or shift.min() < 0 or shift.max() > 62:
            raise NetworkError("Shifts must lie in [0, 62]")
        if len({multiplier.size, shift.size} - {1}) > 1:
            raise NetworkError("Multipliers and shifts must be as many as each other, or one")
        scale = scales(self.scale, "Output scale")
        if scale.size != 1:
            raise NetworkError("Output scale of a requantizer must be a single number")
        such = "Fixed(8) (a binary output is a Threshold's)"
        number_format(self.format, "Output format", (Fixed,), such)
        lo = self.format.lo if self.lo is None else as_int(self.lo, "Lower clamp")
        hi = self.format.hi if self.hi is None else as_int(self.hi, "Upper clamp")
        if not self.format.lo <= lo <= hi <= self.format.hi:
            raise NetworkError(f"Clamp must lie in the range of {self.format}, not [{lo}, {hi}]")
        if self.rounding not in ROUNDINGS:
            raise NetworkError(
                f"Rounding must be one of {', '.join(ROUNDINGS)}, not {self.rounding!r}"
            )
        self._set(
            multiplier=multiplier,
            shift=shift,
            scale=scale,
            zero_point=as_int(self.zero_point, "Zero point"),
            lo=lo,
            hi=hi,
        )


@dataclass(frozen=True, eq=False)
class Threshold(Op):
    """y = base + step * the number of thresholds t of the channel with acc >= t.

    step : of the format, not a field: 1 for Fixed, 2 for Binary

    thresholds : (1, T) or (channels, T), T >= 1, ascending along T (equal ones count each), in
        the integers of the input as they are, whatever its zero point
    format, scale, zero_point : of the output
    base : the output below all thresholds; base and base + step * T are integers of the format

    Takes the place of a Requantize, and of everything else that never falls where the
    accumulator rises: batch norm, scale, rounding, clamp (`network.thresholds`). A sign, +1 where
    the accumulator is at least zero, is `Threshold([[0]], Binary(), scale, base=-1)`.
    """

    thresholds: IntArray
    format: Activation
    scale: FloatArray
    zero_point: int = 0
    base: int = 0

    def __post_init__(self) -> None:
        # one above the largest value of any accumulator is a threshold that nothing reaches
        thresholds = integers(self.thresholds, "Thresholds", 2, most=2**62)
        if 0 in thresholds.shape:
            raise NetworkError(f"Thresholds must not be empty, not of shape {thresholds.shape}")
        if (thresholds[:, 1:] < thresholds[:, :-1]).any():
            raise NetworkError("Thresholds must ascend along their last axis")
        scale = scales(self.scale, "Output scale")
        if scale.size != 1:
            raise NetworkError("Output scale of thresholds must be a single number")
        of, steps = self.format, thresholds.shape[1]
        number_format(of, "Output format", *ACTIVATIONS)
        base = as_int(self.base, "Base")
        last = base + of.step * steps
        if not of.lo <= base <= last <= of.hi:
            raise NetworkError(
                f"Outputs must lie in the range of {of}, not [{base}, {last}] "
                f"(base and {steps} steps of {of.step})"
            )
        self._set(
            thresholds=thresholds,
            scale=scale,
            zero_point=as_int(self.zero_point, "Zero point"),
            base=base,
        )


OPS: tuple[type[Op], ...] = (
    Input,
    Conv2d,
    Linear,
    MaxPool2d,
    AvgPool2d,
    Add,
    Concat,
    Flatten,
    Requantize,
    Threshold,
    ArgMax,
)
