"""The multiplier of Lattice's ECP5: MULT18X18D."""

__all__ = ["Ecp5Multiplier"]

from amaranth import *

from hwgen_rtl_templates.multiplier import Multiplier

REGISTERS = ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT")


class Ecp5Multiplier(Multiplier):
    """MULT18X18D with its registers at the inputs, in the multiplier and at the output; else as
    `Multiplier`.

    References
    ----------
    Lattice FPGA-TN-02205, ECP5 and ECP5-5G sysDSP Usage Guide.
    """

    latency = 3
    side = 18

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        a = Signal(Shape(self.side, p.x_signed))
        b = Signal(Shape(self.side, p.w_signed))
        product = Signal(2 * self.side)
        operand = self._operand()
        m.d.comb += [a.eq(self.x), b.eq(operand.as_signed() if p.w_signed else operand)]
        m.submodules.block = Instance(
            "MULT18X18D",
            **{f"p_REG_{register}_CLK": "CLK0" for register in REGISTERS},
            **{f"i_A{n}": a[n] for n in range(self.side)},
            **{f"i_B{n}": b[n] for n in range(self.side)},
            **{f"i_C{n}": Const(0, 1) for n in range(self.side)},
            **{f"o_P{n}": product[n] for n in range(2 * self.side)},
            i_SIGNEDA=Const(p.x_signed, 1),
            i_SIGNEDB=Const(p.w_signed, 1),
            i_SOURCEA=Const(0, 1),
            i_SOURCEB=Const(0, 1),
            i_CLK0=ClockSignal(),
            i_CE0=Const(1, 1),
            i_RST0=Const(0, 1),
        )
        self._split(m, product)
        return m
