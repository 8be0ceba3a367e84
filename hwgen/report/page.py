"""The page: one HTML file with its data, style and program in it, which loads nothing else.

Plots are SVG by a few hundred lines of our own: Altair with its program in the page weighs 0.9 MB
and Plotly 4.8, a page of ours 40 kB; and focus by keyboard, colours in the dark and narrow screens
are ours to say. A content security policy forbids the page to load anything.
"""

__all__ = ["to_html"]

import base64
import hashlib
import html
import json
from importlib.resources import files
from typing import Any

from hwgen.report.run import Row, Run, check_baseline
from hwgen.report.tables import COLUMNS, CSV_ONLY, shown

MORE_IS_BETTER = ("accuracy", "float_accuracy", "snr_db", "fmax_mhz", "frames_per_second")
NO_AXIS = ("clock_mhz", "equal", "compared", "violations", "macs", "estimated_luts")


def to_html(run: Run, baseline: Run | None = None) -> str:
    """Return the page of a run.

    Parameters
    ----------
    baseline : an earlier run of the same stage; designs that both have are compared with it

    Raises
    ------
    HwgenError : the baseline is of another stage
    """
    check_baseline(run.stage, baseline)
    style, *programs = (_file(name) for name in ("page.css", "plots.js", "page.js"))
    policy = "; ".join(
        [
            "default-src 'none'",
            "style-src 'unsafe-inline'",  # the widths of bars
            "script-src " + " ".join(f"'sha256-{_digest(text)}'" for text in programs),
        ]
    )
    scripts = "\n".join(f"<script>{text}</script>" for text in programs)
    # in a script's text "</script>" would end it, and "<!--" would change how it is read
    text = json.dumps(_data(run, baseline), separators=(",", ":"), allow_nan=False)
    data = text.replace("<", "\\u003c")
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(run.title)}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{html.escape(run.title)}</h1>
<p><code>{html.escape(run.command)}</code></p>
{_notes(run, baseline)}
</header>
<noscript><p>Plots and filters need JavaScript, which this page brings itself.</p></noscript>
<div id="filters" role="group" aria-label="Filters"></div>
<p class="soft" id="count" role="status"></p>
<div class="pair">
<section><h2>Accuracy against cost</h2><div class="axes" id="cost-axes"></div>
<div class="plot" id="cost"></div></section>
<section><h2>Speed against cost</h2><div class="axes" id="rate-axes"></div>
<div class="plot" id="rate"></div></section>
</div>
<section><h2>Designs</h2><p class="soft">The dashed lines above join the designs that no other beats
in both figures. Choose a design here or there to see its layers.</p>
<div class="wide"><table id="table"></table></div></section>
<div class="pair">
<section><h2>Layers</h2><p class="soft" id="layers-of"></p><div id="layers"></div></section>
<section><h2>Roofline</h2><div class="axes"><label>target <select id="roof-target"></select></label>
</div><div class="plot" id="roof"></div><p class="soft">The slope is what the streams in and out can
carry, a beat a clock.</p></section>
</div>
<div id="tip" role="tooltip" hidden></div>
<script type="application/json" id="data">{data}</script>
{scripts}
</body>
</html>
"""
    return page.encode("utf-8", "backslashreplace").decode("utf-8")  # half a surrogate pair is none


def _file(name: str) -> str:
    return files("hwgen.report").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _notes(run: Run, baseline: Run | None) -> str:
    """Return what there is to know before reading a figure."""
    stages = {
        "estimate": "Resources are the planner's estimates",
        "synth": "Resources are those of synthesis",
        "route": "Resources and Fmax are those of place and route",
    }
    clock = "" if run.stage == "route" else "; rates are at the clock that was planned for"
    notes = [f"{stages.get(run.stage, run.stage)}{clock}."]
    if any(row.energy_nj is not None for row in run.rows):
        notes.append(
            "Energy of an inference is an estimate from published figures for operations and "
            "memories at 45 nm, whatever the target is made in."
        )
    if any(row.power_mw is not None for row in run.rows):
        notes.append(
            "Of ASICs, Fmax and power are those of the netlist before layout, without wires; "
            "rates are at that Fmax, power and the energy it makes at the clock."
        )
    if not run.complete:
        notes.append("This run was ended before all designs were tried.")
    if run.spearman is not None:
        notes.append(f"Estimated and measured LUTs: Spearman {run.spearman:.3f}.")
    if baseline is not None:
        shared = {_key(row) for row in run.rows} & {_key(row) for row in baseline.rows}
        changed = f"In brackets: the change since {baseline.title}."
        none = f"None of these designs is in {baseline.title}: there is nothing to compare with."
        notes.append(changed if shared else none)
    return "\n".join(f'<p class="soft">{html.escape(note)}</p>' for note in notes)


def _data(run: Run, baseline: Run | None) -> dict[str, Any]:
    before = {_key(row): row for row in baseline.rows} if baseline else {}
    every = (*COLUMNS, *(column for column in CSV_ONLY if column.key != "stage"))
    table = {column.key for column in shown(run)}

    def values(of: Run, row: Row) -> dict[str, Any]:
        return {column.key: column.value(of, row) for column in every}

    rows = []
    for number, row in enumerate(run.rows):
        old = before.get(_key(row))
        rows.append(
            {
                "id": number,
                "values": values(run, row),
                "folder": row.folder,
                "texts": {column.key: column.cell(run, row) for column in every},
                "baseline": values(baseline, old) if baseline and old else None,
                "layers": list(row.layers),
                "warnings": list(row.warnings),
                "macs": row.macs,
                "units": row.units,
                "stream_bytes": row.stream_bytes,
                "beat_bytes": row.beat_bytes,
            }
        )
    described = [
        {
            "key": column.key,
            "title": column.title,
            "number": column.right,
            "shown": column.key in table,
            "percent": column.key.endswith(("accuracy", "share")),
            "better": None
            if not column.right or column.key in NO_AXIS
            else "more"
            if column.key in MORE_IS_BETTER
            else "less",
        }
        for column in every
    ]
    return {"columns": described, "rows": rows, "targets": dict(run.targets)}


def _key(row: Row) -> tuple[str, str, str, str]:
    return row.network, row.target, row.goal, row.folding
