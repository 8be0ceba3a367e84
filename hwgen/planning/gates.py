"""Gate equivalents: an estimate in LUTs and flip-flops, as area of an ASIC."""

__all__ = ["gate_equivalents"]

from hwgen.planning.estimate import Resources

# NANDs of two inputs that stand for a LUT of the estimate, and for a flip-flop
GATES = {"luts": 5.0, "ffs": 4.0}


def gate_equivalents(cost: Resources) -> float:
    """Return the area of what an ASIC target's plan is estimated to take, in NANDs of two inputs.

    Of memories that are flip-flops, what chooses between their words is among the LUTs.
    """
    return GATES["luts"] * cost.luts + GATES["ffs"] * cost.ffs
