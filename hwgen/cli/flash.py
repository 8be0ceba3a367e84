"""`hwgen flash`: program the board that is plugged in."""

__all__ = ["flash"]

import json
from pathlib import Path
from typing import Annotated

import typer

from hwgen.cli.plan import AsJson
from hwgen.cli.tables import say, screen


def flash(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder that hwgen build wrote.")],
    timeout: Annotated[float, typer.Option(help="Seconds that the programmer may take.")] = 300.0,
    as_json: AsJson = False,
) -> None:
    """Program a board with its bitstream, through openFPGALoader or the board's own programmer.

    Example: hwgen flash build/icebreaker
    """
    from hwgen import building

    with screen(stderr=True).status("Programming"):
        built = building.flash(folder, timeout=timeout)
    if as_json:
        typer.echo(json.dumps(built.to_json(), indent=2))
        return
    say(screen(), f"{built.board} holds {built.top}; it answers at {built.baud:,} baud")
