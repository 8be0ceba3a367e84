"""`hwgen report`: a page of a comparison, or of a single design."""

__all__ = ["report"]

from pathlib import Path
from typing import Annotated

import typer

from hwgen.cli.cost import Changed, open_package
from hwgen.cli.output_file import check_file, write_file
from hwgen.cli.tables import say, screen

Baseline = Annotated[
    Path | None,
    typer.Option(metavar="RUN", help="An earlier run; the page says what changed since."),
]


def report(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="PACKAGE|RUN", help="Folder of a package, or a file of hwgen compare --json."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The page.")] = Path("report.html"),
    baseline: Baseline = None,
    stage: Annotated[
        str, typer.Option(help="Of a package's figures: estimate, synth or route.")
    ] = "estimate",
    frames: Annotated[
        int, typer.Option(min=0, help="Random frames to simulate a package with.")
    ] = 0,
    changed: Changed = False,
) -> None:
    """Write one HTML file: plots to hover over and filter, layers, roofline, what has changed.

    It needs no network: all of it is in the file.

    Example: hwgen report compare.json --baseline yesterday.json -o compare.html
    """
    from hwgen.report import check_baseline, read_run, to_html

    check_file(output)
    before = None if baseline is None else read_run(baseline)
    if source.is_dir():
        from hwgen.comparison import describe_package

        check_baseline(stage, before)
        with screen(stderr=True).status(f"Running {stage} of {source.name}"):
            run = describe_package(open_package(source, changed), stage=stage, frames=frames)
    else:
        run = read_run(source)
    write_file(output, to_html(run, before))
    say(screen(), f"Page in {output}")
