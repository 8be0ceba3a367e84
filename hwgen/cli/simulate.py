"""`hwgen simulate`: run a package's Verilog and compare every bit with golden."""

__all__ = ["simulate"]

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from hwgen.cli.board import run_board, serve_board
from hwgen.cli.cost import Changed, PackageFolder, open_package
from hwgen.cli.output_file import JsonFile, check_file, screen_beside, write_json
from hwgen.cli.progress import bar
from hwgen.cli.tables import Column, print_table, say, screen

if TYPE_CHECKING:
    from hwgen import api

LONGEST = 1 << 36  # bytes of frames
FAULTS = (OSError, ValueError, EOFError, MemoryError, AttributeError)  # of what is no such file

INTERRUPTED = "what was compiled is kept; the same command runs the frames anew"


def simulate(
    package: PackageFolder,
    frames: Annotated[int, typer.Option(min=1, help="Random frames to run.")] = 16,
    inputs: Annotated[
        Path | None,
        typer.Option(
            help="A .npy file of frames instead, integers; of several inputs an .npz file with "
            "an array of each, by name."
        ),
    ] = None,
    stage: Annotated[str, typer.Option(help="rtl, or netlist: what synthesis made of it.")] = "rtl",
    simulator: Annotated[str, typer.Option(help="verilator or icarus.")] = "verilator",
    stalls: Annotated[float, typer.Option(help="Chance of a stall in a cycle.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of frames and stalls.")] = 0,
    reset_at: Annotated[
        int | None, typer.Option(help="Cycle of one more reset, in mid-stream.")
    ] = None,
    waves: Annotated[
        Path | None, typer.Option(help="Waveform (.fst, .vcd) of the failing frame.")
    ] = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Compare every layer, not only the last.")
    ] = False,
    board: Annotated[
        bool, typer.Option("--board", help="The whole board, over its serial line.")
    ] = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="With --board: keep the port open for your own host.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds for everything.")] = 3600.0,
    changed: Changed = False,
    json_file: JsonFile = None,
) -> None:
    """Run frames back to back and compare every output bit with golden; status 1 if one differs.

    A netlist is that of the package's target; synthesis of one takes seconds to minutes, once.
    A board answers over a pseudo-terminal, to the host class that talks to real ones.

    Example: hwgen simulate build/digits --frames 100 --stalls 0.2 --stage netlist
    """
    from hwgen.errors import HwgenError

    check_file(json_file)
    opened = open_package(package, changed)
    if serve and not board:
        raise HwgenError("Option --serve goes with --board")
    if serve:
        serve_board(opened, seed)
        return
    x = _frames(opened, inputs, frames, seed)
    if board:
        if not run_board(opened, x, seed, timeout, json_file):
            raise typer.Exit(1)
        return
    with bar("Simulating", screen(stderr=True), INTERRUPTED) as progress:
        result = opened.simulate(
            x,
            stage=stage,
            simulator=simulator,
            stalls=stalls,
            seed=seed,
            reset_at=reset_at,
            waves=waves,
            trace=trace,
            timeout=timeout,
            progress=progress,
        )
    predicted = opened.manifest.predicted
    figures: dict[str, Any] = {
        "stage": stage,
        "equal": result.ok,
        "compared": result.compared,
        "different": result.different,
        "interval": {"predicted": predicted.interval, "measured": result.interval},
        "latency": {"predicted": predicted.latency, "measured": result.latency},
        "cycles": result.cycles,
        "violations": list(result.violations),
        "first_difference": None if result.ok else str(result.first_difference or ""),
        "layers": [
            {"layer": r.layer, "compared": r.compared, "different": r.different}
            for r in result.layers
        ],
        "build_seconds": result.build_seconds,
        "run_seconds": result.run_seconds,
    }
    _print(figures, stalls > 0, screen_beside(json_file))
    write_json(json_file, figures)
    if not figures["equal"]:
        raise typer.Exit(1)


def _frames(package: "api.Package", inputs: Path | None, frames: int, seed: int) -> Any:
    """Return the frames of a file, or random ones; of several inputs by name."""
    import zipfile

    import numpy as np

    from hwgen import api
    from hwgen.errors import HwgenError
    from hwgen.files import open_file

    several = len(package.network.inputs) > 1
    if inputs is None:
        return api.choose_frames(package.network, frames, seed)
    try:
        with open_file(inputs, LONGEST) as file:
            found = np.load(file, allow_pickle=False)
            if several:
                return {name: found[name] for name in found.files}
            if not isinstance(found, np.ndarray):
                raise ValueError("it holds several arrays")
    except (*FAULTS, zipfile.BadZipFile, HwgenError) as error:
        reason = str(error).removeprefix(f"{inputs}: ")
        what = "an .npz file of integers by input" if several else "a .npy file of integers"
        raise HwgenError(f"{inputs}: must be {what} ({reason})") from error
    return found


def _print(figures: dict[str, Any], stalled: bool, console: Console) -> None:
    equal = figures["compared"] - figures["different"]
    rows = [("outputs equal", "", f"{equal:,} of {figures['compared']:,}")]
    for name in ("interval", "latency"):
        found = figures[name]
        measured = "-" if found["measured"] is None else f"{found['measured']:,}"
        rows.append((name + " (stalled)" * stalled, f"{found['predicted']:,}", measured))
    for layer in figures["layers"]:
        same = layer["compared"] - layer["different"]
        rows.append((f"{layer['layer']} equal", "", f"{same:,} of {layer['compared']:,}"))
    rows.append(("seconds to build", "", f"{figures['build_seconds']:.1f}"))
    rows.append(("seconds to run", "", f"{figures['run_seconds']:.1f}"))
    columns = (Column(""), Column("predicted"), Column("measured"))
    print_table(console, columns, rows, title=f"Simulation, {figures['stage']}")
    if figures["first_difference"]:
        say(console, f"First difference: {figures['first_difference']}")
    for violation in figures["violations"]:
        say(console, f"Stream rule broken: {violation}")
