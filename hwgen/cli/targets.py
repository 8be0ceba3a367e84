"""`hwgen targets`: the devices, what they hold, and the boards that carry them."""

__all__ = ["targets"]

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hwgen.cli.output_file import JsonFile, check_file, screen_beside, write_json
from hwgen.cli.tables import Column, print_table, say
from hwgen.targets import DEFAULT_TARGET, TARGETS

if TYPE_CHECKING:
    from hwgen_boards import Board


def targets(json_file: JsonFile = None) -> None:
    """List the devices hardware can be made for, their budgets, and the boards with them.

    A target with a baud rate is a board that `hwgen build` makes bitstreams for.

    Example: hwgen targets --json -
    """
    check_file(json_file)
    boards = _boards()
    described = [
        target.to_json() | {"board": _board(boards, target.name)} for target in TARGETS.values()
    ]
    write_json(json_file, described)
    caption = f"{DEFAULT_TARGET} is taken when none is named; *.lib names your own cell library"
    columns = (
        Column("target"),
        Column("device or cell library", right=False),
        *(Column(title) for title in ("LUT", "FF", "DSP", "RAM", "kbit", "MHz", "kbaud")),
    )
    rows = [
        (
            target.name,
            target.device,
            *(
                f"{count:,}" if target.library is None else "-"
                for count in (
                    target.luts,
                    target.ffs,
                    target.dsps,
                    target.block_rams,
                    target.memory_bits // 1024,
                )
            ),
            f"{target.clock_hz / 1e6:g}",
            f"{boards[target.name].baud / 1000:,.0f}" if target.name in boards else "-",
        )
        for target in TARGETS.values()
    ]
    console = screen_beside(json_file)
    print_table(console, columns, rows, title="Targets", caption=caption)
    for board in boards.values():
        if board.note:
            say(console, f"{board.name}: {board.note}", wrap=False)


def _boards() -> "Mapping[str, Board]":
    """Return the boards; none where their pins are not installed."""
    try:
        from hwgen_boards import BOARDS
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "amaranth_boards":
            raise
        return {}
    return BOARDS


def _board(boards: "Mapping[str, Board]", name: str) -> dict[str, object] | None:
    """Return what is to be known of a target's board as plain values."""
    board = boards.get(name)
    if board is None:
        return None
    return {
        "description": board.description,
        "oscillator_hz": board.clock_hz,
        "baud": board.baud,
        "programmer": list(board.programmer),
        "note": board.note,
    }
