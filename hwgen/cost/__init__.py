"""What a design costs, as synthesis and place and route measure it."""

__all__ = ["CriticalPath", "Route", "Synthesis", "pack", "route", "synthesise", "write_netlist"]

from hwgen.cost.bitstream import pack
from hwgen.cost.netlist import write_netlist
from hwgen.cost.routing import CriticalPath, Route, route
from hwgen.cost.synthesis import Synthesis, synthesise
