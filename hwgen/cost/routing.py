"""Place and route: what a synthesised design takes of a device, and how fast it runs there."""

__all__ = ["CriticalPath", "Route", "route"]

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any

from hwgen import tools
from hwgen.cache import Cache, Part
from hwgen.cost.carries import trim_carries
from hwgen.cost.ports import without_ports
from hwgen.cost.synthesis import Synthesis
from hwgen.errors import HwgenError, PlanError, ToolError
from hwgen.families import routing_of
from hwgen.targets import Target


@dataclass(frozen=True)
class CriticalPath:
    """The slowest way from one register to another.

    Attributes
    ----------
    start, end : cells it goes from and to
    delay_ns : all of it, ns
    logic_ns : inside cells, clock-to-output and setup included, ns
    routing_ns : in wires, ns
    cells : every cell on the way, in order
    """

    start: str
    end: str
    delay_ns: float
    logic_ns: float
    routing_ns: float
    cells: tuple[str, ...]

    @property
    def instances(self) -> tuple[str, ...]:
        """Instances in the top module that the path runs through, in order, as far as known.

        A cell is named after what it drives: where that is a wire of the top module itself, such
        as a stream between two layers, the name holds no instance.
        """
        inside = (cell.partition(".")[0] for cell in self.cells if "." in cell)
        return tuple(dict.fromkeys(inside))

    def __str__(self) -> str:
        where = f" in {', '.join(self.instances)}" if self.instances else ""
        return (
            f"{self.start} to {self.end}{where}: {self.delay_ns:.2f} ns "
            f"({self.logic_ns:.2f} logic, {self.routing_ns:.2f} routing)"
        )


@dataclass(frozen=True)
class Route:
    """A design on a device.

    Attributes
    ----------
    target : name of the target
    top : name of the top module
    luts : look-up tables, those for carries and small memories included, count
    ffs : flip-flops, count; those of synthesis where place and route does not count them
    dsps : DSP blocks, count
    block_rams : block memories, count
    fmax_mhz : highest frequency of the clock that is hardest to reach, MHz, less what the
        family's derating takes off; None without a path between registers
    freq_mhz : the frequency place and route aimed at, MHz
    seed : of the placer
    critical_path : what limits `fmax_mhz`, or None; its delays as place and route has them
    cells : every type in the report that is used, and its count
    seconds : how long place and route took when it was run, s
    layout : what a bitstream is packed from; None of a design without pins
    """

    target: str
    top: str
    luts: int
    ffs: int
    dsps: int
    block_rams: int
    fmax_mhz: float | None
    freq_mhz: float
    seed: int
    critical_path: CriticalPath | None
    cells: Mapping[str, int]
    seconds: float
    layout: Path | None = None

    def to_json(self) -> dict[str, object]:
        """Return the figures as plain values, without the layout's place."""
        plain = asdict(self)
        del plain["layout"]
        if self.critical_path is not None:
            plain["critical_path"] |= {
                "cells": list(self.critical_path.cells),
                "instances": list(self.critical_path.instances),
            }
        return plain


def route(
    synthesis: Synthesis,
    target: Target,
    *,
    seed: int = 1,
    timeout: float = 1800.0,
    freq_mhz: float | None = None,
    out_of_context: bool = True,
    options: tuple[str, ...] = (),
    trim: bool = True,
    pins: str | None = None,
    cache: Cache | None = None,
) -> Route:
    """Place and route a synthesised design with nextpnr, or return what an equal run found.

    Parameters
    ----------
    synthesis : the design
    target : the device it was synthesised for
    seed : of the placer, from 1
    timeout : seconds that nextpnr may take
    freq_mhz : frequency to aim at, MHz; the target's clock when not given
    out_of_context : leave out pins and their buffers: the cost of a block, not of a chip. Where
        place and route needs pins (Gowin) and this is False, `options` hold the user's
    options : more options of nextpnr
    trim : whether carries that make no difference are left open first (`trim_carries`)
    pins : text of the constraints of a whole chip's design: which pin each port has, and the clocks
        that enter, as place and route takes it; nothing is out of context then
    cache : where results are kept; the user's cache when not given

    Raises
    ------
    PlanError : the design needs more of something than the target has, or there is no place and
        route for its family
    HwgenError : a parameter that makes no sense, a netlist that is gone
    ToolError : nextpnr is missing, fails, does not finish in time or writes nonsense
    """
    freq_mhz = target.clock_hz / 1e6 if freq_mhz is None else float(freq_mhz)
    if not 0 < freq_mhz < 10_000:
        raise HwgenError(f"Frequency must lie between 0 and 10000 MHz, not {freq_mhz:g}")
    if seed < 1:
        raise HwgenError(f"Seed of the placer must be at least 1, not {seed}")
    if synthesis.target != target.name:
        raise HwgenError(
            f"{synthesis.top} was synthesised for {synthesis.target}, not {target.name}: "
            "synthesise it again"
        )
    routing = routing_of(target)
    program, packing = routing.program, routing.packing
    if pins is not None and packing is None:
        raise PlanError(f"No open tool makes bitstreams for {target.name} ({target.family})")
    out_of_context = out_of_context and pins is None
    _check_fits(synthesis, target)
    try:
        digest = hashlib.sha256(synthesis.netlist.read_bytes()).hexdigest()
    except OSError as error:
        raise HwgenError(f"Netlist of {synthesis.top} is gone: {error}; run again") from error
    clock_pin = routing.clock_pin if out_of_context else None
    arguments = [
        *target.pnr_options,
        *(() if target.package is None else ("--package", target.package)),
        *(() if target.speed is None else ("--speed", target.speed)),
        *("--json", "netlist.json", "--report", "report.json"),
        *("--freq", repr(freq_mhz), "--seed", str(seed)),
        *routing.options,
        *(routing.out_of_context if out_of_context else ()),
        *(clock_pin.options if clock_pin else ()),
        *((*packing.pins, *packing.written) if packing and pins is not None else ()),
        *options,
    ]
    cache = cache or Cache()
    how = "route 2" + (" trimmed" if trim else "")
    key: list[Part] = [how, program.name, tools.version(program), digest, *arguments]
    key += [] if pins is None else [pins]
    log = cache.log(key, f"{synthesis.top}-nextpnr")

    def build(folder: Path) -> None:
        netlist = folder / "netlist.json"
        shutil.copyfile(synthesis.netlist, netlist)
        if trim and routing.carry is not None and routing.carry.type in synthesis.cells:
            design = json.loads(netlist.read_bytes())
            trim_carries(design, routing.carry)
            netlist.write_text(json.dumps(design), encoding="utf-8")
        if clock_pin:
            without_ports(netlist, synthesis.top, target, clock_pin)
        if packing and pins is not None:
            (folder / f"pins.{packing.constraints}").write_text(pins, encoding="utf-8")
        start = time.monotonic()
        tools.run(program, arguments, cwd=folder, timeout=timeout, log=log)
        result = _read_report(folder / "report.json", program, log)
        if packing and pins is not None and not (folder / packing.layout).is_file():
            raise _nonsense(program, f"no {packing.layout}", log)
        netlist.unlink()
        result["seconds"] = time.monotonic() - start
        (folder / "result.json").write_text(json.dumps(result))

    entry = cache.cached(key, build)
    result = json.loads((entry / "result.json").read_text())
    path = result["critical_path"]
    cells: dict[str, int] = result["cells"]
    fmax: float | None = result["fmax_mhz"]
    block_ram = routing.block_ram

    def count(worth: Mapping[str, float]) -> int:
        return ceil(sum(cells.get(cell, 0) * each for cell, each in worth.items()))

    return Route(
        target=target.name,
        top=synthesis.top,
        luts=count(routing.luts),
        ffs=synthesis.ffs if routing.ff is None else cells.get(routing.ff, 0),
        dsps=count(routing.dsps),
        block_rams=cells.get(block_ram, 0) if block_ram else synthesis.block_rams,
        fmax_mhz=None if fmax is None else fmax * routing.derate,
        freq_mhz=freq_mhz,
        seed=seed,
        critical_path=CriticalPath(**path | {"cells": tuple(path["cells"])}) if path else None,
        cells=cells,
        seconds=result["seconds"],
        layout=entry / packing.layout if packing and pins is not None else None,
    )


def _nonsense(program: tools.Tool, what: str, log: Path) -> ToolError:
    name = f"{program.name} {tools.version(program)}"
    return ToolError(f"{name} ended well but left {what}; its log is in {log}")


def _check_fits(synthesis: Synthesis, target: Target) -> None:
    """Refuse what cannot be placed before minutes are spent on trying."""
    needs = (
        ("LUTs", synthesis.luts, target.luts),
        ("flip-flops", synthesis.ffs, target.ffs),
        ("DSP blocks", synthesis.dsps, target.dsps),
        ("block memories", synthesis.block_rams, target.block_rams),
    )
    over = [f"{need} {what} of {has}" for what, need, has in needs if need > has]
    if over:
        raise PlanError(
            f"{synthesis.top} does not fit {target.name}: it needs {', '.join(over)}; "
            "fold its layers more or take a larger target (`hwgen targets`)"
        )


def _read_report(report: Path, program: tools.Tool, log: Path) -> dict[str, Any]:
    """Return cells, Fmax and critical path out of nextpnr's report."""
    try:
        found = json.loads(report.read_bytes())
        cells = {
            str(cell): int(count["used"])
            for cell, count in sorted(found["utilization"].items())
            if count["used"]
        }
        clocks = {str(name): float(clock["achieved"]) for name, clock in found["fmax"].items()}
        wanted = {str(name): float(clock["constraint"]) for name, clock in found["fmax"].items()}
        # the one that is closest to what it has to reach, or farthest from it
        slowest = min(clocks, key=lambda name: clocks[name] / wanted[name], default=None)
        return {
            "cells": cells,
            "fmax_mhz": None if slowest is None else clocks[slowest],
            "critical_path": _critical_path(found["critical_paths"], slowest),
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        what = f"no report hwgen can read ({type(error).__name__}: {error})"
        raise _nonsense(program, what, log) from error


def _critical_path(paths: list[dict[str, Any]], clock: str | None) -> dict[str, Any] | None:
    """Return the longest path of a clock to itself, as the fields of `CriticalPath`."""
    edges = {f"posedge {clock}", f"negedge {clock}"}
    own = [path["path"] for path in paths if {path["from"], path["to"]} <= edges]
    if not own:
        return None
    steps = max(own, key=lambda path: sum(step["delay"] for step in path))
    cells = [cell for step in steps for cell in (step["from"]["cell"], step["to"]["cell"])]
    routing = sum(step["delay"] for step in steps if step["type"] == "routing")
    delay = sum(step["delay"] for step in steps)
    return {
        "start": cells[0],
        "end": cells[-1],
        "delay_ns": delay,
        "logic_ns": delay - routing,
        "routing_ns": routing,
        "cells": list(dict.fromkeys(cells)),
    }
