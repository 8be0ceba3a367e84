"""Cells: which components put an array into the cells of a target's family."""

__all__ = ["adder_of", "adders_placed", "lut_inputs", "multiplier_of"]

from hwgen.families import family_of
from hwgen.targets import Target
from hwgen_rtl_templates.adder_row import AdderRow
from hwgen_rtl_templates.multiplier import Multiplier


def lut_inputs(target: Target) -> int:
    """Return the inputs of a target's look-up table."""
    return family_of(target).logic.lut_inputs


def adder_of(target: Target) -> type[AdderRow]:
    """Return the adder cell of a target: that of plain Amaranth where the family has none."""
    return family_of(target).logic.adder


def adders_placed(target: Target) -> bool:
    """Say whether a target's adders are cells that are placed one by one."""
    return family_of(target).logic.adders_placed


def multiplier_of(target: Target) -> type[Multiplier] | None:
    """Return the DSP block of a target; None where hwgen instantiates none."""
    return family_of(target).multipliers.instantiated if target.dsps else None
