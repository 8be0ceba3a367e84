"""`hwgen targets`: the devices and what they hold."""

__all__ = ["targets"]

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hwgen.targets import DEFAULT_TARGET, TARGETS


def targets(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the devices hardware can be made for, and their budgets.

    Example: hwgen targets --json
    """
    if as_json:
        typer.echo(json.dumps([target.to_json() for target in TARGETS.values()], indent=2))
        return
    caption = f"{DEFAULT_TARGET} is taken when none is named; *.lib names your own cell library"
    table = Table(title="Targets", caption=caption)
    table.add_column("target", no_wrap=True)
    table.add_column("device or cell library")
    for column in ("LUT", "FF", "DSP", "memories", "kbit", "MHz"):
        table.add_column(column, justify="right")
    for target in TARGETS.values():
        table.add_row(
            target.name,
            target.device,
            *(
                f"{count:,}" if target.library is None else "-"
                for count in (
                    target.luts,
                    target.ffs,
                    target.dsps,
                    target.block_rams,
                    target.memory_bits // 1024,
                )
            ),
            f"{target.clock_hz / 1e6:g}",
        )
    Console().print(table)
