"""Tables for people, whole at every width: what is too wide for a terminal becomes several tables.

Every verb prints through here. No cell is ever cut: columns that do not fit beside the others go
to a further table, which begins with the same names; long names and words are folded. What is piped
has no width, and is neither split nor folded.
"""

__all__ = ["Column", "print_table", "printable", "say", "screen"]

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

ENDLESS = 100_000  # columns of what is no terminal
LEAST = 20  # columns that words take at least before they go to another table
NAME = 16  # columns that a name takes at least, where folding it saves a table
BETWEEN, EDGE = 2, 1  # columns that the box takes, beside each column and in all

Cell = str | Text


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes
    ----------
    title : its heading
    right : whether it holds numbers, which stand at the right and are never folded
    words : whether it holds words, which may be folded
    """

    title: str
    right: bool = True
    words: bool = False


def screen(*, stderr: bool = False) -> Console:
    """Return what verbs print to: the terminal, as wide as it is, or a pipe or file without end."""
    stream = sys.stderr if stderr else sys.stdout
    piped = stream is None or not stream.isatty()
    wide = ENDLESS if piped and not os.environ.get("COLUMNS", "").isdigit() else None
    return Console(stderr=stderr, width=wide)


def printable(text: str) -> str:
    """Return a text without what would move a terminal's cursor, or cannot be written at all."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def print_table(
    console: Console,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    names: int = 1,
    title: str | None = None,
    caption: str | None = None,
    sections: Sequence[int] = (),
    header: bool = True,
) -> None:
    """Print a table, or as many as the console's width asks for.

    Parameters
    ----------
    rows : cells of each, as many as there are columns; texts are plain, without markup
    names : how many of the first columns say what a row is, and stand in every table
    sections : rows before which there is a gap
    """
    cells = [[_text(cell) for cell in row] for row in rows]
    titles = [column.title if header else "" for column in columns]
    natural = [
        max(map(cell_len, (title, *(row[n].plain for row in cells))))
        for n, title in enumerate(titles)
    ]
    parts, folded_names = _parts(columns, natural, names, console.width)
    for number, part in enumerate(parts):
        table = Table(
            title=Text(printable(title)) if title and not number else None,
            caption=Text(printable(caption)) if caption and number == len(parts) - 1 else None,
            box=SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            show_header=header,
        )
        for n in (*range(names), *part):
            column = columns[n]
            folded = column.words or (n < names and folded_names)
            table.add_column(
                column.title,
                justify="right" if column.right and n >= names else "left",
                no_wrap=not folded and natural[n] + BETWEEN + EDGE <= console.width,
                overflow="fold",
            )
        for index, row in enumerate(cells):
            if index in sections:
                table.add_section()
            table.add_row(*(row[n] for n in (*range(names), *part)))
        console.print(table)


def _text(cell: Cell) -> Text:
    return cell if isinstance(cell, Text) else Text(printable(cell))


def _parts(
    columns: Sequence[Column], natural: Sequence[int], names: int, width: int
) -> tuple[list[list[int]], bool]:
    """Return which columns stand in each table beside the names, and whether names are folded."""
    need = [
        BETWEEN + (min(size, LEAST) if column.words else size)
        for column, size in zip(columns, natural, strict=True)
    ]
    whole = sum(natural[n] + BETWEEN for n in range(names))
    widest = max(need[names:], default=0)

    def parts(room: int) -> list[list[int]]:
        found: list[list[int]] = [[]]
        for n in range(names, len(columns)):
            if found[-1] and sum(need[i] for i in (*found[-1], n)) > room:
                found.append([])
            found[-1].append(n)
        return found

    beside = parts(width - EDGE - whole)
    folded = parts(width - EDGE - sum(min(natural[n], NAME) + BETWEEN for n in range(names)))
    if EDGE + whole + widest > width or len(folded) < len(beside):
        return folded, True
    return beside, False


def say(console: Console, text: str, *, wrap: bool = True) -> None:
    """Print a line without markup; broken between words, or not, to be copied."""
    console.print(Text(printable(text)), soft_wrap=not wrap)
