"""`hwgen generate`: from a stored network to a package."""

__all__ = ["generate"]

from pathlib import Path
from typing import Annotated

import typer

from hwgen.cli.plan import Choices, Clock, Goal, NetworkFile, TargetName, make_plan, print_plan
from hwgen.cli.progress import bar
from hwgen.cli.tables import say, screen
from hwgen.targets import DEFAULT_TARGET, Rom


def generate(
    network: NetworkFile,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the package.")],
    target: TargetName = DEFAULT_TARGET,
    goal: Goal = "10000 fps",
    clock: Clock = None,
    choices: Choices = None,
    rom: Annotated[
        Rom,
        typer.Option(
            help="How the Verilog holds weights and other tables: in `initial` blocks, or as "
            "functions with a `case`, for synthesis that ignores those, such as Synplify."
        ),
    ] = Rom.INITIAL,
) -> None:
    """Plan a network and write its package: Verilog, manifest, vectors, README.

    Example: hwgen generate digits.net --goal "10000 fps" -o build/digits
    """
    from hwgen import api
    from hwgen.codegen.package import check_place

    check_place(output)  # before it is planned, which takes longer
    console = screen()
    made = make_plan(network, target, goal, clock, choices)
    print_plan(made, console)
    left = f"{output} is as it was before; run it again"
    with bar("Generating", screen(stderr=True), left) as move:
        package = api.generate(made, output, rom=rom, progress=move)
    say(console, f"Package in {package.folder}; top module {package.manifest.top}")
