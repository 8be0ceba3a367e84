"""`hwgen flash`: program the board that is plugged in."""

__all__ = ["flash"]

from pathlib import Path
from typing import Annotated

import typer

from hwgen.cli.output_file import JsonFile, check_file, screen_beside, write_json
from hwgen.cli.progress import waiting
from hwgen.cli.tables import say, screen

INTERRUPTED = "the board may hold half of it; program it again before you use it"


def flash(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder that hwgen build wrote.")],
    timeout: Annotated[float, typer.Option(help="Seconds that the programmer may take.")] = 300.0,
    json_file: JsonFile = None,
) -> None:
    """Program a board with its bitstream, through openFPGALoader or the board's own programmer.

    Example: hwgen flash build/icebreaker
    """
    from hwgen import building

    check_file(json_file)
    with waiting("Programming", screen(stderr=True), INTERRUPTED):
        built = building.flash(folder, timeout=timeout)
    write_json(json_file, built.to_json())
    say(
        screen_beside(json_file),
        f"{built.board} holds {built.top}; it answers at {built.baud:,} baud",
    )
