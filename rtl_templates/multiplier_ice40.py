"""The multiplier of Lattice's iCE40 UltraPlus: SB_MAC16."""

__all__ = ["Ice40Multiplier"]

from amaranth import *

from hwgen_rtl_templates.multiplier import Multiplier, MultiplierParameters, Packing

HALF = 8  # bits of an operand of each of two multipliers that a block can be
ADDER_OFF = {  # the multipliers' registers go straight to the outputs
    "p_TOPADDSUB_LOWERINPUT": Const(0, 2),
    "p_TOPADDSUB_UPPERINPUT": Const(0, 1),
    "p_TOPADDSUB_CARRYSELECT": Const(0, 2),
    "p_BOTADDSUB_LOWERINPUT": Const(0, 2),
    "p_BOTADDSUB_UPPERINPUT": Const(0, 1),
    "p_BOTADDSUB_CARRYSELECT": Const(0, 2),
}
UNUSED = {
    **{f"i_{name}": Const(0, 16) for name in "CD"},
    **{f"i_{name}HOLD": Const(0, 1) for name in "ABCD"},
    **{f"i_{name}{half}": Const(0, 1) for name in ("IRST", "ORST") for half in ("TOP", "BOT")},
    **{f"i_{name}{half}": Const(0, 1) for name in ("OLOAD", "OHOLD") for half in ("TOP", "BOT")},
    **{f"i_ADDSUB{half}": Const(0, 1) for half in ("TOP", "BOT")},
    **{f"i_{name}": Const(0, 1) for name in ("CI", "ACCUMCI", "SIGNEXTIN")},
}


class Ice40Multiplier(Multiplier):
    """SB_MAC16 with its registers at the inputs and behind the multiplier; else as `Multiplier`.

    Two products of operands of up to 8 bits have a multiplier each in the block.

    References
    ----------
    Lattice FPGA-TN-02007, DSP Function Usage Guide for iCE40 Devices; Lattice, iCE40 Technology
    Library (SB_MAC16).
    """

    latency = 2
    side = 16

    @classmethod
    def packing(cls, parameters: MultiplierParameters) -> Packing | None:
        p = parameters
        halves = p.weights == 2 and max(p.x_bits, p.w_bits) <= HALF
        return None if halves else Packing.of(p)

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        halves = self.packing(p) is None
        a, b = Signal(self.side), Signal(self.side)
        product = Signal(2 * self.side)
        if halves:
            for n, w in enumerate(self._weights()):
                wide_x = Signal(Shape(HALF, p.x_signed), name=f"x_{n}")
                wide_w = Signal(Shape(HALF, p.w_signed), name=f"w_{n}_wide")
                m.d.comb += [wide_x.eq(self.x), wide_w.eq(w)]
                m.d.comb += [a.word_select(n, HALF).eq(wide_x), b.word_select(n, HALF).eq(wide_w)]
                part = product.word_select(n, self.side)
                is_signed = p.product_range[0] < 0
                m.d.comb += getattr(self, f"o_{n}").eq(part.as_signed() if is_signed else part)
        else:
            operand = self._operand()
            m.d.comb += [a.eq(self.x), b.eq(operand.as_signed() if p.w_signed else operand)]
            self._split(m, product)
        straight = Const(2 if halves else 3, 2)
        m.submodules.block = Instance(
            "SB_MAC16",
            p_NEG_TRIGGER=Const(0, 1),
            p_MODE_8x8=Const(halves, 1),
            p_A_SIGNED=Const(p.x_signed, 1),
            p_B_SIGNED=Const(p.w_signed, 1),
            **{f"p_{name}_REG": Const(name in "AB", 1) for name in "ABCD"},
            **{f"p_{half}_8x8_MULT_REG": Const(halves, 1) for half in ("TOP", "BOT")},
            p_PIPELINE_16x16_MULT_REG1=Const(0, 1),
            p_PIPELINE_16x16_MULT_REG2=Const(not halves, 1),
            p_TOPOUTPUT_SELECT=straight,
            p_BOTOUTPUT_SELECT=straight,
            **ADDER_OFF,
            **UNUSED,
            i_CLK=ClockSignal(),
            i_CE=Const(1, 1),
            i_A=a,
            i_B=b,
            o_O=product,
        )
        return m
