"""`hwgen build`: the bitstream of a network or package for a board."""

__all__ = ["build"]

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from hwgen.cli.cost import Changed, open_package
from hwgen.cli.output_file import JsonFile, check_file, screen_beside, write_json
from hwgen.cli.plan import Choices, Clock
from hwgen.cli.progress import bar
from hwgen.cli.tables import Column, print_table, say, screen
from hwgen.targets import DEFAULT_TARGET

if TYPE_CHECKING:
    from hwgen.building import Build

Source = Annotated[
    Path, typer.Argument(metavar="NETWORK|PACKAGE", help="A stored network, or a package.")
]

INTERRUPTED = "nothing is written; steps that were done are kept, and the same command goes on"


def build(
    source: Source,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of what is built.")],
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            help="The board; see hwgen targets.",
            show_default=f"a package's own, else {DEFAULT_TARGET}",
        ),
    ] = None,
    goal: Annotated[
        str | None,
        typer.Option(
            help='For a network: "10000 fps", "min latency" or "min area".',
            show_default="10000 fps",
        ),
    ] = None,
    clock: Clock = None,
    choices: Choices = None,
    baud: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Bits a second of the serial line, at most.",
            show_default="the board's own",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="Seeds of the placer to try until the clock is met.")
    ] = 4,
    timeout: Annotated[float, typer.Option(help="Seconds that each tool may take.")] = 1800.0,
    changed: Changed = False,
    json_file: JsonFile = None,
) -> None:
    """Build a board's bitstream: clock, serial link and accelerator, placed at the board's pins.

    A design that misses its clock or does not fit is refused, with what would do. Results of
    synthesis and of place and route are kept, so that what was built once is there at once.

    Example: hwgen build digits.net --target icebreaker -o build/icebreaker
    """
    from hwgen import building

    check_file(json_file)
    hertz = None if clock is None else round(clock * 1e6)
    if changed and source.is_dir():
        open_package(source, changed)
    with bar("Building", screen(stderr=True), INTERRUPTED) as progress:
        built = building.build(
            source,
            output,
            target=target,
            goal=goal,
            clock_hz=hertz,
            overrides=choices or (),
            baud=baud,
            seeds=seeds,
            timeout=timeout,
            changed=changed,
            progress=progress,
        )
    print_build(built, output, screen_beside(json_file))
    write_json(json_file, built.to_json())


def print_build(built: "Build", output: Path, console: Console) -> None:
    """Print what was built: what it takes, how fast it is, and what to do next."""
    rows = []
    for what, key in (
        ("LUT", "luts"),
        ("FF", "ffs"),
        ("DSP", "dsps"),
        ("memories", "block_rams"),
    ):
        used, has = built.used[key], built.available[key]
        rows.append((what, f"{used:,}", f"{used / has:.1%}" if has else "-"))
    rates = built.frames_per_second
    rows += [
        ("clock", f"{built.clock_hz / 1e6:.2f} MHz", ""),
        ("Fmax", f"{built.fmax_mhz:.2f} MHz", f"seed {built.seed}"),
        ("serial line", f"{built.baud:,} baud", ""),
        ("frames per second, accelerator", f"{rates['accelerator']:,.0f}", ""),
        ("frames per second, over the link", f"{rates['link']:,.0f}", ""),
    ]
    columns = (Column(""), Column("used"), Column("of the device"))
    title = f"{built.top} on {built.board}"
    print_table(console, columns, rows, title=title, sections=(4,))
    if built.note:
        say(console, f"Board: {built.note}", wrap=False)
    text = f"Bitstream in {output / built.bitstream}; program the board with: hwgen flash {output}"
    say(console, text, wrap=False)
