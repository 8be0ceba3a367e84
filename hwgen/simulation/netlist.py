"""The netlist of a package, for the simulator: synthesised, written as Verilog, with models of the
cells that it is made of."""

__all__ = ["netlist_sources"]

import json
import time
from pathlib import Path

from hwgen.cost import (
    Synthesis,
    synthesise_cells,
    synthesise_package,
    write_models,
    write_netlist,
)
from hwgen.errors import SimulationError
from hwgen.package.folder import PackageFolder
from hwgen.primitives import find_models
from hwgen.progress import Progress
from hwgen.targets import get_target


def netlist_sources(
    package: PackageFolder, deadline: float | None, progress: Progress
) -> tuple[Path, ...]:
    """Return the Verilog files of a package's netlist on its target: the netlist first.

    Both synthesis and the netlist are read from the cache where they are there.

    Parameters
    ----------
    deadline : `time.monotonic()` at which to give up
    progress : called with ("synthesis", 0, 1) and ("synthesis", 1, 1)

    Raises
    ------
    SimulationError : synthesis used a cell without a model
    HwgenError : a cell library gives a cell no function, or the design counts on what an ASIC does
        not hold at first
    ToolError : yosys is missing, failed, was not done in time or wrote nonsense
    """
    progress("synthesis", 0, 1)
    manifest = package.manifest
    target = get_target(manifest.target)
    if target.library:
        mapped = synthesise_cells(
            package.verilog,
            manifest.accelerator,
            target,
            clock_hz=manifest.clock_hz,
            timeout=_left(deadline),
        )
        progress("synthesis", 1, 1)
        return (mapped.netlist, write_models(mapped))
    synthesis = synthesise_package(
        package.verilog, manifest, target, top=manifest.accelerator, timeout=_left(deadline)
    )
    netlist = write_netlist(synthesis, timeout=_left(deadline))
    progress("synthesis", 1, 1)
    return (netlist, *_models(synthesis))


def _models(synthesis: Synthesis) -> list[Path]:
    """Return the model of each cell."""
    given = _parameters(synthesis)
    cells = {cell: given.get(cell, ()) for cell in synthesis.cells}
    models, unknown = find_models(cells, get_target(synthesis.target).family)
    if unknown:
        raise SimulationError(
            f"Netlist of {synthesis.top} holds cells that hwgen has no model of: "
            f"{', '.join(unknown)}; only its RTL can be simulated"
        )
    return models


def _parameters(synthesis: Synthesis) -> dict[str, set[str]]:
    """Return the parameters that the netlist gives to each type of cell."""
    found: dict[str, set[str]] = {}
    module = json.loads(synthesis.netlist.read_bytes())["modules"].get(synthesis.top, {})
    for cell in module.get("cells", {}).values():
        found.setdefault(cell["type"], set()).update(cell["parameters"])
    found.pop("$scopeinfo", None)  # names of modules that were flattened
    return found


def _left(deadline: float | None) -> float | None:
    """Return the seconds until a deadline."""
    return None if deadline is None else max(deadline - time.monotonic(), 0.001)
