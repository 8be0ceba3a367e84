"""What a board needs around the accelerator of a package."""

__all__ = ["board_of", "core_parameters", "core_verilog", "describe"]

from hwgen.building.core import board_of, core_parameters, core_verilog, describe
