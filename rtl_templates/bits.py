"""Functions of a few bits: what a look-up table in front of an adder computes."""

__all__ = ["AND", "NOT", "ONE", "PASS", "XOR", "ZERO", "BitFunction"]

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from amaranth import *


@dataclass(frozen=True)
class BitFunction:
    """A truth table.

    inputs : how many bits it looks at
    table : bit n is the value where the inputs are the bits of n, the first input the lowest
    """

    inputs: int
    table: int

    @staticmethod
    def of(inputs: int, function: Callable[..., int]) -> "BitFunction":
        """Return the table of a function of bits, written with `&`, `|`, `^` and `~`."""
        entries = (
            function(*(entry >> n & 1 for n in range(inputs))) & 1 for entry in range(1 << inputs)
        )
        return BitFunction(inputs, sum(bit << entry for entry, bit in enumerate(entries)))

    def flipped(self, position: int) -> "BitFunction":
        """Return the function of the same bits, one of them inverted."""
        entries = (self.table >> (n ^ 1 << position) & 1 for n in range(1 << self.inputs))
        return BitFunction(self.inputs, sum(bit << n for n, bit in enumerate(entries)))

    def fixed(self, position: int, value: int) -> "BitFunction":
        """Return the function of the other bits where one has a value."""
        low = (1 << position) - 1
        entries = (
            self.table >> ((n & low) | (value & 1) << position | (n & ~low) << 1) & 1
            for n in range(1 << (self.inputs - 1))
        )
        return BitFunction(self.inputs - 1, sum(bit << n for n, bit in enumerate(entries)))

    def tables(self, inputs: int) -> int:
        """Return how many look-up tables of so many inputs it takes, at most."""
        return _tables(self, inputs)

    def __call__(self, *values: Value) -> Value:
        """Return the function of one-bit values."""
        if len(values) != self.inputs:
            raise ValueError(f"Function must have {self.inputs} inputs, not {len(values)}")
        return _expression(self, values)


@lru_cache(maxsize=4096)
def _tables(function: BitFunction, size: int) -> int:
    """Return the tables of a function: one, or two in a row, or by one of its inputs."""
    for n in range(function.inputs):
        if function.fixed(n, 0) == function.fixed(n, 1):
            return _tables(function.fixed(n, 0), size)
    if function.inputs <= size:
        return 1
    if function.inputs == size + 1 and _splits(function):
        return 2
    halves = (
        [function.fixed(n, value) for value in (0, 1)] for n in reversed(range(function.inputs))
    )
    return 1 + min(sum(_tables(half, size) for half in pair) for pair in halves)


def _splits(function: BitFunction) -> bool:
    """Say whether a function is one of an input and of a table on all others: whichever value the
    input has, these are seen through that table or its inverse. Of the other ways to make do with
    two tables synthesis finds few."""
    full = (1 << (1 << (function.inputs - 1))) - 1
    return any(
        len({min(table, table ^ full) for table in tables} - {0}) <= 1
        for tables in (
            [function.fixed(n, value).table for value in (0, 1)] for n in range(function.inputs)
        )
    )


def _expression(function: BitFunction, values: tuple[Value, ...]) -> Value:
    """Return the function as gates where it splits into gates, by its last input otherwise."""
    full = (1 << (1 << function.inputs)) - 1
    if function.table in (0, full):
        return Const(int(function.table > 0), 1)
    *others, last = values
    rest = tuple(others)
    low, high = (function.fixed(function.inputs - 1, value) for value in (0, 1))
    full = (1 << (1 << low.inputs)) - 1
    if low == high:
        return _expression(low, rest)
    if low.table == high.table ^ full:
        if low.table in (0, full):
            return ~last if low.table else last
        return _expression(low, rest) ^ last
    if low.table in (0, full):
        then = _expression(high, rest)
        return last & then if low.table == 0 else ~last | then
    if high.table in (0, full):
        then = _expression(low, rest)
        return ~last & then if high.table == 0 else last | then
    return Mux(last, _expression(high, rest), _expression(low, rest))


ZERO = BitFunction(0, 0)
ONE = BitFunction(0, 1)
PASS = BitFunction(1, 0b10)
NOT = BitFunction(1, 0b01)
AND = BitFunction(2, 0b1000)
XOR = BitFunction(2, 0b0110)
