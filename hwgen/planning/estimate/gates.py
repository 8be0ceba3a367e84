"""Gate equivalents: an estimate in LUTs and flip-flops, as area of an ASIC."""

__all__ = ["gate_equivalents"]

# NANDs of two inputs that stand for a LUT of the estimate, and for a flip-flop; the first fitted to
# yosys and the OSU library of 0.18 um (docs/asic.md), the second what that library says
GATES_A_LUT = 2.9
GATES_A_FF = 4.0


def gate_equivalents(luts: float, ffs: float) -> float:
    """Return the area, in NANDs of two inputs, of what an ASIC target's plan is estimated to take.

    Of memories that are flip-flops, what chooses between their words is among the LUTs.
    """
    return GATES_A_LUT * luts + GATES_A_FF * ffs
