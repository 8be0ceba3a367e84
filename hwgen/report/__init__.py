"""What a comparison found: as tables, and as a page for a browser."""

__all__ = [
    "COLUMNS",
    "Row",
    "Run",
    "check_baseline",
    "read_run",
    "to_csv",
    "to_html",
    "to_markdown",
]

from hwgen.report.page import to_html
from hwgen.report.run import Row, Run, check_baseline
from hwgen.report.stored import read_run
from hwgen.report.tables import COLUMNS, to_csv, to_markdown
