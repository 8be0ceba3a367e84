"""Files that a verb writes at its end, and the standard output in the place of one."""

__all__ = ["JsonFile", "check_file", "screen_beside", "write_file", "write_json"]

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hwgen.cli.tables import screen
from hwgen.errors import OutputFolderError
from hwgen.tools import scratch

STDOUT = Path("-")
JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json", metavar="FILE", help="Write it as JSON; - prints that, in place of all else."
    ),
]


def screen_beside(json_file: Path | None) -> Console:
    """Return what tables are printed to: nothing where JSON is printed."""
    console = screen()
    console.quiet = json_file == STDOUT
    return console


def check_file(path: Path | None) -> None:
    """Refuse what cannot be written at the end before minutes are spent."""
    if path is None or path == STDOUT:
        return
    if not path.absolute().parent.is_dir():
        raise OutputFolderError(f"{path}: its folder must exist")
    if path.is_dir():
        raise OutputFolderError(f"{path}: must be a file, not a folder")


def write_json(path: Path | None, values: object) -> None:
    """Write plain values, if a file is named."""
    if path is not None:
        write_file(path, json.dumps(values, indent=2) + "\n")


def write_file(path: Path, text: str) -> None:
    """Write a file, whole or not at all; what is no plain file, such as a pipe, takes the text.

    Half a surrogate pair, which a layer's name may hold, is written as its number.
    """
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if path == STDOUT:
        sys.stdout.write(text)
        return
    try:
        path = path.resolve()
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        with scratch(path.parent, path.name[:60]) as folder:
            (folder / "new").write_text(text, encoding="utf-8")
            (folder / "new").replace(path)
    except OSError as error:
        raise OutputFolderError(
            f"{path}: cannot be written ({error.strerror or error}); choose another file"
        ) from error
