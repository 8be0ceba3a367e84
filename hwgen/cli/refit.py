"""`hwgen cost --refit`: the coefficients of estimates, fitted to synthesis anew."""

__all__ = ["run_refit"]

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from hwgen.cli.output_file import screen_beside, write_json
from hwgen.cli.progress import bar
from hwgen.cli.tables import Column, print_table, screen
from hwgen.errors import HwgenError

if TYPE_CHECKING:
    from hwgen.refit.refit import Refit

INTERRUPTED = (
    "the coefficients are as they were; what was synthesised is kept, and the same command goes on"
)


def run_refit(
    families: str,
    fitted: int,
    tested: int,
    timeout: float,
    output: Path | None,
    json_file: Path | None,
) -> None:
    """Refit the estimates of some families, write the coefficients, and print the errors."""
    from hwgen.planning.estimate.coefficients import FILE, write_coefficients
    from hwgen.refit.refit import refit
    from hwgen.refit.samples import SAMPLED

    names = [name.strip() for name in families.split(",") if name.strip()] or list(SAMPLED)
    found: dict[str, Refit] = {}
    with bar("Refitting", screen(stderr=True), INTERRUPTED) as move:
        for name in names:
            found[name] = refit(name, fitted=fitted, tested=tested, timeout=timeout, progress=move)
    path = output or FILE
    try:
        write_coefficients({name: each.coefficients for name, each in found.items()}, path)
    except OSError as error:
        raise HwgenError(
            f"Coefficients cannot be written ({error}); name another file with --output"
        ) from error
    plain = {
        name: {
            "fitted": asdict(each.fitted),
            "tested": asdict(each.tested),
            "streams": asdict(each.streams.tested),
        }
        for name, each in found.items()
    }
    write_json(json_file, {"file": str(path), "families": plain})
    _print(found, path, screen_beside(json_file))


def _print(found: "Mapping[str, Refit]", path: Path, console: Console) -> None:
    rows = []
    for name, each in found.items():
        streams = ("streams, unseen", each.streams.tested)
        for what, errors in (("fitted on", each.fitted), ("unseen", each.tested), streams):
            figures = (f"{errors.median:.1%}", f"{errors.most:.1%}", f"{errors.rank:.3f}")
            rows.append((name, what, str(errors.count), *figures))
    titles = ("family", "designs", "count", "median", "90th percentile", "Spearman")
    title = f"LUTs, estimated beside synthesised; coefficients in {path}"
    print_table(console, [Column(each) for each in titles], rows, names=2, title=title)
