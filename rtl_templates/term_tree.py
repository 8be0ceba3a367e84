"""Sums of terms of either sign, two by an adder and a register behind each.

Without registers between them, synthesis saves carries: for three terms it takes twice the tables
that two adders take.
"""

__all__ = ["Term", "TermTree"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from amaranth import *

from hwgen_rtl_templates.streams import range_shape

T = TypeVar("T")


@dataclass(frozen=True)
class Term(Generic[T]):
    """value << shift, or less that.

    value : what stands for it; an int where it is constant
    lo, hi : its range, before the shift
    """

    value: T | int
    lo: int
    hi: int
    shift: int = 0
    negative: bool = False

    @property
    def width(self) -> int:
        """Bits of the value."""
        return range_shape(self.lo, self.hi).width


def _digits(by: int) -> list[tuple[int, bool]]:
    """Return the places that make a positive number as few powers of two, with their signs."""
    found, place = [], 0
    while by:
        if by & 1:
            negative = by & 2 != 0
            found.append((place, negative))
            by += 1 if negative else -1
        by >>= 1
        place += 1
    return found


@dataclass(frozen=True)
class TermTree:
    """offset + sum of multiplier * x over inputs of known ranges.

    ranges : (least, largest) of each input
    multipliers : of each, not zero
    """

    ranges: tuple[tuple[int, int], ...]
    multipliers: tuple[int, ...]
    offset: int

    @cached_property
    def terms(self) -> tuple[Term[int], ...]:
        """What is added; values are numbers of inputs."""
        found = [
            Term[int](n, lo, hi, place, negative != (by < 0))
            for n, ((lo, hi), by) in enumerate(zip(self.ranges, self.multipliers, strict=True))
            for place, negative in _digits(abs(by))
        ]
        return tuple(found)

    @cached_property
    def levels(self) -> int:
        """Clocks from the inputs to the sum."""
        return self._joined(lambda a, b, made: 0, lambda term: 0, lambda n: 0)[1]

    @cached_property
    def counts(self) -> tuple[int, int]:
        """(places of adders, flip-flops)."""
        adders, registers = [0], [0]

        def join(a: Term[int], b: Term[int], made: Term[int]) -> int:
            adders.append(max(0, made.width - _passed(a, b)))
            registers.append(made.width)
            return 0

        def hold(term: Term[int]) -> int:
            registers.append(term.width)
            return 0

        self._joined(join, hold, lambda n: 0)
        return sum(adders), sum(registers)

    def build(self, m: Module, name: str, inputs: Sequence[Value], shape: Shape) -> Value:
        """Return the sum of inputs, so many levels later."""
        made = iter(range(1 << 30))

        def register(value: Value) -> Value:
            held = Signal(value.shape(), name=f"{name}_{next(made)}", reset_less=True)
            m.d.sync += held.eq(value)
            return held

        def join(a: Term[Value], b: Term[Value], made: Term[Value]) -> Value:
            return register(_sum(m, a, b, range_shape(made.lo, made.hi)))

        total, _ = self._joined(
            join, lambda term: register(Value.cast(term.value)), inputs.__getitem__
        )
        out = Signal(shape, name=name)
        m.d.comb += out.eq(Value.cast(total.value) << total.shift)
        return out

    def _joined(
        self,
        join: Callable[[Term[Any], Term[Any], Term[Any]], Any],
        hold: Callable[[Term[Any]], Any],
        value_of: Callable[[int], Any],
    ) -> tuple[Term[Any], int]:
        """Return the last of the terms, joined two by two, and how many levels that took."""
        terms = [
            Term[Any](value_of(int(t.value)), t.lo, t.hi, t.shift, t.negative) for t in self.terms
        ]
        if self.offset:
            size = abs(self.offset)
            terms.append(Term(size, size, size, 0, self.offset < 0))
        elif all(term.negative for term in terms):
            terms.append(Term(0, 0, 0))
        levels = 0
        while len(terms) > 1:
            plus = [term for term in terms if not term.negative]
            minus = [term for term in terms if term.negative]
            pairs = list(zip(plus, minus, strict=False))
            rest = (plus if len(plus) > len(minus) else minus)[len(pairs) :]
            rest.sort(key=lambda term: isinstance(term.value, int))  # constants wait for nothing
            pairs += zip(rest[::2], rest[1::2], strict=False)
            left = rest[-1:] if len(rest) % 2 else []
            terms = [self._pair(a, b, join) for a, b in pairs]
            for term in left:
                value = term.value if isinstance(term.value, int) else hold(term)
                terms.append(Term(value, term.lo, term.hi, term.shift, term.negative))
            levels += 1
        return terms[0], levels

    @staticmethod
    def _pair(
        a: Term[Any], b: Term[Any], join: Callable[[Term[Any], Term[Any], Term[Any]], Any]
    ) -> Term[Any]:
        """Return a + b of one sign, or a - b where b alone is negative."""
        shift = min(a.shift, b.shift)
        (a_lo, a_hi), (b_lo, b_hi) = (
            (term.lo << term.shift - shift, term.hi << term.shift - shift) for term in (a, b)
        )
        lo, hi = (
            (a_lo - b_hi, a_hi - b_lo) if b.negative > a.negative else (a_lo + b_lo, a_hi + b_hi)
        )
        made = Term[Any](0, lo, hi, shift, a.negative and b.negative)
        return Term(join(a, b, made), lo, hi, shift, made.negative)


def _passed(a: Term[Any], b: Term[Any]) -> int:
    """Return how many of the lowest places need no adder: one term has none there."""
    return max(0, b.shift - a.shift) if b.negative > a.negative else abs(a.shift - b.shift)


def _sum(m: Module, a: Term[Value], b: Term[Value], shape: Shape) -> Value:
    """Return a + b, or a - b, above the lower shift."""
    less = b.negative > a.negative
    if not less and a.shift > b.shift:
        a, b = b, a
    one, other = Value.cast(a.value), Value.cast(b.value)
    apart = b.shift - a.shift
    if apart <= 0:  # a is the one with places below, and gives b something to borrow from
        one <<= -apart
        return _of(one - other if less else one + other, shape)
    wide = Signal(Shape(max(len(one), apart + 1), one.shape().signed), name="wide")
    m.d.comb += wide.eq(one)
    upper = wide >> apart
    return _of(Cat(wide[:apart], upper - other if less else upper + other).as_signed(), shape)


def _of(value: Value, shape: Shape) -> Value:
    """Return a sum as wide as its range."""
    narrow = value[: shape.width]
    return narrow.as_signed() if shape.signed else narrow.as_unsigned()
