"""The whole design of a chip: what a board puts around a package's accelerator, as Verilog and
constraints."""

__all__ = ["BoardDesign", "board_design"]

import re
from dataclasses import dataclass
from fractions import Fraction

from hwgen.building.core import core_parameters
from hwgen.codegen.names import free_name
from hwgen.codegen.verilog import from_rtlil
from hwgen.errors import HwgenError
from hwgen.package.manifest import Manifest
from hwgen_boards.board import Board
from hwgen_boards.clocking import clock_below, rate_at
from hwgen_boards.top import BoardTop
from hwgen_rtl_templates.uart import UartParameters

_MODULE = re.compile(r"^module (\w+)", re.MULTILINE)


@dataclass(frozen=True)
class BoardDesign:
    """A chip's design.

    Attributes
    ----------
    name : of the top module
    verilog : its text, without the accelerator's
    constraints : which pin each port has, and the clock that enters, as place and route takes it
    clock_hz : of core and accelerator, Hz, exact
    baud : bits a second of the serial line
    clocks_per_bit : of the serial line
    """

    name: str
    verilog: str
    constraints: str
    clock_hz: Fraction
    baud: int
    clocks_per_bit: int


def board_design(
    manifest: Manifest, accelerator: str, board: Board, *, baud: int | None = None
) -> BoardDesign:
    """Return the design of a board around the accelerator in a package.

    Parameters
    ----------
    manifest : of the package
    accelerator : its Verilog, for the names that are taken
    board : whose pins are used
    baud : bits a second that the serial line may have at most; the board's own when not given

    Raises
    ------
    HwgenError : the board's oscillator cannot be turned into a clock that slow, the clock does not
        divide to a rate of the line, or a tensor is too large to travel
    """
    try:
        clock = clock_below(board.pll, board.clock_hz, manifest.clock_hz)
        rate, clocks = rate_at(clock.hz, board.baud if baud is None else baud)
    except ValueError as error:
        raise HwgenError(f"Board {board.name}: {error}") from error
    core = core_parameters(manifest, board, int(clock.hz), UartParameters(clocks))
    taken = {name.lower() for name in _MODULE.findall(accelerator)}
    name = free_name(f"{manifest.top}_{board.name.replace('-', '_')}", taken)
    files = board.platform().prepare(BoardTop(board, clock, core), name, emit_src=False).files
    (constraints,) = [name for name in files if name.endswith((".lpf", ".pcf", ".cst"))]
    return BoardDesign(
        name=name,
        verilog=from_rtlil(str(files[f"{name}.il"])),
        constraints=str(files[constraints]),
        clock_hz=clock.hz,
        baud=rate,
        clocks_per_bit=clocks,
    )
