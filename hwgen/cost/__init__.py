"""What a design costs, as synthesis and place and route measure it."""

__all__ = [
    "CellSynthesis",
    "CriticalPath",
    "Route",
    "Synthesis",
    "pack",
    "route",
    "synthesise",
    "synthesise_cells",
    "synthesise_package",
    "write_models",
    "write_netlist",
]

from hwgen.cost.asic.synthesis import CellSynthesis, synthesise_cells
from hwgen.cost.bitstream import pack
from hwgen.cost.netlist import write_models, write_netlist
from hwgen.cost.routing import CriticalPath, Route, route
from hwgen.cost.synthesis import Synthesis, synthesise, synthesise_package
