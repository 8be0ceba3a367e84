"""The adders of a dot product: which rows of them, on which clock, how wide.

Planned without a module, so that latency, widths and counts are known before anything is built.
"""

__all__ = ["NOTHING", "Addition", "Bit", "Operand", "Settled", "Summation", "Word", "chains"]

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from hwgen_rtl_templates.adder_row import AdderRow, RowSum
from hwgen_rtl_templates.bits import PASS, ZERO, BitFunction

CHAIN = 8  # terms that are summed one after the other


@dataclass(frozen=True)
class Word:
    """A register, or an input of the whole: `ready` is the clock on which it is there."""

    width: int
    ready: int


@dataclass(frozen=True)
class Bit:
    """A function of bits of words: pairs of a word's number and a place in it."""

    function: BitFunction
    inputs: tuple[tuple[int, int], ...] = ()


NOTHING = Bit(ZERO)


@dataclass(frozen=True)
class Operand:
    """A number that is not negative: sum of 2**(shift + i) * bits[i], `hi` at most before the
    shift, whose words are all there on clock `ready`."""

    bits: tuple[Bit, ...]
    hi: int
    ready: int
    shift: int = 0


@dataclass(frozen=True)
class Addition:
    """A sum on a carry chain, registered into `word` at the end of clock `clock`."""

    row: RowSum
    p: tuple[Bit, ...]
    q: tuple[Bit, ...]
    carry: Bit
    clock: int
    word: int


@dataclass(frozen=True)
class Settled:
    """Bits that a look-up table computes, registered into `word` at the end of clock `clock`."""

    bits: tuple[Bit, ...]
    clock: int
    word: int


class Summation:
    """Adds operands up, pair by pair or one after the other, a register behind each adder.

    adder : the adder cell, which says what a position holds
    modulus : bits of the result that matter

    Attributes
    ----------
    words : the inputs' and the registers'
    additions, settled : what computes the registers
    """

    def __init__(self, adder: type[AdderRow], modulus: int) -> None:
        self.words: list[Word] = []
        self.additions: list[Addition] = []
        self.settled: list[Settled] = []
        self._adder = adder
        self._modulus = modulus

    def word(self, width: int, ready: int = 0) -> int:
        """Return the number of a new word."""
        self.words.append(Word(width, ready))
        return len(self.words) - 1

    def settle(self, operand: Operand) -> Operand:
        """Return an operand of bare bits: functions go through a look-up table and a register."""
        if all(bit.function in (PASS, ZERO) for bit in operand.bits):
            return operand
        word = self.word(len(operand.bits), operand.ready + 1)
        self.settled.append(Settled(operand.bits, operand.ready, word))
        return replace(operand, bits=self.bare(word), ready=operand.ready + 1)

    def bare(self, word: int) -> tuple[Bit, ...]:
        """Return a word's own bits."""
        return tuple(Bit(PASS, ((word, n),)) for n in range(self.words[word].width))

    def total(self, operands: Sequence[Operand]) -> Operand:
        """Return the sum of operands: those of one place first, then place by place."""
        planes: dict[int, list[Operand]] = {}
        for operand in operands:
            planes.setdefault(operand.shift, []).append(operand)
        sums = [self._plane(planes[shift]) for shift in sorted(planes)]
        return self._tree(sums, [])

    def _plane(self, operands: list[Operand]) -> Operand:
        """Return the sum of operands of one place."""
        functions = {bit.function for operand in operands for bit in operand.bits}
        single = all(len(operand.bits) == 1 for operand in operands)
        if single and any(function.inputs > 2 for function in functions):
            operands, functions = [self.settle(operand) for operand in operands], {PASS}
        if all(self.takes(f, g) for f in functions for g in functions):
            spare: list[Operand] = []
            if single:
                # each adder takes one more in its carry, so L pairs leave room for 2 L - 1
                paired = 2 * -(-(len(operands) + 1) // 4)
                operands, spare = operands[:paired], operands[paired:]
            return self._tree(operands, spare)
        if not all(self.takes(PASS, f) for f in functions):
            return self._tree([self.settle(operand) for operand in operands], [])
        size = -(-len(operands) // -(-len(operands) // CHAIN))
        return self._tree(
            [self._chain(operands[n : n + size]) for n in range(0, len(operands), size)], []
        )

    def takes(self, p: BitFunction, q: BitFunction) -> bool:
        """Say whether the adder cell holds two functions, in one order or the other."""
        return self._adder.takes(p, q) or self._adder.takes(q, p)

    def _chain(self, operands: Sequence[Operand]) -> Operand:
        """Return the sum of operands, added one after the other."""
        result = self.settle(operands[0])
        for operand in operands[1:]:
            result = self.add(result, operand)
        return result

    def _tree(self, operands: list[Operand], spare: list[Operand]) -> Operand:
        """Return the sum of operands, added in pairs of neighbours as they get ready; single bits
        in `spare` enter as carries."""
        clock = 0
        spare = list(spare)
        while len(operands) > 1:
            there = [operand for operand in operands if operand.ready <= clock]
            waiting = [operand for operand in operands if operand.ready > clock]
            sums = [
                self.add(a, b, spare.pop() if spare else None)
                for a, b in zip(there[::2], there[1::2], strict=False)
            ]
            operands = sorted([*sums, *waiting, *there[len(sums) * 2 :]], key=_place)
            clock += 1
        return operands[0]

    def add(self, a: Operand, b: Operand, carry: Operand | None = None) -> Operand:
        """Return the registered sum of two operands and a bit."""
        a, b = sorted((a, b), key=_place)
        distance = b.shift - a.shift
        low = min(distance, len(a.bits))
        if low < distance or not b.bits:  # nothing to add: side by side
            gap = (NOTHING,) * (distance - low)
            return Operand(
                a.bits + gap + b.bits, a.hi + (b.hi << distance), max(a.ready, b.ready), a.shift
            )
        hi = a.hi + (b.hi << distance) + (carry.hi if carry else 0)
        wanted = min(hi.bit_length(), self._modulus - a.shift) - low
        if wanted <= 0:  # all of it beyond the bits that matter
            return replace(a, bits=a.bits[:low], hi=hi)
        if not self._fit(a.bits[low:], b.bits):
            a = self.settle(a)
        clock = max(a.ready, b.ready, carry.ready if carry else 0)
        width = min(wanted, max(len(a.bits) - low, len(b.bits)))
        word = self.word(width + (wanted > width), clock + 1)
        self._register(a.bits[low:], b.bits, carry.bits[0] if carry else NOTHING, clock, word)
        return Operand(a.bits[:low] + self.bare(word), hi, clock + 1, a.shift)

    def accumulate(self, total: Operand, cleared: BitFunction) -> tuple[int, Operand]:
        """Return the number of an accumulator that a sum goes into, and its value.

        cleared : of the accumulator's bit and of a flag, which is the word after the accumulator
        """
        bits = ((NOTHING,) * total.shift + total.bits)[: self._modulus]
        total = replace(total, bits=bits, shift=0)
        if not all(self.takes(cleared, bit.function) for bit in total.bits):
            total = self.settle(total)
        word, flag = self.word(self._modulus, total.ready + 1), self.word(1, total.ready)
        kept = tuple(Bit(cleared, ((word, n), (flag, 0))) for n in range(self._modulus))
        self._register(kept, total.bits, NOTHING, total.ready, word)
        return word, Operand(self.bare(word), (1 << self._modulus) - 1, total.ready + 1)

    def _fit(self, a: Sequence[Bit], b: Sequence[Bit]) -> bool:
        """Say whether the positions of an adder hold the bits of both."""
        return all(self.takes(x.function, y.function) for x, y in zip(a, b, strict=False))

    def _register(
        self, a: Sequence[Bit], b: Sequence[Bit], carry: Bit, clock: int, word: int
    ) -> None:
        """Add the sum of two rows of bits and a carry, as wide as the word that it goes into."""
        width = self.words[word].width
        pairs = [
            (x, y) if self._adder.takes(x.function, y.function) else (y, x)
            for x, y in zip_longest(a[:width], b[:width], fillvalue=NOTHING)
        ]
        p, q = zip(*pairs, strict=True)
        row = RowSum(
            tuple(bit.function for bit in p),
            tuple(bit.function for bit in q),
            carry.function,
            grows=width > len(pairs),
        )
        self.additions.append(Addition(row, p, q, carry, clock, word))


def _place(operand: Operand) -> int:
    return operand.shift


def chains(sums: Sequence[RowSum], longest: int) -> list[list[int]]:
    """Return which sums share a carry chain of at most `longest` places, by their numbers.

    A sum takes a place a position and one in front of it; a chain with an odd number of places
    wastes one. The longest sums come first, each with what fills its chain best.
    """
    left = sorted(range(len(sums)), key=lambda n: -sums[n].positions)
    found: list[list[int]] = []
    while left:
        chosen = [left.pop(0)]
        room = longest - 2 - sums[chosen[0]].positions
        best = _fill([sums[n].positions + 1 for n in left], room)
        chosen += [left[k] for k in best]
        left = [n for k, n in enumerate(left) if k not in set(best)]
        found.append(chosen)
    return found


def _fill(sizes: list[int], room: int) -> tuple[int, ...]:
    """Return the items, by number, that together fill most of the room."""
    ways: dict[int, tuple[int, ...]] = {0: ()}
    for number, size in enumerate(sizes):
        for filled, items in list(ways.items()):
            if filled + size <= room and filled + size not in ways:
                ways[filled + size] = (*items, number)
    return ways[max(ways)]
