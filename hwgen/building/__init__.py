"""Boards: the core around an accelerator, the whole chip's design, its bitstream, and programming
it. What is here needs the pins of boards (`pip install 'hwgen[fpga]'`)."""

__all__ = [
    "SEEDS",
    "BoardDesign",
    "Build",
    "board_design",
    "board_of",
    "build_bitstream",
    "core_parameters",
    "core_verilog",
    "describe",
    "flash",
    "plan_for_board",
    "read_summary",
]

from hwgen.building.build import SEEDS, build_bitstream, plan_for_board
from hwgen.building.core import board_of, core_parameters, core_verilog, describe
from hwgen.building.design import BoardDesign, board_design
from hwgen.building.flash import flash
from hwgen.building.summary import Build, read_summary
