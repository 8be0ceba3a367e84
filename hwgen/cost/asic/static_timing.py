"""Timing and power of a mapped ASIC, by OpenSTA: before anything is placed, so without wires."""

__all__ = ["Timing", "analyse_timing"]

import hashlib
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen import tools
from hwgen.cache import Cache, Part
from hwgen.cost.asic.liberty import Library, read_liberty
from hwgen.cost.asic.synthesis import CellSynthesis
from hwgen.cost.routing import CriticalPath
from hwgen.errors import HwgenError, ToolError

_STA = "sta"
# changes a clock of every net but the clock. Netlists of three small networks, simulated with
# random frames, change 0.02 to 0.07 times behind flip-flops and 0.08 to 0.14 behind gates, glitches
# aside; OpenSTA's own propagation from random inputs on ends at two to four times that.
ACTIVITY = 0.1

# Clock and reset are trees that layout makes, and ideal here. Ports are left out of the critical
# path, as they are by place and route for FPGAs: what comes before and behind them is not known.
_SCRIPT = """\
read_liberty cells.lib
read_verilog timing.v
link_design {top}
create_clock -name clk -period {period:.6f} [get_ports clk]
set_false_path -from [get_ports rst]
puts "hwgen: path"
report_checks -path_delay max -digits 5 -format full
puts "hwgen: power"
set_power_activity -global -activity {activity} -duty 0.5
report_power -digits 9
puts "hwgen: end"
"""


@dataclass(frozen=True)
class Timing:
    """What OpenSTA says of a netlist, without wires.

    Attributes
    ----------
    fmax_mhz : highest clock from register to register, MHz; None without such a path
    critical_path : the slowest of these, None without one; its ends are named after what the
        flip-flops drive
    freq_mhz : clock that power is meant at, MHz
    activity : changes a clock that are taken for every net but the clock
    power_mw : at that clock, mW
    clocked_mw, logic_mw : of flip-flops and of gates, mW
    leakage_mw : of all, which both hold as well, mW
    seconds : how long it took when it was run, s
    """

    fmax_mhz: float | None
    critical_path: CriticalPath | None
    freq_mhz: float
    activity: float
    power_mw: float
    clocked_mw: float
    logic_mw: float
    leakage_mw: float
    seconds: float

    def to_json(self) -> dict[str, object]:
        """Return the figures as plain values, without the cells of the critical path."""
        path = self.critical_path
        shown = {"start": path.start, "end": path.end, "delay_ns": path.delay_ns} if path else None
        return vars(self) | {"critical_path": shown}


def analyse_timing(
    synthesis: CellSynthesis,
    freq_mhz: float,
    *,
    activity: float = ACTIVITY,
    timeout: float | None = 300.0,
    cache: Cache | None = None,
) -> Timing:
    """Find the highest clock and the power of a netlist, or return what an equal run found before.

    Parameters
    ----------
    synthesis : the design, whose clock is called clk and whose reset rst
    freq_mhz : the clock that power is wanted at, MHz
    activity : changes a clock of every net but the clock
    timeout : seconds that OpenSTA may take; None: as long as it wants
    cache : where results are kept; the user's cache when not given

    Raises
    ------
    HwgenError : a parameter that makes no sense, a netlist that is gone
    ToolError : OpenSTA is missing, fails, does not finish in time or writes nonsense
    """
    if not 0 < freq_mhz < 100_000:
        raise HwgenError(f"Frequency must lie between 0 and 100000 MHz, not {freq_mhz:g}")
    if not 0 <= activity <= 2:
        raise HwgenError(f"Activity must be 0 to 2 changes a clock, not {activity:g}")
    script = _SCRIPT.format(top=synthesis.top, period=1e3 / freq_mhz, activity=activity)
    try:
        netlist = synthesis.timing_netlist.read_text(encoding="utf-8")
        liberty = synthesis.library.read_bytes()
    except OSError as error:
        raise HwgenError(f"Netlist of {synthesis.top} is gone: {error}; run again") from error
    netlist = re.sub(r"\bsigned\b ?", "", netlist)  # which OpenSTA does not know
    digests = [hashlib.sha256(part).hexdigest() for part in (netlist.encode(), liberty)]
    cache = cache or Cache()
    key: list[Part] = ["timing 1", tools.version(_STA), script, *digests]
    log = cache.log(key, f"{synthesis.top}-sta")

    def build(folder: Path) -> None:
        (folder / "timing.v").write_text(netlist, encoding="utf-8")
        (folder / "cells.lib").write_bytes(liberty)
        (folder / "timing.tcl").write_text(script, encoding="utf-8")
        start = time.monotonic()
        arguments = ["-no_splash", "-exit", "timing.tcl"]
        done = tools.run(_STA, arguments, cwd=folder, timeout=timeout, log=log)
        result = _read(done.output, 1e3 / freq_mhz, log) | {"seconds": time.monotonic() - start}
        if result["critical_path"]:
            library, path = read_liberty(synthesis.library), result["critical_path"]
            path |= {end: _driven(path[end], netlist, library) for end in ("start", "end")}
        (folder / "result.json").write_text(json.dumps(result))
        for name in ("timing.v", "cells.lib"):
            (folder / name).unlink()

    result = json.loads((cache.cached(key, build) / "result.json").read_text())
    path = result.pop("critical_path")
    return Timing(
        critical_path=CriticalPath(**path | {"cells": tuple(path["cells"])}) if path else None,
        freq_mhz=freq_mhz,
        activity=activity,
        **result,
    )


def _read(output: str, period_ns: float, log: Path) -> dict[str, Any]:
    """Return Fmax, critical path and power out of what OpenSTA printed."""
    try:
        if re.search(r"\bError: ", output):  # it goes on behind one, and ends with status 0
            raise ValueError("it reports an error")
        path, power = re.split(r"^hwgen: (?:path|power|end)$", output, flags=re.MULTILINE)[1:3]
        watts = {
            match[1]: [float(value) for value in match[2].split()]
            for match in re.finditer(r"^(\w+)((?:\s+[-+.e\d]+){4})\s", power, re.MULTILINE)
        }
        total, clocked, logic = (watts[name] for name in ("Total", "Sequential", "Combinational"))
        return {
            **_path(path, period_ns),
            "power_mw": 1e3 * total[3],
            "clocked_mw": 1e3 * clocked[3],
            "logic_mw": 1e3 * logic[3],
            "leakage_mw": 1e3 * total[2],
        }
    except (ValueError, KeyError, IndexError) as error:
        raise ToolError(
            f"{_STA} {tools.version(_STA)} left no report hwgen can read "
            f"({type(error).__name__}: {error})\n{tools.log_tail(log)}"
        ) from error


def _driven(flip_flop: str, netlist: str, library: Library) -> str:
    """Return the net that a flip-flop drives, which is named after a register."""
    found = re.search(rf"(\w+) {re.escape(flip_flop)} \((.*?)\);", netlist, re.DOTALL)
    if found is None or found[1] not in library.cells:
        return flip_flop
    nets = dict(re.findall(r"\.(\w+)\(\\?(\S+) ?\)", found[2]))
    return next(
        (nets[p.name] for p in library.cells[found[1]].outputs if p.name in nets), flip_flop
    )


def _path(text: str, period_ns: float) -> dict[str, Any]:
    if "No paths found" in text:
        return {"fmax_mhz": None, "critical_path": None}
    (slack,) = re.findall(r"^\s*(-?[\d.]+)\s+slack", text, re.MULTILINE)
    cells = re.findall(r"[\^v] (\S+)/\S+ \(", text)
    delay = period_ns - float(slack)
    path = {
        "start": cells[0],
        "end": cells[-1],
        "delay_ns": delay,
        "logic_ns": delay,
        "routing_ns": 0.0,
        "cells": list(dict.fromkeys(cells)),
    }
    return {"fmax_mhz": 1e3 / delay, "critical_path": path}
