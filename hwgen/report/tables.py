"""Rows as tables: one list of columns, for the terminal, Markdown, CSV and the page."""

__all__ = ["COLUMNS", "Column", "shown", "to_csv", "to_markdown"]

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

from hwgen.report.run import Row, Run

Value = str | int | float | None


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes
    ----------
    key : in CSV and in the page
    title : in tables for people, its unit included
    value : of a row of a run
    text : of a value, for people; None of a column of words
    """

    key: str
    title: str
    value: Callable[[Run, Row], Value]
    text: Callable[[float], str] | None = None

    @property
    def right(self) -> bool:
        """Whether it holds numbers."""
        return self.text is not None

    def cell(self, run: Run, row: Row) -> str:
        """Return what people read."""
        value = self.value(run, row)
        if value is None:
            return "-"
        return str(value) if self.text is None or isinstance(value, str) else self.text(value)


def _field(key: str, title: str, text: Callable[[float], str] | None = None) -> Column:
    def value(run: Run, row: Row) -> Value:
        found: Value = getattr(row, key)
        return found

    return Column(key, title, value, text)


def _share(what: str, title: str) -> Column:
    return Column(f"{what}_share", title, lambda run, row: run.share(row, what), _percent)


def _percent(value: float) -> str:
    return f"{value:.2%}" if value > 0.9 else f"{value:.1%}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _three(value: float) -> str:
    """Return three digits or more, and no exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _equal(run: Run, row: Row) -> Value:
    return (
        None if row.compared is None or row.equal is None else f"{row.equal:,} of {row.compared:,}"
    )


COLUMNS: tuple[Column, ...] = (
    _field("network", "network"),
    _field("target", "target"),
    _field("goal", "goal"),
    _field("folding", "folding"),
    _field("accuracy", "accuracy", lambda value: f"{value:.2%}"),
    _field("snr_db", "signal to noise, dB", lambda value: f"{value:.1f}"),
    Column("outputs_equal", "outputs equal", _equal),
    _field("luts", "LUT", _whole),
    _share("luts", "of device"),
    _field("ffs", "FF", _whole),
    _field("dsps", "DSP", _whole),
    _field("block_rams", "memories", _whole),
    _field("area_um2", "area, um2", _whole),
    _field("gates", "gates, NAND2", _whole),
    _field("fmax_mhz", "Fmax, MHz", _three),
    _field("clock_mhz", "clock, MHz", _three),
    _field("interval", "interval, clocks", _whole),
    _field("latency", "latency, clocks", _whole),
    Column("latency_us", "latency, us", lambda run, row: row.latency_us, _three),
    _field("frames_per_second", "frames/s", _whole),
    _field("energy_nj", "energy, nJ (45 nm estimate)", _three),
    _field("power_mw", "power, mW", _three),
    _field("netlist_energy_nj", "energy, nJ (netlist)", _three),
    _field("weight_bytes", "weights, bytes", _whole),
    _field("error", "not measured because"),
)
CSV_ONLY = (
    _field("digest", "SHA-256 of the network"),
    _field("folder", "kept in"),
    _field("stage", "stage"),
    _field("float_accuracy", "float accuracy"),
    _field("equal", "equal"),
    _field("compared", "compared"),
    _field("violations", "violations"),
    _field("estimated_luts", "LUT, estimated"),
    _share("ffs", "FF of device"),
    _share("dsps", "DSP of device"),
    _share("block_rams", "memories of device"),
    _field("macs", "MACs"),
)


def shown(run: Run) -> list[Column]:
    """Return the columns that say something: not empty, and not the same word in every row."""
    found = []
    for column in COLUMNS:
        values = [column.value(run, row) for row in run.rows]
        same = column.key in ("goal", "folding") and len(set(values)) < 2
        if not same and any(value not in (None, "") for value in values):
            found.append(column)
    return found


def to_markdown(run: Run) -> str:
    """Return the rows as a table in Markdown."""
    columns = shown(run)
    lines = [[column.title for column in columns]]
    lines.append(["---:" if column.right else "---" for column in columns])
    for row in run.rows:
        cells = (column.cell(run, row) for column in columns)
        lines.append([" ".join(cell.split()).replace("|", "\\|") for cell in cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def to_csv(run: Run) -> str:
    """Return the rows as CSV with a header: every column, plain numbers, nothing for unknown."""
    columns = [column for column in COLUMNS if column.key != "outputs_equal"] + list(CSV_ONLY)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.key for column in columns)
    for row in run.rows:
        writer.writerow(column.value(run, row) for column in columns)
    return text.getvalue()
