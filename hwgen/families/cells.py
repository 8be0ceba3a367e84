"""Cells: which components put an array into the cells of a target's family."""

__all__ = ["adder_of", "lut_inputs", "multiplier_of"]

from hwgen.targets import Target
from hwgen_rtl_templates.adder_row import AdderRow
from hwgen_rtl_templates.adder_row_ecp5 import Ecp5AdderRow
from hwgen_rtl_templates.adder_row_xilinx import Xilinx7AdderRow
from hwgen_rtl_templates.multiplier import Multiplier
from hwgen_rtl_templates.multiplier_ecp5 import Ecp5Multiplier
from hwgen_rtl_templates.multiplier_ice40 import Ice40Multiplier

ADDERS: dict[str, type[AdderRow]] = {"ecp5": Ecp5AdderRow, "xilinx7": Xilinx7AdderRow}
MULTIPLIERS: dict[str, type[Multiplier]] = {"ecp5": Ecp5Multiplier, "ice40": Ice40Multiplier}

LUT_INPUTS = {"xilinx7": 6}  # of a look-up table; of others four


def lut_inputs(target: Target) -> int:
    """Return the inputs of a target's look-up table."""
    return LUT_INPUTS.get(target.family, 4)


def adder_of(target: Target) -> type[AdderRow]:
    """Return the adder cell of a target: that of plain Amaranth where the family has none."""
    return ADDERS.get(target.family, AdderRow)


def multiplier_of(target: Target) -> type[Multiplier] | None:
    """Return the DSP block of a target; None where hwgen instantiates none."""
    return MULTIPLIERS.get(target.family) if target.dsps else None
