"""A package's board in simulation, for `hwgen simulate --board`."""

__all__ = ["run_board", "serve_board"]

import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from hwgen.cli.output_file import screen_beside, write_json
from hwgen.cli.progress import bar
from hwgen.cli.tables import Column, print_table, say, screen

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hwgen.api import Package

INTERRUPTED = "what was compiled is kept; the same command sends the frames anew"


def run_board(
    package: "Package",
    x: "npt.NDArray[np.int64]",
    seed: int,
    timeout: float,
    json_file: Path | None,
) -> bool:
    """Send frames to a simulated board, print how many outputs equal golden, return whether all."""
    from hwgen.host import Accelerator

    expected = package.network.run(x)
    with (
        bar("Board", screen(stderr=True), INTERRUPTED) as progress,
        package.simulated_board(seed=seed, timeout=timeout, progress=progress) as port,
        Accelerator(port, package.network, timeout=timeout) as accelerator,
    ):
        y = accelerator.infer(x, progress)
        transfer = accelerator.last
    assert transfer is not None
    same = int((y == expected).sum())
    figures: dict[str, Any] = {
        "stage": "board",
        "equal": same == expected.size,
        "compared": int(expected.size),
        "different": int(expected.size - same),
        "frames": transfer.frames,
        "lost": transfer.lost,
        "seconds": transfer.seconds,
        "outputs": y.tolist(),
    }
    _print(package.manifest.target, figures, transfer.rate, screen_beside(json_file))
    write_json(json_file, figures)
    return bool(same == expected.size)


def _print(target: str, figures: Mapping[str, Any], rate: float, console: Console) -> None:
    same = figures["compared"] - figures["different"]
    rows = (
        ("outputs equal", f"{same:,} of {figures['compared']:,}"),
        ("frames", f"{figures['frames']:,}"),
        ("frames lost on the line", f"{figures['lost']:,}"),
        ("frames a second, simulated", f"{rate:,.0f}"),
    )
    columns = (Column(""), Column(""))
    print_table(console, columns, rows, title=f"Simulated board, {target}", header=False)


def serve_board(package: "Package", seed: int) -> None:
    """Keep a simulated board running until Ctrl-C."""
    with ExitStack() as stack:
        with bar("Board", screen(stderr=True)) as progress:
            port = stack.enter_context(package.simulated_board(seed=seed, progress=progress))
        typer.echo(port)
        text = f"hwgen.host.Accelerator({port!r}) talks to it; Ctrl-C ends it"
        say(screen(stderr=True), text)
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(1)
