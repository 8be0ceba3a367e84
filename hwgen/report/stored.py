"""A run in a file, read as data that anybody may have written."""

__all__ = ["read_run"]

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hwgen.errors import StoreError
from hwgen.files import parse_json, read_file
from hwgen.report.run import SPEC_VERSION, STAGES, Row, Run
from hwgen.schema import (
    Rule,
    any_of,
    each,
    flag,
    integer,
    matching,
    number,
    one_of,
    optional,
    record,
    scalar,
    table,
)

LONGEST = 1 << 26  # bytes of a run
MOST = 10_000  # rows of a run, and layers of a row: as many as a page can show

_text = matching(r"(?s).{0,100000}", "a text of at most 100,000 characters")
_count, _figure, _measure = integer(lo=0), number(0, 1e15), number(-1e15, 1e15)
_ROW: dict[str, Rule] = {
    **dict.fromkeys(("network", "target", "goal", "folding", "error", "digest", "folder"), _text),
    "stage": one_of(*STAGES),
    **dict.fromkeys(
        ("equal", "compared", "violations", "luts", "ffs", "dsps", "block_rams", "estimated_luts")
        + ("interval", "latency", "weight_bytes", "macs", "units"),
        optional(_count),
    ),
    **dict.fromkeys(("accuracy", "float_accuracy", "snr_db"), optional(_measure)),
    **dict.fromkeys(
        ("area_um2", "gates", "frames_per_second", "power_mw", "energy_nj", "netlist_energy_nj"),
        optional(_figure),
    ),
    # by these others are divided
    **dict.fromkeys(("fmax_mhz", "clock_mhz"), optional(number(1e-6, 1e9))),
    **dict.fromkeys(("stream_bytes", "beat_bytes"), optional(number(1e-3, 1e15))),
    "layers": each(
        record(
            {"name": _text},
            may={
                **dict.fromkeys(("pe", "simd", "busy", "macs"), _count),
                **dict.fromkeys(("luts", "ffs", "dsps", "block_rams"), _count),
                "snr_db": optional(_measure),
            },
            others=scalar,
        ),
        most=MOST,
    ),
    "warnings": each(_text, most=MOST),
    "seconds": table(_text, _figure),
}
_NEEDED = {key: _ROW[key] for key in ("network", "target", "goal", "stage")}
_BUDGET = dict.fromkeys(("luts", "ffs", "dsps", "block_rams"), _count)
_RUN = record(
    {
        **dict.fromkeys(("title", "command"), _text),
        "stage": one_of(*STAGES),
        "rows": each(record(_NEEDED, may=_ROW, closed=True), most=MOST),
        "targets": table(
            _text, record({}, may=_BUDGET, others=any_of(each(scalar, most=MOST), scalar))
        ),
    },
    may={"complete": flag, "seconds": table(_text, _figure)},
    closed=True,
)


def read_run(path: Path) -> Run:
    """Return the run in a file that `hwgen compare --json` wrote.

    Whoever wrote it, it is data: every field is of its kind, and every number one that a page can
    show.

    Raises
    ------
    StoreError : there is no such file, or it is another kind of file
    """
    try:
        found: Any = parse_json(read_file(path, LONGEST), nan=True)
        if not isinstance(found, dict) or found.pop("hwgen_run", None) != SPEC_VERSION:
            raise StoreError("it is no run of this version")
        _RUN(found, "")
        _check_rows(found["rows"], found["stage"])
    except (OSError, StoreError) as error:
        reason = str(getattr(error, "strerror", None) or error).removeprefix(f"{path}: ")
        raise StoreError(
            f"{path}: must be a file that `hwgen compare --json` wrote ({reason})"
        ) from error
    lists = ("layers", "warnings")
    rows = (
        Row(**row | {name: tuple(row.get(name, ())) for name in lists}) for row in found.pop("rows")
    )
    return Run(rows=tuple(rows), **found)


def _check_rows(rows: Sequence[dict[str, Any]], stage: str) -> None:
    """Refuse rows whose fields contradict one another."""
    for index, row in enumerate(rows):
        if row["stage"] != stage:
            raise StoreError(f"rows[{index}].stage must be {stage}, the run's, not {row['stage']}")
        if (row.get("equal") is None) != (row.get("compared") is None):
            raise StoreError(f"rows[{index}] must have equal and compared both, or neither")
