"""The adders of one row of a MAC array, planned from an encoding."""

__all__ = ["DotProduct", "dot_product", "offset"]

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from rtl_templates.adder_row import AdderRow, RowSum
from rtl_templates.bits import AND, PASS, ZERO
from rtl_templates.encodings import Digit, Encoding, Select
from rtl_templates.summation import Addition, Bit, Operand, Settled, Summation, Word

CLEARED = AND.flipped(1)  # an accumulator's bit, and whether a dot product begins


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

    @property
    def tables(self) -> int:
        """Look-up tables before registers."""
        return sum(len(part.bits) for part in self.settled)


def offset(encoding: Encoding, weights: Iterable[int], x_bits: int, x_signed: bool) -> int:
    """Return what must be added to an array's sum over `weights` to make it their dot product.

    The array counts signed inputs from their least value, and negative multiples are one's
    complements: both add constants of the weights.
    """
    least = -(1 << (x_bits - 1)) if x_signed else 0
    return sum(least * w - encoding.excess(encoding.code(w), x_bits) for w in weights)


def dot_product(
    encoding: Encoding,
    lanes: int,
    x_bits: int,
    x_signed: bool,
    x_range: tuple[int, int],
    modulus: int,
    adder: type[AdderRow],
    accumulates: bool,
) -> DotProduct:
    """Return the adders of one row.

    Parameters
    ----------
    lanes : elements of a beat
    x_range : least and largest input
    modulus : bits of the result
    adder : the adder cell of the family
    accumulates : whether a dot product takes several beats
    """
    return _cached(encoding, lanes, x_bits, x_signed, x_range, modulus, adder, accumulates)


@lru_cache(maxsize=4096)
def _cached(*arguments: Any) -> DotProduct:
    """A planner asks for the same rows over and over."""
    return _planned(*arguments)


def _planned(
    encoding: Encoding,
    lanes: int,
    x_bits: int,
    x_signed: bool,
    x_range: tuple[int, int],
    modulus: int,
    adder: type[AdderRow],
    accumulates: bool,
) -> DotProduct:
    plan = Summation(adder, modulus)
    xs = [plan.word(x_bits) for _ in range(lanes)]
    ws = [plan.word(encoding.decoded.bits, encoding.latency) for _ in range(lanes)]
    shift = 1 << (x_bits - 1) if x_signed else 0
    lo, hi = (x + shift for x in x_range)
    leaves = []
    for x, w in zip(xs, ws, strict=True):
        selected: dict[Select, int] = {}
        for digit in encoding.digits:
            source, msb = x, x_bits - 1 if x_signed else None
            if digit.select:
                if digit.select not in selected:
                    selected[digit.select] = _selected(plan, digit.select, x, w, msb)
                source, msb = selected[digit.select], None
            leaves.append(_leaf(plan, digit, source, w, msb, digit.most(x_bits, lo, hi)))
    total = plan.total(leaves)
    accumulator = None
    if accumulates:
        accumulator, result = _accumulated(plan, total, modulus)
    else:
        result = plan.settle(total)
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


def _selected(plan: Summation, select: Select, x: int, w: int, msb: int | None) -> int:
    """Return the register behind a table on an element and a code."""
    width = plan.words[x].width
    bits = tuple(_taken(select, x, i, width, w, msb) for i in range(width + select.reach - 1))
    ready = plan.words[w].ready
    word = plan.word(len(bits), ready + 1)
    plan.settled.append(Settled(bits, ready, word))
    return word


def _leaf(plan: Summation, digit: Digit, source: int, w: int, msb: int | None, hi: int) -> Operand:
    width = plan.words[source].width
    bits = tuple(_taken(digit, source, i, width, w, msb) for i in range(width + digit.reach - 1))
    ready = max(plan.words[source].ready, plan.words[w].ready)
    return Operand(bits, hi, ready, digit.shift)


def _accumulated(plan: Summation, total: Operand, modulus: int) -> tuple[int, Operand]:
    """Return the accumulator that a sum goes into; it starts afresh where a flag is set."""
    gap = (Bit(ZERO),) * total.shift
    total = replace(total, bits=(*gap, *total.bits)[:modulus], shift=0)
    if not all(plan.takes(CLEARED, bit.function) for bit in total.bits):
        total = plan.settle(total)
    accumulator, flag = plan.word(modulus, total.ready + 1), plan.word(1, total.ready)
    p = tuple(Bit(CLEARED, ((accumulator, n), (flag, 0))) for n in range(modulus))
    q = (*total.bits, *(Bit(ZERO) for _ in range(modulus - len(total.bits))))
    row = RowSum(tuple(bit.function for bit in p), tuple(bit.function for bit in q), grows=False)
    plan.additions.append(Addition(row, p, q, Bit(ZERO), total.ready, accumulator))
    bits = tuple(Bit(PASS, ((accumulator, n),)) for n in range(modulus))
    return accumulator, Operand(bits, (1 << modulus) - 1, total.ready + 1)
