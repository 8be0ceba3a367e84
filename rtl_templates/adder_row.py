"""The adder cell: sums of two bit-functions a position along a carry chain."""

__all__ = ["AdderRow", "AdderRowParameters", "RowSum"]

from dataclasses import dataclass
from typing import ClassVar

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.bits import ZERO, BitFunction


@dataclass(frozen=True)
class RowSum:
    """sum of 2**i * (p_i + q_i) over the positions i, plus a carry.

    p, q : the functions of each position, lowest first
    carry : function of what enters the lowest position
    grows : whether the carry out of the highest position is a bit of the sum
    """

    p: tuple[BitFunction, ...]
    q: tuple[BitFunction, ...]
    carry: BitFunction = ZERO
    grows: bool = True

    def __post_init__(self) -> None:
        if not self.p or len(self.p) != len(self.q):
            raise ValueError(
                f"Sum must have two functions a position, not {len(self.p)} and {len(self.q)}"
            )

    @property
    def positions(self) -> int:
        """Places of the carry chain."""
        return len(self.p)

    @property
    def width(self) -> int:
        """Bits of the sum."""
        return len(self.p) + self.grows


@dataclass(frozen=True)
class AdderRowParameters:
    """Sums that have nothing to do with one another, one after the other along one chain.

    Starting and ending a carry chain costs look-up tables on some families: there the place in
    which one sum ends is that in which the next begins.
    """

    sums: tuple[RowSum, ...]

    def __post_init__(self) -> None:
        if not self.sums:
            raise ValueError("Row must have at least one sum")


def _inputs(functions: tuple[BitFunction, ...]) -> int:
    """Return how many bits go into all functions together."""
    return sum(function.inputs for function in functions)


class AdderRow(wiring.Component):
    """Sums along a carry chain, combinational; plain Amaranth, for any family.

    Members
    -------
    p_0, q_0, c_0, p_1, ... : for each sum the inputs of its functions, position by position from
        the lowest, each function's in order; absent where there are none
    o_0, o_1, ... : the sums
    """

    alike = True  # those of equal parameters are one module
    longest: ClassVar[int] = 1
    """Places that the sums of one component take at most; one sum alone may take more."""

    @classmethod
    def takes(cls, p: BitFunction, q: BitFunction) -> bool:
        """Say whether a position can hold the two functions without logic beside it."""
        return p.inputs <= 1 and q.inputs <= 1

    def __init__(self, parameters: AdderRowParameters):
        self.parameters = parameters
        members = {}
        for n, part in enumerate(parameters.sums):
            widths = {"p": _inputs(part.p), "q": _inputs(part.q), "c": part.carry.inputs}
            members |= {f"{name}_{n}": In(width) for name, width in widths.items() if width}
            members[f"o_{n}"] = Out(part.width)
        super().__init__(members)

    def operands(self, n: int) -> tuple[list[list[Value]], list[list[Value]], list[Value]]:
        """Return the inputs of sum n's functions: p and q for each position, and the carry's."""
        part = self.parameters.sums[n]
        return (
            self._split(f"p_{n}", part.p),
            self._split(f"q_{n}", part.q),
            self._split(f"c_{n}", (part.carry,))[0],
        )

    def _split(self, name: str, functions: tuple[BitFunction, ...]) -> list[list[Value]]:
        port = iter(getattr(self, name, ()))
        return [[next(port) for _ in range(function.inputs)] for function in functions]

    def elaborate(self, platform):
        m = Module()
        for n, part in enumerate(self.parameters.sums):
            p, q, c = self.operands(n)
            a = Cat(f(*x) for f, x in zip(part.p, p, strict=True))
            b = Cat(f(*x) for f, x in zip(part.q, q, strict=True))
            if part.carry == ZERO:
                m.d.comb += getattr(self, f"o_{n}").eq(a + b)
            else:  # as a bit below the lowest, so that it costs no adder of its own
                m.d.comb += getattr(self, f"o_{n}").eq((Cat(1, a) + Cat(part.carry(*c), b)) >> 1)
        return m
