"""ASICs: libraries of standard cells.

Every memory is registers or logic, and there is no budget; a library is mapped to by
`hwgen/cost/asic/`, and its coefficients lack but a block of their own.
"""

__all__ = ["ASIC"]

from hwgen.families.constraints import clock_constraint
from hwgen.families.family import Constraints, Family, Logic, Memories, Multipliers

ASIC = Family(
    name="asic",
    logic=Logic(),
    memories=Memories(register_luts=1.9),  # what writes a register as well
    multipliers=Multipliers(),
    constraints=Constraints(
        "sdc",
        "a template for OpenSTA and most synthesis: the clock, no pins",
        clock_constraint,
    ),
)
