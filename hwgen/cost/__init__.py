"""What a design costs, as synthesis and place and route measure it."""

__all__ = [
    "CriticalPath",
    "Route",
    "Synthesis",
    "placer_of",
    "route",
    "synthesise",
    "write_netlist",
]

from hwgen.cost.netlist import write_netlist
from hwgen.cost.routing import CriticalPath, Route, placer_of, route
from hwgen.cost.synthesis import Synthesis, synthesise
