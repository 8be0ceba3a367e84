"""From a package to the core that a board puts around its accelerator."""

__all__ = ["board_of", "core_parameters", "core_verilog", "describe"]

from collections.abc import Mapping
from typing import Any

from amaranth.back import rtlil

from hwgen.beats import Stream
from hwgen.codegen.verilog import from_rtlil
from hwgen.errors import BoardError, HwgenError
from hwgen.host.description import Description
from hwgen_boards import BOARDS
from hwgen_boards.board import Board
from hwgen_boards.core import BoardCore, CoreParameters, room_for
from hwgen_rtl_templates.link import HEADER, LinkParameters
from hwgen_rtl_templates.uart import UartParameters

VISIBLE = 0.05  # seconds that a light stays on at least


def board_of(target: str) -> Board:
    """Return the board that carries a target's device.

    Raises
    ------
    BoardError : there is none
    """
    if target not in BOARDS:
        raise BoardError(
            f"Target must be one of the boards {', '.join(BOARDS)}, not {target}; generate the "
            "package for one of them"
        )
    return BOARDS[target]


def describe(manifest: Mapping[str, Any]) -> Description:
    """Return what a board says of the accelerator in a package.

    Parameters
    ----------
    manifest : of the package

    Raises
    ------
    HwgenError : a tensor is too large to travel
    """
    streams = {what: Stream.from_manifest(manifest[what], what) for what in ("input", "output")}
    digest = bytes.fromhex(manifest["files"][manifest["network"]])
    request = HEADER + _bytes(streams["input"])
    return Description(digest, room_for(request), streams["input"], streams["output"])


def core_parameters(
    manifest: Mapping[str, Any], board: Board, clock_hz: int, uart: UartParameters | None = None
) -> CoreParameters:
    """Return the core of a board around the accelerator in a package.

    Parameters
    ----------
    manifest : of the package
    board : the board, for its serial line
    clock_hz : of the core and the accelerator, Hz
    uart : the serial line's rate; the board's own when not given

    Raises
    ------
    HwgenError : a tensor is too large to travel, or the clock does not divide to the line's rate
    """
    about = describe(manifest)
    try:
        link = LinkParameters(
            about.encode(),
            about.input.tdata_bits // 8,
            about.input.beats,
            about.output.tdata_bits // 8,
            about.output.beats,
        )
        uart = uart or UartParameters.at(clock_hz, board.baud)
    except ValueError as error:
        raise HwgenError(f"Board {board.name}: {error}") from error
    return CoreParameters(manifest["top"], link, uart, max(1, round(VISIBLE * clock_hz)))


def core_verilog(parameters: CoreParameters, name: str) -> str:
    """Return the Verilog of a core without the accelerator, its top module `name`."""
    return from_rtlil(rtlil.convert(BoardCore(parameters), name=name, emit_src=False))


def _bytes(stream: Stream) -> int:
    return stream.beats * stream.tdata_bits // 8
