"""Functions that rise or fall, in exact arithmetic, and which numbers reach a level behind them.

A quantizer behind any chain of such functions is a list of thresholds on the integers in front of
it. The thresholds are found from behind: what must a number be for the function of it to reach the
level? Numbers are rational, so that no rounding blurs a tie.
"""

__all__ = [
    *("Affine", "Bounds", "Clamp", "Curve", "Fractions", "Function", "Product", "Slope", "Step"),
    "as_fractions",
]

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.importers.growing import Refusal
from hwgen.network.ops import IntArray

Fractions = npt.NDArray[np.object_]  # one, or one a channel
Flags = npt.NDArray[np.bool_]
CURVE_BITS = 200  # behind the point, of bounds that are not rational


def as_fractions(values: Iterable[Any]) -> Fractions:
    """Return numbers as they are, in exact arithmetic; one where all are equal.

    Raises
    ------
    Refusal : NaN or infinity
    """
    values = list(values)
    try:
        found = [Fraction(value) for value in values]
    except (ValueError, OverflowError) as error:
        raise Refusal("a constant that is infinite or NaN", "remove it from the file") from error
    if all(value == found[0] for value in found):
        found = found[:1]
    result = np.empty(len(found), dtype=object)
    result[:] = found
    return result


def _column(values: Iterable[int]) -> Fractions:
    """Return integers of any size, one a row."""
    values = list(values)
    result = np.empty((len(values), 1), dtype=object)
    result[:, 0] = values
    return result


@dataclass(frozen=True, eq=False)
class Bounds:
    """For each channel and level, which numbers r reach it: r >= bound, or r > bound.

    numerators : (rows, levels) integers of any size; rows are one, or one a channel
    denominators : (rows, 1), positive
    strict : (rows, levels), whether the bound itself does not reach it
    always, never : (rows, levels), where all numbers or none reach it, whatever the bound
    falls : (rows,), where it is the numbers said by the above that do not reach the level
    """

    numerators: Fractions
    denominators: Fractions
    strict: Flags
    always: Flags
    never: Flags
    falls: Flags

    @classmethod
    def of(cls, levels: list[tuple[Fraction, bool]]) -> "Bounds":
        """Return the bounds of levels in ascending order, each (bound, strict)."""
        common = 1
        for bound, _ in levels:
            common = math.lcm(common, bound.denominator)
        numerators = np.empty((1, len(levels)), dtype=object)
        numerators[0] = [bound.numerator * (common // bound.denominator) for bound, _ in levels]
        nothing = np.zeros((1, len(levels)), bool)
        strict = np.array([[strict for _, strict in levels]], bool)
        return cls(numerators, _column([common]), strict, nothing, nothing, np.zeros(1, bool))

    @property
    def rows(self) -> int:
        return len(self.denominators)

    def of_rows(self, rows: int) -> "Bounds":
        """Return the same for each of several channels."""
        if rows in (1, self.rows):
            return self
        wide = (rows, self.strict.shape[1])
        return Bounds(
            np.broadcast_to(self.numerators, wide),
            np.broadcast_to(self.denominators, (rows, 1)),
            np.broadcast_to(self.strict, wide),
            np.broadcast_to(self.always, wide),
            np.broadcast_to(self.never, wide),
            np.broadcast_to(self.falls, (rows,)),
        )

    def mirrored(self, rows: Flags) -> "Bounds":
        """Return the bounds of -r where r is meant, in some rows."""
        at = rows[:, None]
        return Bounds(
            np.where(at, -self.numerators, self.numerators),
            self.denominators,
            np.where(at, ~self.strict, self.strict),
            np.where(at, self.never, self.always),
            np.where(at, self.always, self.never),
            np.where(rows, ~self.falls, self.falls),
        )

    def less(self, than: Fractions) -> tuple[Flags, Flags]:
        """Return where bounds lie below numbers, one or one a row, and where they equal them."""
        p = _column([f.numerator for f in than])
        q = _column([f.denominator for f in than])
        ours, theirs = self.numerators * q, p * self.denominators
        return (ours < theirs).astype(bool), (ours == theirs).astype(bool)

    def thresholds(self, lows: IntArray, highs: IntArray) -> IntArray:
        """Return the least integer of a channel's range that reaches each level, and one behind
        the range where none does.

        Parameters
        ----------
        lows, highs : (rows,), ends of the range
        """
        assert not self.falls.any()
        ends = [np.asarray(end).astype(object)[:, None] for end in (lows, highs + 1)]
        floors = self.numerators // self.denominators
        whole = floors * self.denominators == self.numerators
        found = floors + np.where(whole & ~self.strict, 0, 1)
        found = np.where(self.always, ends[0], np.where(self.never, ends[1], found))
        inside: IntArray = np.minimum(np.maximum(found, ends[0]), ends[1]).astype(np.int64)
        return inside


class Step:
    """A function of every number by itself.

    rises : whether it is known to never fall, or where it is affine to always do the one or other
    rows : how many channels it tells apart, 1 where it is the same for all
    """

    rises = True
    rows = 1

    def at(self, numbers: Fractions) -> Fractions:
        """Return what becomes of numbers (1 or rows, n), with as many rows as there are channels
        told apart."""
        raise NotImplementedError

    def before(self, bounds: Bounds) -> Bounds:
        """Return which numbers reach the levels after the step, given which do after it."""
        raise NotImplementedError

    def part(self, channels: Callable[[Fractions], Fractions]) -> "Step":
        """Return the same with other channels: of what there is one a channel."""
        return self


@dataclass(frozen=True, eq=False)
class Affine(Step):
    """factor * r + offset, each one or one a channel."""

    factor: Fractions
    offset: Fractions

    @property
    def rows(self) -> int:  # type: ignore[override]
        return max(self.factor.size, self.offset.size)

    def at(self, numbers: Fractions) -> Fractions:
        found: Fractions = self.factor[:, None] * numbers + self.offset[:, None]
        return found

    @classmethod
    def of(cls, factor: Any = 1, offset: Any = 0) -> "Affine":
        return cls(as_fractions([factor]), as_fractions([offset]))

    def then(self, after: "Affine") -> "Affine":
        """Return this and another one behind it as one."""
        return Affine(
            as_fractions(after.factor * self.factor),
            as_fractions(after.factor * self.offset + after.offset),
        )

    def before(self, bounds: Bounds) -> Bounds:
        bounds = bounds.of_rows(max(bounds.rows, self.factor.size, self.offset.size))
        f, fd, o, od = (
            _column(parts)
            for values in (self.factor, self.offset)
            for parts in ([v.numerator for v in values], [v.denominator for v in values])
        )
        numerators = (bounds.numerators * od - o * bounds.denominators) * fd
        denominators = bounds.denominators * od * np.abs(f)
        flat = np.broadcast_to((f == 0).astype(bool), bounds.denominators.shape)
        # without a factor the offset is all there is, and has reached the level or not
        reached = np.where(bounds.strict, numerators < 0, numerators <= 0)
        reached = (reached | bounds.always) & ~bounds.never
        always = np.where(flat, reached, bounds.always)
        never = np.where(flat, ~reached, bounds.never)
        numerators = np.where(flat, 0, numerators)
        denominators = np.where(flat, 1, denominators)
        common = np.gcd(np.gcd.reduce(numerators, axis=1, keepdims=True), denominators)
        found = Bounds(
            numerators // common,
            denominators // common,
            bounds.strict & ~flat,
            always,
            never,
            bounds.falls,
        )
        return found.mirrored(np.broadcast_to((f < 0).astype(bool)[:, 0], (found.rows,)))

    def part(self, channels: Callable[[Fractions], Fractions]) -> "Affine":
        return Affine(
            *(v if v.size == 1 else as_fractions(channels(v)) for v in (self.factor, self.offset))
        )


@dataclass(frozen=True, eq=False)
class Clamp(Step):
    """min(max(r, lo), hi), None where there is no such end."""

    lo: Fraction | None = None
    hi: Fraction | None = None

    def at(self, numbers: Fractions) -> Fractions:
        for end, clamp in ((self.lo, np.maximum), (self.hi, np.minimum)):
            numbers = numbers if end is None else clamp(numbers, np.array(end, dtype=object))
        return numbers

    def before(self, bounds: Bounds) -> Bounds:
        always, never = bounds.always, bounds.never
        if self.lo is not None:
            below, at = bounds.less(as_fractions([self.lo]))
            always = (always | below | (at & ~bounds.strict)) & ~never
        if self.hi is not None:
            below, at = bounds.less(as_fractions([self.hi]))
            never = (never | ~(below | (at & ~bounds.strict))) & ~always
        return replace(bounds, always=always, never=never)


@dataclass(frozen=True, eq=False)
class Slope(Step):
    """r where it is positive, slope * r elsewhere."""

    slope: Fractions

    @property
    def rises(self) -> bool:  # type: ignore[override]
        return bool((self.slope >= 0).all())

    @property
    def rows(self) -> int:  # type: ignore[override]
        return self.slope.size

    def at(self, numbers: Fractions) -> Fractions:
        found: Fractions = np.where(numbers > 0, numbers, numbers * self.slope[:, None])
        return found

    def before(self, bounds: Bounds) -> Bounds:
        bounds = bounds.of_rows(max(bounds.rows, self.slope.size))
        negative, zero = bounds.less(as_fractions([0]))
        flat = np.array([[s == 0] for s in self.slope], bool)
        always = bounds.always | (flat & (negative | (zero & ~bounds.strict)))
        p, q = (
            _column(parts)
            for parts in ([s.numerator for s in self.slope], [s.denominator for s in self.slope])
        )
        p = np.where(flat, 1, p)
        numerators = np.where(negative, bounds.numerators * q, bounds.numerators * p)
        return replace(
            bounds,
            numerators=numerators,
            denominators=bounds.denominators * p,
            always=always & ~bounds.never,
        )

    def part(self, channels: Callable[[Fractions], Fractions]) -> "Slope":
        return self if self.slope.size == 1 else Slope(as_fractions(channels(self.slope)))


@dataclass(frozen=True, eq=False)
class Curve(Step):
    """A function that rises everywhere, between two ends that it does not reach.

    lo, hi : the ends; None where there is none
    inverse : of numbers between them, to some 60 digits
    function : itself, to as many
    """

    name: str
    lo: Fraction | None
    hi: Fraction | None
    inverse: Callable[[Fraction], Fraction]
    function: Callable[[Fraction], Fraction]

    def at(self, numbers: Fractions) -> Fractions:
        return _each(self.function, numbers)

    def before(self, bounds: Bounds) -> Bounds:
        below, at_lo = _compared(bounds, self.lo, False)
        inside, _ = _compared(bounds, self.hi, True)
        always = (bounds.always | below | at_lo) & ~bounds.never
        never = (bounds.never | ~inside) & ~bounds.always
        numerators = np.zeros(bounds.strict.shape, dtype=object)
        for row, level in zip(*np.nonzero(~(always | never)), strict=True):
            real = Fraction(int(bounds.numerators[row, level]), int(bounds.denominators[row, 0]))
            numerators[row, level] = round(self.inverse(real) * (1 << CURVE_BITS))
        denominators = _column([1 << CURVE_BITS] * bounds.rows)
        return replace(
            bounds, numerators=numerators, denominators=denominators, always=always, never=never
        )


@dataclass(frozen=True, eq=False)
class Function(Step):
    """A function that may fall and rise: a table, entry by entry.

    function : of a number, to some 60 digits where it is not rational
    """

    name: str
    function: Callable[[Fraction], Fraction]
    rises = False

    def at(self, numbers: Fractions) -> Fractions:
        return _each(self.function, numbers)


@dataclass(frozen=True, eq=False)
class Product(Step):
    """The product of what two chains of steps make of a number."""

    a: tuple[Step, ...]
    b: tuple[Step, ...]
    rises = False

    @property
    def rows(self) -> int:  # type: ignore[override]
        return max(step.rows for step in (Affine.of(), *self.a, *self.b))

    def at(self, numbers: Fractions) -> Fractions:
        a = b = numbers
        for step in self.a:
            a = step.at(a)
        for step in self.b:
            b = step.at(b)
        product: Fractions = a * b
        return product

    def part(self, channels: Callable[[Fractions], Fractions]) -> "Product":
        return Product(*(tuple(step.part(channels) for step in of) for of in (self.a, self.b)))


def _each(function: Callable[[Fraction], Fraction], numbers: Fractions) -> Fractions:
    values: Fractions = np.vectorize(function, otypes=[object])(numbers)
    return values


def _compared(bounds: Bounds, end: Fraction | None, otherwise: bool) -> tuple[Flags, Flags]:
    if end is None:
        return np.full(bounds.strict.shape, otherwise), np.zeros(bounds.strict.shape, bool)
    return bounds.less(as_fractions([end]))
