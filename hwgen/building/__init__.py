"""Boards: the core around an accelerator, the whole chip's design, its bitstream, and programming
it. What is here needs the pins of boards (`pip install 'hwgen[fpga]'`)."""

__all__ = [
    "BOARDS",
    "SEEDS",
    "BoardDesign",
    "Build",
    "board_design",
    "board_of",
    "build",
    "build_bitstream",
    "core_parameters",
    "core_verilog",
    "describe",
    "flash",
    "plan_for_board",
    "read_summary",
]

from hwgen.errors import ToolError, bring

try:
    from hwgen_boards import BOARDS
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "amaranth_boards":
        raise
    raise ToolError(f"Python package amaranth_boards is missing; {bring('fpga')}") from error

from hwgen.building.bitstream import SEEDS, build_bitstream
from hwgen.building.board_build import build, plan_for_board
from hwgen.building.core import board_of, core_parameters, core_verilog, describe
from hwgen.building.design import BoardDesign, board_design
from hwgen.building.programming import flash
from hwgen.building.summary import Build, read_summary
