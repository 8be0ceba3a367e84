"""How objects look at a prompt and in a notebook: a line of text, a table of HTML or of pandas."""

__all__ = ["Shown", "counted", "frame", "html_table"]

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from importlib import import_module
from typing import Any

from hwgen.errors import ToolError


class Shown:
    """A dataclass that is one line at a prompt, and that pickles by its fields alone.

    What is computed when it is first asked for is not pickled, but computed again.
    """

    def _line(self) -> str:
        """Return what to say of it, in a line."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._line()}>"

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]


def counted(count: int, noun: str) -> str:
    """Return "1 layer", "1,200 layers"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def html_table(
    titles: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "", sums: int = 0
) -> str:
    """Return a table of HTML, whose first column holds names.

    Parameters
    ----------
    rows : cells of each, as many as there are titles; texts are plain
    sums : how many of the last rows are sums of those above
    """
    cells = [[html.escape(str(cell)) for cell in row] for row in rows]

    def line(row: Sequence[str], tag: str) -> str:
        inside = "".join(
            f'<{tag} style="text-align: {"right" if column else "left"}">{cell}</{tag}>'
            for column, cell in enumerate(row)
        )
        return f"<tr>{inside}</tr>"

    above, below = cells[: len(cells) - sums], cells[len(cells) - sums :]
    return (
        "<table>"
        + (f"<caption>{html.escape(caption)}</caption>" if caption else "")
        + f"<thead>{line([html.escape(title) for title in titles], 'th')}</thead>"
        + f"<tbody>{''.join(line(row, 'td') for row in above)}</tbody>"
        + (f"<tfoot>{''.join(line(row, 'td') for row in below)}</tfoot>" if below else "")
        + "</table>"
    )


def frame(rows: Iterable[Mapping[str, Any]]) -> Any:
    """Return a pandas.DataFrame of rows by column.

    Raises
    ------
    ToolError : pandas is not installed
    """
    try:
        pandas = import_module("pandas")
    except ModuleNotFoundError as error:
        raise ToolError(
            "Python package pandas is missing; pip install pandas, or take to_json()"
        ) from error
    return pandas.DataFrame(list(rows))
