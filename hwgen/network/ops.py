"""The ops of a network: frozen data, no behaviour.

What an op means is said once per meaning, in tables keyed by the op's class: shape and range
(`network.inference`), golden (`golden`), and hardware (`planning`, `codegen`). A test holds every
table to cover every op of `OPS`.

Arrays are int64 (weights, biases, multipliers, shifts) or float64 (scales) and read-only.
"""

__all__ = [
    "MAX_CHANNELS",
    "MAX_ELEMENTS",
    "OPS",
    "ROUNDINGS",
    "Conv2d",
    "Flatten",
    "Input",
    "Linear",
    "MaxPool2d",
    "Op",
    "Requantize",
    "same_op",
]

import math
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from hwgen.errors import NetworkError
from hwgen.formats import Fixed

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

MAX_CHANNELS = 1 << 20  # or features, of any value
MAX_ELEMENTS = 1 << 28  # of any value of one frame
ROUNDINGS = ("half_up", "half_even", "half_away")


def _integers(value: npt.ArrayLike, what: str, ndim: int) -> IntArray:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise NetworkError(f"{what} must be one array, not rows of unlike length") from error
    if array.ndim != ndim:
        raise NetworkError(f"{what} must have {ndim} dimensions, not {array.ndim}")
    if array.dtype.kind == "f":
        whole = bool((np.isfinite(array) & (array == np.rint(array))).all())
    else:
        whole = array.dtype.kind in "iu"
    if not whole:
        raise NetworkError(f"{what} must be integers, without NaN or infinity")
    if array.size and (array.min() <= -(2**62) or array.max() >= 2**62):
        raise NetworkError(f"{what} must be smaller than 2**62")
    array = np.array(array, dtype=np.int64)
    array.setflags(write=False)
    return array


def _scales(value: npt.ArrayLike, what: str) -> FloatArray:
    try:
        array = np.array(value, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise NetworkError(f"{what} must be numbers, not {value!r}") from error
    if array.size == 0 or not np.isfinite(array).all() or (array <= 0).any():
        raise NetworkError(f"{what} must be positive and finite")
    array.setflags(write=False)
    return array


def _pair(value: object, what: str, least: int) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else value
    if (
        not isinstance(pair, (tuple, list))
        or len(pair) != 2
        or any(isinstance(n, bool) or not isinstance(n, int) or n < least for n in pair)
    ):
        raise NetworkError(f"{what} must be one or two integers of at least {least}, not {value!r}")
    return (pair[0], pair[1])


def _whole(value: object, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise NetworkError(f"{what} must be an integer, not {value!r}")
    return int(value)


def _fixed(value: object, what: str) -> None:
    if not isinstance(value, Fixed):
        raise NetworkError(f"{what} must be a number format such as Fixed(8), not {value!r}")


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
    format: Fixed
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
        _fixed(self.format, "Input format")
        scale = _scales(self.scale, "Input scale")
        if scale.size != 1:
            raise NetworkError("Input scale must be a single number, not one per channel")
        self._set(shape=tuple(shape), scale=scale, zero_point=_whole(self.zero_point, "Zero point"))


class _Weighted(Op):
    weight: IntArray
    bias: IntArray
    weight_format: Fixed
    weight_scale: FloatArray

    def _check_weights(self, ndim: int) -> None:
        weight = _integers(self.weight, "Weight", ndim)
        bias = _integers(self.bias, "Bias", 1)
        scale = _scales(self.weight_scale, "Weight scale")
        if 0 in weight.shape:
            raise NetworkError(f"Weight must not be empty, not of shape {weight.shape}")
        if bias.shape != (weight.shape[0],):
            raise NetworkError(f"Bias must have {weight.shape[0]} values, not {bias.size}")
        if scale.size not in (1, weight.shape[0]):
            raise NetworkError(
                f"Weight scale must be one number or {weight.shape[0]}, not {scale.size}"
            )
        _fixed(self.weight_format, "Weight format")
        if not self.weight_format.holds(weight):
            raise NetworkError(f"Weights must lie in the range of {self.weight_format}")
        self._set(weight=weight, bias=bias, weight_scale=scale)


@dataclass(frozen=True, eq=False)
class Conv2d(_Weighted):
    """acc[m, y, x] = bias[m] + sum over c, i, j of weight[m, c, i, j] * (q[c, ...] - zero_point).

    weight : (out channels, in channels, kernel height, kernel width)
    bias : (out channels,), in units of input scale * weight scale
    padding : rows and columns of zero point on each side
    """

    weight: IntArray
    bias: IntArray
    weight_format: Fixed
    weight_scale: FloatArray
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        self._check_weights(4)
        self._set(
            stride=_pair(self.stride, "Stride", 1),
            padding=_pair(self.padding, "Padding", 0),
            dilation=_pair(self.dilation, "Dilation", 1),
        )


@dataclass(frozen=True, eq=False)
class Linear(_Weighted):
    """acc[m] = bias[m] + sum over n of weight[m, n] * (q[n] - zero_point).

    weight : (out features, in features)
    """

    weight: IntArray
    bias: IntArray
    weight_format: Fixed
    weight_scale: FloatArray

    def __post_init__(self) -> None:
        self._check_weights(2)


@dataclass(frozen=True, eq=False)
class MaxPool2d(Op):
    """The largest value of each window; padding never wins."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self._set(
            kernel=_pair(self.kernel, "Kernel", 1),
            stride=_pair(self.stride, "Stride", 1),
            padding=_pair(self.padding, "Padding", 0),
        )
        if any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise NetworkError(
                f"Padding of a pool must be at most half its kernel {self.kernel}, "
                f"not {self.padding}"
            )


@dataclass(frozen=True, eq=False)
class Flatten(Op):
    """(channels, height, width) becomes (channels * height * width,), channels outermost."""


@dataclass(frozen=True, eq=False)
class Requantize(Op):
    """y = clamp(zero_point + round_shift(acc * multiplier, shift), lo, hi).

    multiplier, shift : (1,) or (channels,), multiplier >= 1, shift >= 0
    format, scale, zero_point : of the output
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
        multiplier = _integers(np.atleast_1d(self.multiplier), "Multiplier", 1)
        shift = _integers(np.atleast_1d(self.shift), "Shift", 1)
        if multiplier.size == 0 or multiplier.min() < 1 or multiplier.max() >= 1 << 31:
            raise NetworkError("Multipliers must lie in [1, 2**31)")
        if shift.size == 0 or shift.min() < 0 or shift.max() > 62:
            raise NetworkError("Shifts must lie in [0, 62]")
        if len({multiplier.size, shift.size} - {1}) > 1:
            raise NetworkError("Multipliers and shifts must be as many as each other, or one")
        scale = _scales(self.scale, "Output scale")
        if scale.size != 1:
            raise NetworkError("Output scale of a requantizer must be a single number")
        _fixed(self.format, "Output format")
        lo = self.format.lo if self.lo is None else _whole(self.lo, "Lower clamp")
        hi = self.format.hi if self.hi is None else _whole(self.hi, "Upper clamp")
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
            zero_point=_whole(self.zero_point, "Zero point"),
            lo=lo,
            hi=hi,
        )


OPS: tuple[type[Op], ...] = (Input, Conv2d, Linear, MaxPool2d, Flatten, Requantize)
