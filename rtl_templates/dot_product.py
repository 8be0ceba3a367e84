"""The adders of one row of a MAC array, planned from an encoding."""

__all__ = ["DotProduct", "RowParameters", "dot_product", "offset"]

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from hwgen_rtl_templates.adder_row import AdderRow
from hwgen_rtl_templates.bits import AND
from hwgen_rtl_templates.encodings import Digit, Encoding, Select
from hwgen_rtl_templates.summation import Addition, Bit, Operand, Settled, Summation, Word

CLEARED = AND.flipped(1)  # an accumulator's bit, and whether a dot product begins


@dataclass(frozen=True)
class RowParameters:
    """One row of an array.

    encoding : of its weights
    lanes : elements of a beat
    x_bits, x_signed : of an element
    x_range : least and largest element
    modulus : bits of the result
    adder : the adder cell of the family
    accumulates : whether a dot product takes several beats
    """

    encoding: Encoding
    lanes: int
    x_bits: int
    x_signed: bool
    x_range: tuple[int, int]
    modulus: int
    adder: type[AdderRow]
    accumulates: bool


@dataclass(frozen=True)
class DotProduct:
    """The adders between a beat's elements, its weights and an accumulator.

    words : the inputs' and the registers': first the elements of x, then the weights, then the
        accumulator and the flag that clears it where there are any, then what is computed
    additions, settled : what computes the registers
    accumulator : number of the accumulator's word, the flag's being the next; None without
    result : the sum of products, or with an accumulator that of all beats so far
    latency : clocks from a beat to the clock on which the result has it
    """

    words: tuple[Word, ...]
    additions: tuple[Addition, ...]
    settled: tuple[Settled, ...]
    accumulator: int | None
    result: Operand
    latency: int

    @property
    def positions(self) -> int:
        """Places of carry chains, without those that start or end one."""
        return sum(addition.row.positions for addition in self.additions)

    def tables(self, inputs: int) -> int:
        """Return the look-up tables before registers, of so many inputs each."""
        return sum(bit.function.tables(inputs) for part in self.settled for bit in part.bits)


def offset(encoding: Encoding, weights: Iterable[int], x_bits: int, x_signed: bool) -> int:
    """Return what must be added to an array's sum over `weights` to make it their dot product.

    The array counts signed inputs from their least value, and negative multiples are one's
    complements: both add constants of the weights.
    """
    least = -(1 << (x_bits - 1)) if x_signed else 0
    return sum(least * w - encoding.excess(encoding.code(w), x_bits) for w in weights)


@lru_cache(maxsize=4096)  # a planner asks for the same rows over and over
def dot_product(row: RowParameters) -> DotProduct:
    """Return the adders of one row."""
    encoding, x_bits = row.encoding, row.x_bits
    plan = Summation(row.adder, row.modulus)
    xs = [plan.word(x_bits) for _ in range(row.lanes)]
    ws = [plan.word(encoding.decoded.bits, encoding.latency) for _ in range(row.lanes)]
    least = 1 << (x_bits - 1) if row.x_signed else 0
    lo, hi = (x + least for x in row.x_range)
    digits = [(digit, digit.most(x_bits, lo, hi)) for digit in encoding.digits]
    leaves = []
    for x, w in zip(xs, ws, strict=True):
        selected: dict[Select, int] = {}
        for digit, most in digits:
            source, msb = x, x_bits - 1 if row.x_signed else None
            if digit.select:
                if digit.select not in selected:
                    selected[digit.select] = _selected(plan, digit.select, x, w, msb)
                source, msb = selected[digit.select], None
            leaves.append(_leaf(plan, digit, source, w, msb, most))
    accumulator, result = None, plan.total(leaves)
    if row.accumulates:
        accumulator, result = plan.accumulate(result, CLEARED)
    else:
        result = plan.settle(result)
    parts = tuple(plan.words), tuple(plan.additions), tuple(plan.settled)
    return DotProduct(*parts, accumulator, result, result.ready)


def _taken(part: Select | Digit, source: int, i: int, width: int, w: int, msb: int | None) -> Bit:
    """Return bit i of what a part of a digit makes of a word."""
    function, places = part.function, []
    for k in reversed(range(part.reach)):  # the last inputs first: fixing one moves those above
        if not 0 <= i - k < width:
            function = function.fixed(k, 0)
        else:
            function = function.flipped(k) if i - k == msb else function
            places.append((source, i - k))
    codes = tuple((w, bit) for bit in part.codes)
    return Bit(function, (*reversed(places), *codes))


def _bits(
    plan: Summation, part: Select | Digit, source: int, w: int, msb: int | None
) -> tuple[Bit, ...]:
    """Return what a part of a digit makes of a word."""
    width = plan.words[source].width
    return tuple(_taken(part, source, i, width, w, msb) for i in range(width + part.reach - 1))


def _selected(plan: Summation, select: Select, x: int, w: int, msb: int | None) -> int:
    """Return the register behind a table on an element and a code."""
    bits = _bits(plan, select, x, w, msb)
    ready = plan.words[w].ready
    word = plan.word(len(bits), ready + 1)
    plan.settled.append(Settled(bits, ready, word))
    return word


def _leaf(plan: Summation, digit: Digit, source: int, w: int, msb: int | None, hi: int) -> Operand:
    ready = max(plan.words[source].ready, plan.words[w].ready)
    return Operand(_bits(plan, digit, source, w, msb), hi, ready, digit.shift)
