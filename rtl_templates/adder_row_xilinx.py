"""The adder cell on Xilinx 7 series: LUT6 and CARRY4."""

__all__ = ["Xilinx7AdderRow"]

from collections.abc import Callable
from operator import xor

from amaranth import *

from hwgen_rtl_templates.adder_row import AdderRow, RowSum
from hwgen_rtl_templates.bits import PASS, ZERO, BitFunction

CHAIN = 4  # positions of a CARRY4
SHARED = 5  # inputs that both outputs of a LUT6_2 see


class Xilinx7AdderRow(AdderRow):
    """Sums along CARRY4, one look-up table a position, each sum a chain of its own.

    Where p is a bare bit it goes straight to the carry chain's data input, and the table holds
    six inputs: that bit and q. Otherwise one table's two outputs hold p + q and p. Functions that
    make carries share tables, two and two.

    References
    ----------
    Xilinx UG474, 7 Series FPGAs Configurable Logic Block; UG953, Libraries Guide: LUT6_2, CARRY4.
    """

    longest = 16  # no chain is shared, but the tables of carries are

    @classmethod
    def takes(cls, p: BitFunction, q: BitFunction) -> bool:
        """Say whether a look-up table can hold the two functions."""
        return p.inputs + q.inputs <= SHARED + (p == PASS)

    def elaborate(self, platform):
        m = Module()
        carries = self._carries(m)
        for n, part in enumerate(self.parameters.sums):
            p, q, _ = self.operands(n)
            propagate, data = [], []
            for i, (f, g, x, y) in enumerate(zip(part.p, part.q, p, q, strict=True)):
                if not self.takes(f, g):
                    raise ValueError(f"LUT6 must hold {f} and {g}; use logic in front of it")
                if f == PASS or g == ZERO:
                    data.append(Const(0, 1) if g == ZERO else f(*x))
                    propagate.append(f(*x) ^ g(*y))
                else:
                    both, first = Signal(name=f"both_{n}_{i}"), Signal(name=f"first_{n}_{i}")
                    m.submodules[f"table_{n}_{i}"] = _table(f, g, xor, [*x, *y], both, first)
                    data.append(first)
                    propagate.append(both)
            self._chain(m, n, part, propagate, data, carries[n])
        return m

    def _carries(self, m: Module) -> list[Value]:
        """Return the carry into each sum."""
        sums = self.parameters.sums
        inputs = [self.operands(n)[2] for n in range(len(sums))]
        carries = [part.carry(*c) for part, c in zip(sums, inputs, strict=True)]
        made = [n for n, part in enumerate(sums) if part.carry.inputs == 2]
        for a, b in zip(made[::2], made[1::2], strict=False):
            first, second = Signal(name=f"carry_{a}"), Signal(name=f"carry_{b}")
            pins = [*inputs[a], *inputs[b]]
            m.submodules[f"table_{a}_{b}_carries"] = _table(
                sums[a].carry, sums[b].carry, _latter, pins, second, first
            )
            carries[a], carries[b] = first, second
        return carries

    def _chain(
        self,
        m: Module,
        n: int,
        part: RowSum,
        propagate: list[Value],
        data: list[Value],
        carry: Value,
    ) -> None:
        out = getattr(self, f"o_{n}")
        before: Value | None = None
        for block in range(0, part.positions, CHAIN):
            s, d = propagate[block : block + CHAIN], data[block : block + CHAIN]
            total, carries = Signal(CHAIN, name=f"sum_{n}_{block}"), Signal(CHAIN)
            carries.name = f"carries_{n}_{block}"
            m.submodules[f"chain_{n}_{block}"] = Instance(
                "CARRY4",
                i_CI=Const(0) if before is None else before,
                i_CYINIT=carry if before is None else Const(0),
                i_DI=Cat(d, Const(0, CHAIN - len(d))),
                i_S=Cat(s, Const(0, CHAIN - len(s))),
                o_O=total,
                o_CO=carries,
            )
            m.d.comb += out[block : block + len(s)].eq(total[: len(s)])
            if part.grows and block + CHAIN >= part.positions:
                m.d.comb += out[part.positions].eq(carries[len(s) - 1])
            before = carries[CHAIN - 1]


def _latter(a: int, b: int) -> int:
    return b


def _table(
    p: BitFunction,
    q: BitFunction,
    joined: Callable[[int, int], int],
    inputs: list[Value],
    both: Value,
    first: Value,
) -> Instance:
    """Return a look-up table with what joins p and q on one output, and p on the other."""
    init = 0
    for entry in range(32):
        of_p = p.table >> (entry & ((1 << p.inputs) - 1)) & 1
        of_q = q.table >> (entry >> p.inputs & ((1 << q.inputs) - 1)) & 1
        init |= of_p << entry | joined(of_p, of_q) << (entry + 32)
    pins = [*inputs, *(Const(1) for _ in range(6 - len(inputs)))]
    return Instance(
        "LUT6_2",
        *(("i", f"I{n}", pin) for n, pin in enumerate(pins)),
        ("o", "O6", both),
        ("o", "O5", first),
        p_INIT=Const(init, 64),
    )
