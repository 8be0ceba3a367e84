"""`hwgen generate`: from a stored network to a package."""

__all__ = ["generate"]

from pathlib import Path
from typing import Annotated

import typer

from hwgen.cli.plan import Choices, Clock, Goal, NetworkFile, TargetName, make_plan, print_plan
from hwgen.cli.progress import bar
from hwgen.cli.tables import say, screen
from hwgen.package.border_kind import BorderKind, Elements
from hwgen.targets import DEFAULT_TARGET, Rom

PANEL = "Border"


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
    border: Annotated[
        BorderKind,
        typer.Option(
            help="What is around the accelerator: axis for AXI4-Stream; axi or wishbone for "
            "registers, and a mover of frames that are in memory, with an interrupt and drivers.",
            rich_help_panel=PANEL,
        ),
    ] = BorderKind.AXIS,
    width: Annotated[
        int | None,
        typer.Option(
            help="Bits of a word at the border: 8, 16, 32, 64 or 128. Otherwise 32 of a bus, and "
            "of a stream as many as a beat of the first or last layer has.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    elements: Annotated[
        Elements,
        typer.Option(
            help="How elements lie in words: in whole bytes, as C and NumPy hold them, or dense.",
            rich_help_panel=PANEL,
        ),
    ] = Elements.BYTES,
    reset_low: Annotated[
        bool,
        typer.Option("--reset-low", help="The reset is active low.", rich_help_panel=PANEL),
    ] = False,
    address_bits: Annotated[
        int,
        typer.Option(help="Bits of an address in memory, 16 to 64.", rich_help_panel=PANEL),
    ] = 32,
) -> None:
    """Plan a network and write its package: Verilog, manifest, vectors, README.

    Example: hwgen generate digits.net --goal "10000 fps" -o build/digits

    For a processor: hwgen generate digits.net --border axi --width 64 -o build/digits_axi
    """
    from hwgen import api
    from hwgen.codegen.package import check_place
    from hwgen.codegen.registers import check_tools
    from hwgen.package.border import BorderChoice

    # before it is planned, which takes longer
    check_place(output)
    if BorderChoice(border, width, elements, reset_low, address_bits).is_bus:
        check_tools()
    console = screen()
    made = make_plan(network, target, goal, clock, choices)
    print_plan(made, console)
    left = f"{output} is as it was before; run it again"
    with bar("Generating", screen(stderr=True), left) as move:
        package = api.generate(
            made,
            output,
            rom=rom,
            border=border,
            width=width,
            elements=elements,
            reset_low=reset_low,
            address_bits=address_bits,
            progress=move,
        )
    say(console, f"Package in {package.folder}; top module {package.manifest.top}")
