"""Ops that compute nothing: elements in another order, some left out, some several times, and some
constants between them.

Axes are those of a value without the batch: channels first, then rows and columns, or positions.
"""

__all__ = [
    "MOST_AXES",
    "PAD_MODES",
    "Gather",
    "Pad",
    "Permute",
    "PixelShuffle",
    "PixelUnshuffle",
    "Rearrangement",
    "Reshape",
    "Slice",
    "Upsample",
]

import math
from dataclasses import dataclass

from hwgen.errors import NetworkError
from hwgen.network.fields import IntArray, as_int, integers
from hwgen.network.ops.base import MAX_ELEMENTS, Op

PAD_MODES = ("constant", "reflect", "replicate", "circular")
MOST_AXES = 3


class Rearrangement(Op):
    """An op whose output elements are input elements, or one constant."""


def _axes(value: object, what: str, least: int | None) -> tuple[int, ...]:
    """Return one integer an axis, of at least `least` where that is given."""
    if not isinstance(value, (tuple, list)) or not 1 <= len(value) <= MOST_AXES:
        raise NetworkError(f"{what} must be one to {MOST_AXES} integers, not {value!r}")
    found = tuple(as_int(n, what) for n in value)
    if least is not None and min(found) < least:
        raise NetworkError(f"{what} must be at least {least}, not {found}")
    return found


def _shape(value: object) -> tuple[int, ...]:
    shape = _axes(value, "Shape", 1)
    if math.prod(shape) > MAX_ELEMENTS:
        raise NetworkError(f"Shape must have at most {MAX_ELEMENTS} elements, not {shape}")
    return shape


@dataclass(frozen=True, eq=False)
class Pad(Rearrangement):
    """Elements before and after those of each axis.

    before, after : how many, for each axis, channels included
    mode : where they come from, one of `PAD_MODES`: "constant" is `value`; "reflect" mirrors at
        the first and last element without repeating it; "replicate" repeats these; "circular" goes
        round to the other end
    value : an integer of the input's format, where the mode is "constant"
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    mode: str = "constant"
    value: int = 0

    def __post_init__(self) -> None:
        before, after = _axes(self.before, "Padding", 0), _axes(self.after, "Padding", 0)
        if len(before) != len(after):
            raise NetworkError(f"Padding must be of as many axes on both sides: {before}, {after}")
        if self.mode not in PAD_MODES:
            raise NetworkError(f"Mode must be one of {', '.join(PAD_MODES)}, not {self.mode!r}")
        self._set(before=before, after=after, value=as_int(self.value, "Value"))


@dataclass(frozen=True, eq=False)
class Slice(Rearrangement):
    """Of each axis, elements start, start + step, start + 2 * step, ..., so many as `count`.

    start, count, step : one an axis; a step below 0 goes backwards
    """

    start: tuple[int, ...]
    count: tuple[int, ...]
    step: tuple[int, ...]

    def __post_init__(self) -> None:
        start, count = _axes(self.start, "Start", 0), _axes(self.count, "Count", 1)
        step = _axes(self.step, "Step", None)
        if not len(start) == len(count) == len(step):
            raise NetworkError(
                f"Start, count and step must be of as many axes: {start}, {count}, {step}"
            )
        if 0 in step:
            raise NetworkError(f"Step must not be 0: {step}; to repeat elements use Upsample")
        self._set(start=start, count=count, step=step)


@dataclass(frozen=True, eq=False)
class Permute(Rearrangement):
    """Axis n of the output is axis `axes[n]` of the input."""

    axes: tuple[int, ...]

    def __post_init__(self) -> None:
        axes = _axes(self.axes, "Axes", 0)
        if sorted(axes) != list(range(len(axes))):
            raise NetworkError(f"Axes must be 0 to {len(axes) - 1} in some order, not {axes}")
        self._set(axes=axes)


@dataclass(frozen=True, eq=False)
class Reshape(Rearrangement):
    """The same elements, the last axis innermost, in another shape."""

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        self._set(shape=_shape(self.shape))


@dataclass(frozen=True, eq=False)
class Upsample(Rearrangement):
    """Each element so many times in a row along each axis: the nearest neighbour.

    factors : one an axis, channels included
    """

    factors: tuple[int, ...]

    def __post_init__(self) -> None:
        self._set(factors=_axes(self.factors, "Factors", 1))


class Shuffle(Rearrangement):
    factors: tuple[int, ...]

    def __post_init__(self) -> None:
        factors = _axes(self.factors, "Factors", 1)
        if len(factors) == MOST_AXES:
            raise NetworkError(f"Factors must be of rows and columns, or positions, not {factors}")
        self._set(factors=factors)


@dataclass(frozen=True, eq=False)
class PixelShuffle(Shuffle):
    """Channels become pixels: y[c, i * f0 + a, j * f1 + b] = x[(c * f0 + a) * f1 + b, i, j].

    factors : f0, f1, one an axis behind the channels
    """

    factors: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class PixelUnshuffle(Shuffle):
    """Pixels become channels: y[(c * f0 + a) * f1 + b, i, j] = x[c, i * f0 + a, j * f1 + b].

    factors : f0, f1, one an axis behind the channels, which they divide
    """

    factors: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Gather(Rearrangement):
    """Any element anywhere.

    index : (elements of the output,), the input element that each is, both with the last axis
        innermost; -1 for the constant
    shape : of the output
    value : the constant, an integer of the input's format
    """

    index: IntArray
    shape: tuple[int, ...]
    value: int = 0

    def __post_init__(self) -> None:
        index, shape = integers(self.index, "Index", 1), _shape(self.shape)
        if index.size != math.prod(shape):
            raise NetworkError(f"Index must have {math.prod(shape)} entries, not {index.size}")
        if int(index.min()) < -1:
            raise NetworkError(
                f"Index must be at least 0, or -1 for the constant, not {index.min()}"
            )
        self._set(index=index, shape=shape, value=as_int(self.value, "Value"))
