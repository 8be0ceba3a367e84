"""`hwgen compare`: what hardware costs across formats, targets, goals and foldings."""

__all__ = ["compare", "print_run"]

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from hwgen.cli.output_file import JsonFile, check_file, screen_beside, write_file
from hwgen.cli.progress import bar
from hwgen.cli.report import Baseline
from hwgen.cli.tables import Column, print_table, say, screen
from hwgen.targets import DEFAULT_TARGET

if TYPE_CHECKING:
    from hwgen.report import Run

INTERRUPTED = 130
NAMES = ("network", "target", "goal", "folding")
LEFT_OUT = ("clock_mhz", "latency")  # in the files; the terminal has frames/s and microseconds


def compare(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py:TASK|NETWORK",
            help="A task with .model, .example, .calibration, .train, .test_inputs, .test_labels, "
            "trained once in each format; or a stored network.",
        ),
    ],
    formats: Annotated[
        str, typer.Option(help="Of a task, by commas: weights, or weights/activations.")
    ] = "int8,int4",
    targets: Annotated[str, typer.Option(help="By commas; see hwgen targets.")] = DEFAULT_TARGET,
    goals: Annotated[
        list[str] | None,
        typer.Option("--goal", help='"10000 fps", "min latency", "min area"; may be repeated.'),
    ] = None,
    foldings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="LAYER.pe=N,...",
            help="One design more, with these choices; may be repeated.",
        ),
    ] = None,
    stage: Annotated[str, typer.Option(help="estimate, synth or route.")] = "estimate",
    frames: Annotated[int, typer.Option(min=0, help="Frames to simulate; 0: none.")] = 32,
    recipe: Annotated[
        Path | None, typer.Option(help="TOML file to train by, instead of the task's recipe.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Dask scheduler to run on, such as tcp://host:8786.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Without --cluster.", show_default="processors")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds for a training or a design.")] = 1800.0,
    memory: Annotated[float, typer.Option(help="Megabytes for a training or a design.")] = 6000.0,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="DIR", help="Write each design's network and package."),
    ] = None,
    json_file: JsonFile = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page.")] = None,
    baseline: Baseline = None,
) -> None:
    """Compare what a network costs across number formats, targets, goals and foldings.

    Trainings, simulations and syntheses are kept: a run that was ended goes on where it was.
    Rates are at the plan's clock; only --stage route knows the highest clock.

    Example: hwgen compare digits_task.py:task --formats int8,int4/uint4,ternary,binary
    --targets ulx3s-85f,icebreaker --stage synth --html compare.html
    """
    from hwgen.comparison import compare as run_comparison
    from hwgen.report import check_baseline, read_run, to_csv, to_html, to_markdown

    files = (json_file, csv, markdown, html)
    for path in filter(None, files):
        check_file(path)
    before = None if baseline is None else read_run(baseline)
    check_baseline(stage, before)
    with bar("Comparing", screen(stderr=True)) as move:
        run = run_comparison(
            source,
            formats=_parts(formats),
            targets=_parts(targets),
            goals=goals or ["10000 fps"],
            foldings=[_parts(text) for text in foldings or ()] or [[]],
            stage=stage,
            frames=frames,
            recipe=recipe,
            cluster=cluster,
            workers=workers,
            timeout=timeout,
            megabytes=memory,
            keep=keep,
            progress=move,
        )
    print_run(run, screen_beside(json_file))
    texts: tuple[Callable[[], str], ...] = (
        run.to_json,
        lambda: to_csv(run),
        lambda: to_markdown(run),
        lambda: to_html(run, before),
    )
    for file, text in zip(files, texts, strict=True):
        if file is not None:
            write_file(file, text())
    if not run.complete:
        typer.echo("hwgen: interrupted; the same command goes on where this one was", err=True)
        raise typer.Exit(INTERRUPTED)
    if any(row.error or row.equal != row.compared or row.violations for row in run.rows):
        raise typer.Exit(1)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def print_run(run: "Run", console: Console) -> None:
    """Print a run as a table, or several in a narrow terminal; what failed, with its reason."""
    from hwgen.report.tables import shown

    columns = [column for column in shown(run) if column.key not in ("error", *LEFT_OUT)]
    columns.sort(key=lambda column: column.key not in NAMES)
    print_table(
        console,
        [Column(column.title, right=column.right) for column in columns],
        [[column.cell(run, row) for column in columns] for row in run.rows],
        names=sum(column.key in NAMES for column in columns),
        title=run.title,
    )
    for row in run.rows:
        if row.error:
            say(console, f"{row.name}: {row.error}")
    if run.spearman is not None:
        say(console, f"Estimated and measured LUTs rank alike: Spearman {run.spearman:.3f}")
    if run.seconds.get("train"):
        say(console, f"Training took {run.seconds['train']:.0f} s when it ran")
