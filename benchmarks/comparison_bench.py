"""The demo's network in nine number formats, on three devices and in an ASIC library:
docs/comparison.md, and the README.

python benchmarks/comparison_bench.py              run what is not in the cache, write all
python benchmarks/comparison_bench.py --documents  write the documents from the last run
"""

import argparse
import re
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure
from rich.console import Console

from hwgen.cli.progress import bar
from hwgen.comparison import compare
from hwgen.report import Row, Run, read_run, to_markdown
from hwgen.targets import get_target

ROOT = Path(__file__).resolve().parent.parent
TASK = "examples/digits_task.py:task"
FORMATS = ("int8", "int6", "int4/uint4", "int3", "int2", "pot4", "ternary", "binary", "cb4:8")
TARGETS = ("ulx3s-85f", "icebreaker", "ice40-hx8k", "osu018")
GOAL = "20000 fps"
RESULTS = ROOT / "benchmarks/results/comparison.json"
PAGE = ROOT / "docs/comparison.md"
PICTURE = ROOT / "docs/comparison.svg"
README = ROOT / "README.md"
MARKERS = ("o", "s", "^", "D")


def results(run: Run) -> str:
    """Return what docs/comparison.md says of a run."""
    done = [row for row in run.rows if not row.error]
    compared = sum(row.compared or 0 for row in done)
    exact = all(row.equal == row.compared and not row.violations for row in done)
    spent = [sum(row.seconds.values()) for row in done]
    rank = "unknown" if run.spearman is None else f"{run.spearman:.3f}"
    by_target = ", ".join(
        f"{name} {_rank(run, name)}" for name in run.targets if not get_target(name).library
    )
    verdict = "Every row is bit-exact" if exact else "**Not every row is bit-exact**"
    equal = sum(row.equal or 0 for row in done)
    low, high = min(spent, default=0), max(spent, default=0)
    trained = run.seconds.get("train", 0)
    notes = (
        f"{verdict}: {equal:,} of {compared:,} outputs of the simulated Verilog equal golden, and",
        "  golden equals PyTorch on all test images.",
        f"Estimated and synthesised LUTs: Spearman {rank} over these rows (the goal is 0.95);",
        f"  {by_target}.",
        f"Training took {trained:.0f} s in all. The {len(done)} designs took {sum(spent):.0f} s of",
        f"  jobs together to plan, generate, simulate and synthesise, one {low:.0f} to {high:.0f};",
        "  as many run at a time as there are workers.",
        "Synthesis for FPGAs knows no Fmax: rates and latencies are at the clock that was planned",
        "  for. OpenSTA knows it of standard cells, before layout.",
        "Energy is estimated from published figures at 45 nm, see [asic.md](asic.md).",
    )
    text = "\n".join(note if note.startswith(" ") else f"- {note}" for note in notes)
    return f"```sh\n{_folded(run.command)}\n```\n\n{to_markdown(run)}\n{text}\n"


def _folded(command: str) -> str:
    return " \\\n  ".join(re.sub(" --", "\n--", command).split("\n"))


def _rank(run: Run, target: str) -> str:
    rows = tuple(row for row in run.rows if row.target == target)
    rank = Run("", "", run.stage, rows, {}).spearman
    return "unknown" if rank is None else f"{rank:.3f}"


def summary(run: Run) -> str:
    """Return the README's table: a line a format."""
    names = list(run.targets)
    units = {name: "gates" if get_target(name).library else "LUT" for name in names}
    heads = ["weights", "accuracy", "bytes of weights", *(f"{units[n]}, {n}" for n in names)]
    lines = [heads, ["---", *("---:" for _ in heads[1:])]]
    for name in dict.fromkeys(row.network for row in run.rows):
        rows = {row.target: row for row in run.rows if row.network == name}
        known = [row for row in rows.values() if not row.error]
        first = known[0] if known else None
        line = [name, *(_accuracy_and_bytes(first) if first else ("-", "-"))]
        line += [_size(rows.get(target)) for target in names]
        lines.append(line)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _accuracy_and_bytes(row: Row) -> tuple[str, str]:
    accuracy = "-" if row.accuracy is None else f"{row.accuracy:.2%}"
    return accuracy, f"{row.weight_bytes:,}"


def _size(row: Row | None) -> str:
    size = None if row is None else _taken(row)
    return "-" if size is None else f"{size:,.0f}"


def _taken(row: Row) -> float | None:
    """Return LUTs, or the gates of an ASIC."""
    return row.luts if row.gates is None else row.gates


def draw(run: Run, path: Path) -> None:
    """Draw accuracy against LUTs and against gates; the same run gives the same file."""
    with rc_context({"svg.hashsalt": "hwgen", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(10, 4.5), layout="constrained")
        devices, cells = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
        named = {False: False, True: False}
        for number, (marker, target) in enumerate(zip(MARKERS, run.targets, strict=False)):
            asic = get_target(target).library is not None
            axis = cells if asic else devices
            rows = [row for row in run.rows if row.target == target and not row.error]
            x, y = [_taken(row) for row in rows], [100 * (row.accuracy or 0) for row in rows]
            axis.scatter(x, y, s=30, marker=marker, color=f"C{number}", alpha=0.85, label=target)
            for row, at, up in zip(rows, x, y, strict=True):
                if not named[asic]:
                    place = {"textcoords": "offset points", "xytext": (5, 4), "fontsize": 8}
                    axis.annotate(row.network, (at, up), **place)
            named[asic] = True
        devices.set(xlabel="LUTs, synthesised", ylabel="held-out digits right, %")
        cells.set(xlabel="gates (NAND2), mapped")
        for axis in (devices, cells):
            axis.grid(True, alpha=0.3)
            axis.legend(frameon=False, loc="lower right")
        figure.savefig(path, metadata={"Date": None})


def between(path: Path, name: str, text: str) -> None:
    """Put a text between the two marks of that name in a document."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{path} must hold {begin.strip()} and {end}")
    path.write_text(f"{before}{begin}{text}{end}{after}", encoding="utf-8")


def main() -> None:
    """Compare, and write the documents."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--documents", action="store_true", help="of the last run, without a new one"
    )
    parser.add_argument("--workers", type=int, help="by default one a processor")
    arguments = parser.parse_args()
    if not arguments.documents:
        with bar("Comparing", Console(stderr=True)) as move:
            run = compare(
                TASK,
                formats=FORMATS,
                targets=TARGETS,
                goals=[GOAL],
                stage="synth",
                workers=arguments.workers,
                progress=move,
            )
        RESULTS.write_text(run.to_json(), encoding="utf-8")
        if not run.complete:
            raise SystemExit("Ended before all was compared; the same command goes on")
    run = read_run(RESULTS)
    draw(run, PICTURE)
    between(PAGE, "comparison", results(run))
    between(README, "comparison", summary(run))


if __name__ == "__main__":
    main()
