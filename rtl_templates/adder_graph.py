"""Adder graph: the sums and differences of shifted terms that a constant matrix is made of."""

__all__ = ["Adder", "AdderGraph", "Tap"]

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Adder:
    """One sum: (a << max(0, -shift)) + (b << max(0, shift)), or with minus before b.

    a, b : terms; the inputs of the graph are the first, its adders the next
    shift : of b against a
    negate : whether b is subtracted
    """

    a: int
    b: int
    shift: int
    negate: bool

    def is_wires(self, width: int, signed: bool) -> bool:
        """Say whether it is two terms side by side, which takes no adder; `width` and `signed` are
        those of a."""
        return not self.negate and not signed and self.shift >= width

    def lowest_place(self, width: int) -> int:
        """Return the lowest place of its adder, below which bits of a pass by."""
        return min(max(0, self.shift), width)


@dataclass(frozen=True)
class Tap:
    """One output: a term shifted, and negated where it says so; zero where `term` is None."""

    term: int | None
    shift: int = 0
    negate: bool = False


@dataclass(frozen=True)
class AdderGraph:
    """A matrix as adders.

    inputs : coefficients of each input's own term are the unit vectors; how many there are
    adders : each of terms before it
    taps : the outputs
    """

    inputs: int
    adders: tuple[Adder, ...] = field(repr=False)
    taps: tuple[Tap, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if self.inputs < 1:
            raise ValueError(f"Number of inputs must be at least 1, not {self.inputs}")
        for n, adder in enumerate(self.adders):
            if not 0 <= min(adder.a, adder.b) <= max(adder.a, adder.b) < self.inputs + n:
                raise ValueError(f"Adder {n} must add terms before it, not {adder}")
        terms = self.inputs + len(self.adders)
        for n, tap in enumerate(self.taps):
            if tap.shift < 0 or (tap.term is not None and not 0 <= tap.term < terms):
                raise ValueError(f"Tap {n} must shift one of {terms} terms up, not {tap}")

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """Adders on the longest way from an input to each term."""
        depths = [0] * self.inputs
        for adder in self.adders:
            depths.append(max(depths[adder.a], depths[adder.b]) + 1)
        return tuple(depths)

    @property
    def depth(self) -> int:
        """Adders on the longest way from an input to an output."""
        return max((self.depths[tap.term] for tap in self.taps if tap.term is not None), default=0)

    @cached_property
    def _weights(self) -> tuple[tuple[int, int], ...]:
        """Sums of the positive and of the negative coefficients of each term."""
        rows = [[int(i == j) for j in range(self.inputs)] for i in range(self.inputs)]
        for adder in self.adders:
            up, factor = max(0, -adder.shift), 1 << max(0, adder.shift)
            factor = -factor if adder.negate else factor
            pairs = zip(rows[adder.a], rows[adder.b], strict=True)
            rows.append([(p << up) + factor * q for p, q in pairs])
        return tuple((sum(c for c in row if c > 0), sum(c for c in row if c < 0)) for row in rows)

    def ranges(self, low: int, high: int) -> tuple[tuple[int, int], ...]:
        """Return the exact least and greatest value of each term, from those of every input."""
        return tuple((up * low + down * high, up * high + down * low) for up, down in self._weights)

    def evaluate(self, x: Sequence[int]) -> list[int]:
        """Return the outputs for one value of each input."""
        terms = list(x)
        for adder in self.adders:
            b = terms[adder.b] << max(0, adder.shift)
            terms.append((terms[adder.a] << max(0, -adder.shift)) + (-b if adder.negate else b))
        values = []
        for tap in self.taps:
            value = 0 if tap.term is None else terms[tap.term] << tap.shift
            values.append(-value if tap.negate else value)
        return values
