"""`hwgen cost --refit`: the coefficients of estimates, fitted to synthesis anew."""

__all__ = ["run_refit"]

import json
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from hwgen.cli.progress import bar
from hwgen.errors import HwgenError


def run_refit(
    families: str,
    fitted: int,
    tested: int,
    timeout: float,
    output: Path | None,
    as_json: bool,
) -> None:
    """Refit the estimates of some families, write the coefficients, and print the errors."""
    from hwgen.cost.refit import Refit, refit
    from hwgen.cost.samples import SAMPLED
    from hwgen.planning.coefficients import FILE, write_coefficients

    names = [name.strip() for name in families.split(",") if name.strip()] or list(SAMPLED)
    found: dict[str, Refit] = {}
    with bar("Refitting", Console(stderr=True)) as move:
        for name in names:
            found[name] = refit(name, fitted=fitted, tested=tested, timeout=timeout, progress=move)
    path = output or FILE
    try:
        write_coefficients({name: each.coefficients for name, each in found.items()}, path)
    except OSError as error:
        raise HwgenError(
            f"Coefficients cannot be written ({error}); name another file with --output"
        ) from error
    if as_json:
        plain = {
            name: {"fitted": asdict(each.fitted), "tested": asdict(each.tested)}
            for name, each in found.items()
        }
        typer.echo(json.dumps({"file": str(path), "families": plain}, indent=2))
        return
    table = Table(title=f"LUTs, estimated beside synthesised; coefficients in {path}")
    for column in ("family", "designs", "count", "median", "90th percentile", "Spearman"):
        table.add_column(column, justify="left" if column in ("family", "designs") else "right")
    for name, each in found.items():
        for what, errors in (("fitted on", each.fitted), ("unseen", each.tested)):
            figures = (f"{errors.median:.1%}", f"{errors.most:.1%}", f"{errors.rank:.3f}")
            table.add_row(name, what, str(errors.count), *figures)
    Console().print(table)
