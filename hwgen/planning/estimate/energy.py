"""Energy of an inference, estimated from what operations and memories take in published figures.

Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, figure 1.1.9, for
45 nm and 0.9 V: an addition of 8 bits takes 0.03 pJ (of 32 bits 0.1), a multiplication of 8 bits
0.2 pJ (of 32 bits 3.1), and to read 64 bits of a memory of 8 KB takes 10 pJ (of 32 KB 20, of 1 MB
100). Additions are scaled with their bits, multiplications with the product of their operands'
bits, and memories with the square root of their size, on which the three published points lie
within an eighth; each from the smallest figure, which is the nearest to what hwgen makes.

It counts what computes and what is stored: additions, comparisons, products, and bits that are read
from or written to memories, in the clocks of a frame on which a part works. Registers, the clock,
leakage and wires are left out, so it is no forecast of a chip's power; it is for comparing designs.
A binary, ternary or power-of-two weight costs the adders that it takes, and nothing else.
"""

__all__ = ["NODE", "Energy", "energy_of", "work_of"]

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from hwgen.planning.dataflow import Assembly
from hwgen.planning.estimate.parts import work
from hwgen.planning.estimate.work import Work

NODE = "45 nm"
ADD_PJ = 0.03 / 8  # a bit of an addition
MULTIPLY_PJ = 0.2 / (8 * 8)  # a bit of one operand by a bit of the other
MEMORY_PJ = 10 / 64  # a bit of a memory of
MEMORY_BITS = 8 * 1024 * 8


@dataclass(frozen=True)
class Energy:
    """Energy of an inference, nJ: of additions, multiplications and memories."""

    add_nj: float
    multiply_nj: float
    memory_nj: float

    @property
    def nj(self) -> float:
        """All of it."""
        return self.add_nj + self.multiply_nj + self.memory_nj

    def to_json(self) -> dict[str, float]:
        """Return the figures as plain values."""
        return {**vars(self), "nj": self.nj}


def energy_of(done: Work) -> Energy:
    """Return the estimated energy of what is done in a frame."""
    memory = sum(bits * sqrt(size / MEMORY_BITS) for size, bits in done.memory_bits.items())
    return Energy(
        done.adder_bits * ADD_PJ / 1e3,
        done.product_bits * MULTIPLY_PJ / 1e3,
        memory * MEMORY_PJ / 1e3,
    )


def work_of(assembly: Assembly, beats: Sequence[int]) -> Work:
    """Return what all parts do in a frame.

    Parameters
    ----------
    beats : of a frame that enter, by each input
    """
    streams = dict(enumerate(beats))
    total = Work()
    for placed in assembly.parts:
        entering = streams[placed.inputs[0]]
        total += work(placed.part, entering)
        streams |= dict.fromkeys(placed.outputs, placed.part.departures(entering))
    return total
