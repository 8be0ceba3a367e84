"""Results of `compression_bench.py`: one line of JSON each, tables in Markdown, and a plot."""

__all__ = ["Outcome", "draw", "load", "save", "tables"]

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from statistics import mean

from compression_methods import Method
from matplotlib import rc_context
from matplotlib.figure import Figure

HEADER = (
    "| method | accuracy | drop | goal | parameters | not zero | MACs | not zero | bytes |\n"
    "|---|---|---|---|---|---|---|---|---|"
)
PLOT_INCHES = (9, 4.6)
MARKERS = "osD^vP*X<>"


@dataclass(frozen=True)
class Outcome:
    """What one method gave with one seed.

    Attributes
    ----------
    recipe : what the method is, as text: one that was changed is run again
    accuracy : of the integer network, in [0, 1]
    float_accuracy : of the model before compression
    pruned_accuracy : before quantization; None where nothing was pruned
    parameters, macs, weight_bytes : of the integer network; zeros count
    nonzero_weights, nonzero_macs : without the weights that are zero
    seconds : that it took, training included
    """

    task: str
    method: str
    seed: int
    recipe: str
    accuracy: float
    float_accuracy: float
    pruned_accuracy: float | None
    parameters: int
    nonzero_weights: int
    macs: int
    nonzero_macs: int
    weight_bytes: int
    seconds: float


def load(path: Path) -> list[Outcome]:
    """Return the outcomes in a file; a last line that was cut off is left out."""
    if not path.exists():
        return []
    *whole, _ = path.read_text(encoding="utf-8").split("\n")
    return [Outcome(**json.loads(line)) for line in whole]


def save(path: Path, outcome: Outcome) -> None:
    """Append an outcome, on a line of its own, in place of one that was cut off."""
    if path.exists():
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(outcome)) + "\n")


def tables(methods: Mapping[str, Method], outcomes: Sequence[Outcome]) -> str:
    """Return one table, in Markdown, with means over the seeds; accuracy with its extremes."""
    lines, group = [HEADER], ""
    for name, method in methods.items():
        rows = [outcome for outcome in outcomes if outcome.method == name]
        if not rows:
            continue
        if method.group != group:
            group = method.group
            lines.append(f"| **{group}** | | | | | | | | |")
        lines.append(_line(name, method, rows))
    return "\n".join(lines)


def _line(name: str, method: Method, rows: Sequence[Outcome]) -> str:
    each = [100 * row.accuracy for row in rows]
    goal = ""
    if method.goal is not None:
        goal = f"{method.goal:.1f} {'met' if meets(method, rows) else '**missed**'}"
    sizes = (
        mean(getattr(row, field) for row in rows)
        for field in ("parameters", "nonzero_weights", "macs", "nonzero_macs", "weight_bytes")
    )
    accuracy = f"{mean(each):.2f} ({min(each):.1f} to {max(each):.1f})"
    cells = [name, accuracy, f"{points(rows):.2f}", goal, *(f"{size:,.0f}" for size in sizes)]
    return f"| {' | '.join(cells)} |"


def points(rows: Sequence[Outcome]) -> float:
    """Return the points of accuracy that were lost, mean over the seeds."""
    return 100 * mean(row.float_accuracy - row.accuracy for row in rows)


def meets(method: Method, rows: Sequence[Outcome]) -> bool:
    """Say whether the mean drop is within the goal; rounding of the last bits aside."""
    return method.goal is not None and points(rows) <= method.goal + 1e-9


def draw(
    path: Path, title: str, methods: Mapping[str, Method], outcomes: Sequence[Outcome]
) -> None:
    """Draw the points lost against bytes, and against MACs with weights that are not zero.

    The same outcomes give the same file.
    """
    by_group: dict[str, list[list[Outcome]]] = {}
    for name, method in methods.items():
        if rows := [outcome for outcome in outcomes if outcome.method == name]:
            by_group.setdefault(method.group, []).append(rows)
    with rc_context({"svg.hashsalt": "hwgen", "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=PLOT_INCHES, layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        for marker, (group, found) in zip(cycle(MARKERS), by_group.items(), strict=False):
            y = [points(rows) for rows in found]
            for axis, field in zip(axes, ("weight_bytes", "nonzero_macs"), strict=True):
                x = [mean(getattr(row, field) for row in rows) for rows in found]
                axis.scatter(x, y, s=22, marker=marker, alpha=0.8, label=group)
        axes[0].set(xlabel="bytes of weights", ylabel="points of accuracy lost", title=title)
        axes[1].set(xlabel="MACs with weights that are not zero")
        for axis in axes:
            axis.set_xscale("log")
            axis.grid(True, alpha=0.3)
        axes[0].set_yscale("symlog", linthresh=1.0)
        axes[0].yaxis.set_major_formatter("{x:g}")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
        figure.savefig(path, metadata={"Date": None})
