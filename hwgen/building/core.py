"""From a package to the core that a board puts around its accelerator."""

__all__ = ["board_of", "check_ends", "core_parameters", "core_verilog", "describe"]

from amaranth.back import rtlil

from hwgen.codegen.verilog import from_rtlil
from hwgen.errors import BoardError, HwgenError
from hwgen.host.description import Description
from hwgen.package.border_kind import BorderKind
from hwgen.package.manifest import Manifest
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


def check_ends(inputs: int, outputs: int) -> None:
    """Refuse several inputs or outputs.

    Raises
    ------
    BoardError : there are several
    """
    if inputs > 1 or outputs > 1:
        found = " and ".join(
            f"{count} {what}{'s' if count > 1 else ''}"
            for what, count in (("input", inputs), ("output", outputs))
        )
        raise BoardError(
            "Network must have one input and one output to be built for a board, whose serial "
            f"line carries one frame at a time, not {found}; join them in the model, with "
            "torch.cat, or connect the streams of its package in a design of your own"
        )


def describe(manifest: Manifest) -> Description:
    """Return what a board says of the accelerator in a package.

    Parameters
    ----------
    manifest : of the package

    Raises
    ------
    HwgenError : a tensor is too large to travel, or there are several
    """
    check_ends(len(manifest.inputs), len(manifest.outputs))
    digest = bytes.fromhex(manifest.files[manifest.network])
    source, sink = manifest.inputs[0].stream, manifest.outputs[0].stream
    return Description(digest, room_for(HEADER + source.frame_bytes), source, sink)


def core_parameters(
    manifest: Manifest, board: Board, clock_hz: int, uart: UartParameters | None = None
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
    if manifest.border.kind != BorderKind.AXIS or manifest.reset_low:
        raise BoardError(
            f"Board {board.name} must have a package with AXI4-Stream around it and a reset that "
            "is active high; generate it without --border and --reset-low"
        )
    about = describe(manifest)
    try:
        link = LinkParameters(
            about.encode(),
            about.input.beat_bytes,
            about.input.beats,
            about.output.beat_bytes,
            about.output.beats,
        )
        uart = uart or UartParameters.at(clock_hz, board.baud)
    except ValueError as error:
        raise HwgenError(f"Board {board.name}: {error}") from error
    return CoreParameters(manifest.top, link, uart, max(1, round(VISIBLE * clock_hz)))


def core_verilog(parameters: CoreParameters, name: str) -> str:
    """Return the Verilog of a core without the accelerator, its top module `name`."""
    return from_rtlil(rtlil.convert(BoardCore(parameters), name=name, emit_src=False))
