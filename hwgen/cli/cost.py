"""`hwgen cost`: what a package costs on its target."""

__all__ = ["cost"]

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hwgen.cli.output_file import JsonFile, check_file, screen_beside, write_json
from hwgen.cli.progress import waiting
from hwgen.cli.refit import run_refit
from hwgen.cli.tables import Column, print_table, say, screen
from hwgen.errors import HwgenError
from hwgen.targets import get_target

if TYPE_CHECKING:
    from hwgen import api

INTERRUPTED = "steps that were done are kept; the same command goes on behind them"
_BEFORE_LAYOUT = (
    "Timing and power are OpenSTA's of the mapped netlist: without wires, clock and reset ideal, "
    "every net changing {:g} times a clock."
)
_PACKAGE = typer.Argument(metavar="PACKAGE", help="Folder of a package.")
PackageFolder = Annotated[Path, _PACKAGE]
Changed = Annotated[
    bool,
    typer.Option(
        "--changed", help="Verilog or network of the package may differ: the change is yours."
    ),
]


def open_package(folder: Path, changed: bool) -> "api.Package":
    """Return a package; what its user has changed is named."""
    from hwgen import api

    opened = api.Package(folder, changed=changed)
    differing = opened.changed if changed else ()
    if differing:
        names = ", ".join(differing)
        say(screen(stderr=True), f"Not what was generated, as --changed allows: {names}")
    return opened


def cost(
    package: Annotated[Path | None, _PACKAGE] = None,
    stage: Annotated[str, typer.Option(help="estimate, synth or route.")] = "synth",
    timeout: Annotated[float, typer.Option(help="Seconds that each tool may take.")] = 1800.0,
    changed: Changed = False,
    json_file: JsonFile = None,
    refit: Annotated[
        bool, typer.Option("--refit", help="Fit the estimates to synthesis anew, no PACKAGE.")
    ] = False,
    families: Annotated[
        str,
        typer.Option(help="Families to refit, with commas between; all when not given."),
    ] = "",
    fitted: Annotated[int, typer.Option(help="Designs a family is fitted on.")] = 100,
    tested: Annotated[int, typer.Option(help="Unseen designs it is tested on.")] = 50,
    output: Annotated[
        Path | None,
        typer.Option(help="File of coefficients to write; the one hwgen reads when not given."),
    ] = None,
) -> None:
    """Estimate, synthesise, or place and route a package; or refit the estimates.

    Example: hwgen cost build/digits --stage route

    Example: hwgen cost --refit --families gowin
    """
    check_file(json_file)
    if refit:
        run_refit(families, fitted, tested, timeout, output, json_file)
        return
    if package is None:
        raise HwgenError("PACKAGE must be named, such as build/digits (or --refit given)")
    from hwgen.cost.asic.static_timing import ACTIVITY

    console = screen_beside(json_file)
    opened = open_package(package, changed)
    with waiting(f"Running {stage} of {opened.manifest.top}", screen(stderr=True), INTERRUPTED):
        found = opened.cost(stage, timeout=timeout)
    write_json(json_file, found.to_json())
    target = get_target(found.target)
    rows = []
    for what, used, has in (
        ("LUT", found.luts, target.luts),
        ("FF", found.ffs, target.ffs),
        ("DSP", found.dsps, target.dsps),
        ("memories", found.block_rams, target.block_rams),
    ):
        if used is not None and (has or target.library is None or used):
            rows.append((what, f"{used:,}", f"{used / has:.1%}" if has else "-"))
    for what, value, text in (
        ("area, cells", found.area_um2, "{:,.0f} um2"),
        ("gate equivalents", found.gates, "{:,.0f}"),
        ("Fmax, before layout" if target.library else "Fmax", found.fmax_mhz, "{:.1f} MHz"),
        ("frames per second", found.frames_per_second, "{:,.0f}"),
        (f"power at {opened.manifest.clock_hz / 1e6:g} MHz", found.power_mw, "{:.3g} mW"),
        ("energy, by that power", found.netlist_energy_nj, "{:.3g} nJ"),
        ("energy, 45 nm estimate", found.energy_nj, "{:.3g} nJ"),
    ):
        if value is not None:
            rows.append((what, text.format(value), ""))
    columns = (Column(""), Column("used"), Column("of the device"))
    title = f"{opened.manifest.top} on {target.name}, {stage}"
    print_table(console, columns, rows, title=title)
    if found.power_mw is not None:
        say(console, _BEFORE_LAYOUT.format(ACTIVITY))
