"""Many small designs in one synthesis, each within a table or so of what it is alone."""

__all__ = ["Measured", "measure"]

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from hwgen.cache import Cache
from hwgen.codegen.accelerator import Accelerator
from hwgen.codegen.entries import border_of, instances_of
from hwgen.codegen.modules import HardwareModule, split
from hwgen.codegen.verilog import write_modules
from hwgen.cost.synthesis import synthesise
from hwgen.families import synthesis_of
from hwgen.planning import Plan

_TOP = "samples"
DEEP = 6  # cells one behind the other without a named wire between them


@dataclass(frozen=True)
class Measured:
    """What synthesis made of a design.

    luts : look-up tables
    ffs, dsps, block_rams : the others
    parts : look-up tables by the instance of the design in which they lie and the component in
        that, such as ("layer.window", 41), as far as their names tell: a table is where the wire
        is that it drives
    """

    luts: int
    ffs: int
    dsps: int
    block_rams: int
    parts: Mapping[str, int]


def measure(
    plans: Sequence[Plan], *, timeout: float | None = 1800.0, cache: Cache | None = None
) -> list[Measured]:
    """Synthesise designs for one target together, each a module that is kept apart: to read what
    synthesis knows of a family takes it as long as a small design.

    Raises
    ------
    ToolError : yosys is missing, fails, does not finish in time or writes nonsense
    """
    target = plans[0].target
    names = [f"sample{n}" for n in range(len(plans))]
    modules = [module for pair in zip(plans, names, strict=True) for module in _modules(*pair)]
    apart = f"setattr -mod -set keep_hierarchy 1 {' '.join(names)}"
    text = write_modules(modules) + _together(plans, names)
    found = synthesise(text, _TOP, target, passes=[apart], timeout=timeout, cache=cache)
    netlists = json.loads(found.netlist.read_bytes())["modules"]
    known = synthesis_of(target)
    worth = {**known.logic, **known.carry, **known.memory}
    measured = []
    for name in names:
        counts = Counter(cell["type"] for cell in netlists[name]["cells"].values())
        parts = _parts(netlists[name], worth)
        dsps = sum(counts[cell] * each for cell, each in known.dsp.items())
        block_rams = sum(counts[cell] * each for cell, each in known.block_ram.items())
        ffs = sum(counts[cell] for cell in known.ff)
        measured.append(Measured(sum(parts.values()), ffs, ceil(dsps), block_rams, parts))
    return measured


def _modules(plan: Plan, name: str) -> tuple[HardwareModule, ...]:
    """Return the modules of a plan's accelerator, as its package has them."""
    return split(Accelerator(plan, instances_of(plan)), name)


def _together(plans: Sequence[Plan], names: Sequence[str]) -> str:
    """Return a module with an instance of each design, all of whose ports are its own."""
    ports, instances = ["input clk", "input rst"], []
    for plan, name in zip(plans, names, strict=True):
        pins = border_of(plan).signals
        for pin in pins:
            direction = "input" if pin.enters else "output"
            ports.append(f"{direction} [{pin.bits - 1}:0] {name}_{pin.name}")
        joined = ", ".join(f".{pin.name}({name}_{pin.name})" for pin in pins)
        instances.append(f"{name} {name}_instance(.clk(clk), .rst(rst), {joined});")
    return f"module {_TOP}({', '.join(ports)});\n" + "\n".join(instances) + "\nendmodule\n"


def _parts(module: Mapping[str, Any], worth: Mapping[str, int]) -> dict[str, int]:
    """Return look-up tables by instance and component. What drives wires without a name lies where
    those are read."""
    places: dict[int, str] = {}
    for name, wire in module["netnames"].items():
        place = "" if wire.get("hide_name") else ".".join(name.split(".")[:-1][:2])
        for bit in wire["bits"]:
            if len(places.get(bit, "")) < len(place):
                places[bit] = place
    cells = [_pins(cell) for cell in module["cells"].values()]

    def place_of(drives: list[int]) -> str:
        return next((places[bit] for bit in drives if places.get(bit)), "")

    for _ in range(DEEP):
        for reads, drives, _ in cells:
            if where := place_of(drives):
                for bit in reads:
                    places.setdefault(bit, where)
    found: Counter[str] = Counter()
    for _, drives, kind in cells:
        if kind in worth:
            found[place_of(drives)] += worth[kind]
    return dict(found)


def _pins(cell: Mapping[str, Any]) -> tuple[list[int], list[int], str]:
    """Return what a cell reads, what it drives, and its type."""
    pins: tuple[list[int], list[int]] = [], []
    for port, bits in cell["connections"].items():
        pins[cell["port_directions"][port] == "output"].extend(bits)
    return *pins, cell["type"]
