"""What a component will cost, before anything is synthesised.

Its structure is counted word by word (`structure.py`); what one of each count costs on a family
was fitted to synthesis (`coefficients.json`, docs/estimates.md).
"""

__all__ = [
    "Resources",
    "adder_bit_luts",
    "estimate",
    "gate_equivalents",
    "priced",
    "serial_sum_luts",
    "weigh",
]

from dataclasses import dataclass

from hwgen.families.memories import BLOCK_RAM_LUTS
from hwgen.planning.estimate.coefficients import coefficients_of
from hwgen.planning.estimate.parts import structure
from hwgen.planning.estimate.structure import Structure
from hwgen.targets import Target

DSP_LUTS = 150  # LUTs that a DSP block is worth when implementations are compared
# NANDs of two inputs that stand for a LUT of the estimate, and for a flip-flop; the first fitted to
# yosys and the OSU library of 0.18 um (docs/asic.md), the second what that library says
GATES_A_LUT = 2.9
GATES_A_FF = 4.0


@dataclass(frozen=True)
class Resources:
    """LUTs, flip-flops, DSP blocks and block RAMs."""

    luts: float = 0
    ffs: float = 0
    dsps: int = 0
    block_rams: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(
            self.luts + other.luts,
            self.ffs + other.ffs,
            self.dsps + other.dsps,
            self.block_rams + other.block_rams,
        )

    def without(self, other: "Resources") -> "Resources":
        """Return what another leaves."""
        return Resources(
            self.luts - other.luts,
            self.ffs - other.ffs,
            self.dsps - other.dsps,
            self.block_rams - other.block_rams,
        )

    def within(self, other: "Resources") -> bool:
        """Say whether nothing exceeds what there is in another."""
        return (
            self.luts <= other.luts
            and self.ffs <= other.ffs
            and self.dsps <= other.dsps
            and self.block_rams <= other.block_rams
        )


def weigh(cost: Resources, target: Target | None = None, dsp_luts: float = DSP_LUTS) -> float:
    """Return one number to compare costs by, in LUTs. Flip-flops come with LUTs, at half price. Of
    an ASIC it is the area, in gates.

    dsp_luts : LUTs that a DSP block is worth
    """
    if target is not None and target.library:
        return gate_equivalents(cost.luts, cost.ffs)
    return (
        max(cost.luts, cost.ffs / 2)
        + cost.ffs / 8
        + dsp_luts * cost.dsps
        + BLOCK_RAM_LUTS * cost.block_rams
    )


def gate_equivalents(luts: float, ffs: float) -> float:
    """Return the area, in NANDs of two inputs, of what an ASIC target's plan is estimated to take.

    Of memories that are flip-flops, what chooses between their words is among the LUTs.
    """
    return GATES_A_LUT * luts + GATES_A_FF * ffs


def adder_bit_luts(target: Target) -> float:
    """Return the LUTs of a bit of an adder of constants."""
    return coefficients_of(target.family).each["constant adder bit"]


def serial_sum_luts(digit: int, target: Target) -> float:
    """Return the LUTs of a sum of constants that takes 1, 2 or 4 bits a clock."""
    return coefficients_of(target.family).each[f"serial sum of {digit}"]


def estimate(part: object, target: Target) -> Resources:
    """Return the estimated cost of a component.

    Raises
    ------
    TypeError : there is no structure of such a component
    """
    return priced(structure(part, target), target)


def priced(found: Structure, target: Target) -> Resources:
    """Return the estimated cost of a structure."""
    luts = coefficients_of(target.family).cost(found.logic)
    return Resources(luts, found.ffs, found.dsps, found.block_rams)
