"""Work: what parts do in a frame, whatever that takes."""

__all__ = ["Work", "no_work", "stored"]

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Work:
    """What parts do in a frame.

    adder_bits : bits of all additions, subtractions and comparisons
    product_bits : of all multiplications, bits of one operand times bits of the other
    memory_bits : bits that are read or written, by the bits of the memory they lie in
    """

    adder_bits: int = 0
    product_bits: int = 0
    memory_bits: Mapping[int, int] = field(default_factory=dict)

    def __add__(self, other: "Work") -> "Work":
        sizes = sorted({*self.memory_bits, *other.memory_bits})
        return Work(
            self.adder_bits + other.adder_bits,
            self.product_bits + other.product_bits,
            {n: self.memory_bits.get(n, 0) + other.memory_bits.get(n, 0) for n in sizes},
        )

    def __mul__(self, times: int) -> "Work":
        memory = {size: bits * times for size, bits in self.memory_bits.items()}
        return Work(self.adder_bits * times, self.product_bits * times, memory)


def stored(width: int, depth: int, moved: int) -> Work:
    """Return the work of moving words, so many in all, into or out of a memory."""
    return Work(memory_bits={width * depth: width * moved})


def no_work(part: Any, beats: int) -> Work:
    """Return what a part does that only passes beats on."""
    return Work()
