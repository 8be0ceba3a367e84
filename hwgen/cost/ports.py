"""A netlist without ports, for place and route that refuses ports without pins (Gowin).

What is left is a block as it would lie inside a larger design: what came from ports is open, and
what went there is kept. The clock alone has a pin and an input buffer, so that it reaches the
global network the way it does on a board.
"""

__all__ = ["without_ports"]

import json
from pathlib import Path
from typing import Any

from hwgen.errors import HwgenError
from hwgen.families.family import ClockPin
from hwgen.targets import Target


def without_ports(netlist: Path, top: str, target: Target, clock_pin: ClockPin) -> None:
    """Take all ports but the clock's off a design, in yosys' JSON netlist, and write beside it
    which pin the clock has.

    Raises
    ------
    HwgenError : there are several clocks, or the target names no pin for one
    """
    design = json.loads(netlist.read_bytes())
    module = design["modules"][top]
    clocks = _clocks(module, clock_pin.clocked)
    cell, entry, leaving = clock_pin.buffer
    if len(clocks) > 1:
        raise HwgenError(
            f"{top} must have one clock to be placed without pins on {target.name}, not "
            f"{', '.join(clocks)}"
        )
    module["ports"] = {}
    constraints = ""
    for name, (bit,) in clocks.items():
        if target.clock_pin is None:
            raise HwgenError(f"Target {target.name} must name the pin of its clock")
        pin = 1 + max(_bits(module))
        module["ports"][name] = {"direction": "input", "bits": [pin]}
        module["netnames"][f"{name}$pin"] = {"hide_name": 1, "bits": [pin], "attributes": {}}
        module["cells"][f"{name}$buffer"] = {
            "hide_name": 1,
            "type": cell,
            "parameters": {},
            "attributes": {},
            "port_directions": {entry: "input", leaving: "output"},
            "connections": {entry: [pin], leaving: [bit]},
        }
        constraints += clock_pin.location.format(port=name, pin=target.clock_pin)
    netlist.write_text(json.dumps(design), encoding="utf-8")
    (netlist.parent / clock_pin.file).write_text(constraints, encoding="utf-8")


def _clocks(module: dict[str, Any], clocked_by: tuple[str, ...]) -> dict[str, list[int]]:
    """Return the input ports, of a bit each, that go to clock pins of cells."""
    clocked = {
        bit
        for cell in module["cells"].values()
        for name, bits in cell["connections"].items()
        if name in clocked_by
        for bit in bits
    }
    return {
        name: port["bits"]
        for name, port in module["ports"].items()
        if port["direction"] == "input" and len(port["bits"]) == 1 and clocked & {*port["bits"]}
    }


def _bits(module: dict[str, Any]) -> set[int]:
    """Return the numbers of all bits that ports and cells are connected to."""
    connections = [port["bits"] for port in module["ports"].values()]
    for cell in module["cells"].values():
        connections += cell["connections"].values()
    return {bit for bits in connections for bit in bits if isinstance(bit, int)}
