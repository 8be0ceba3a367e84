"""Carry chains without the cells that place and route adds to them for nothing (ECP5).

nextpnr feeds a constant into a chain, and an unused carry out of one, through cells of their own.
Where the first place of a chain passes no carry on, what comes in does not matter; where nobody
looks at the last carry, it need not leave.
"""

__all__ = ["trim_carries"]

from collections import Counter
from itertools import product
from typing import Any

UNKNOWN = "x"


def trim_carries(netlist: dict[str, Any]) -> int:
    """Leave open, in yosys' JSON netlist, the carries that make no difference; return how many.

    Behaviour is unchanged: a carry into a place whose table is 0 whatever its inputs are is lost
    there, and a carry that drives nothing has no effect.
    """
    trimmed = 0
    for module in netlist["modules"].values():
        cells = [c for c in module["cells"].values() if c["type"] == "CCU2C"]
        if not cells:
            continue
        uses = Counter(
            bit
            for cell in module["cells"].values()
            for name, bits in cell["connections"].items()
            if cell["port_directions"][name] != "output"
            for bit in bits
        )
        uses.update(bit for port in module["ports"].values() for bit in port["bits"])
        for cell in cells:
            pins = cell["connections"]
            if pins.get("COUT") and not uses[pins["COUT"][0]] and pins["COUT"] != [UNKNOWN]:
                pins["COUT"] = [UNKNOWN]
                trimmed += 1
            unseen = not any(uses[bit] for bit in pins.get("S0", []))
            if pins.get("CIN") in (["0"], ["1"]) and unseen and _kills(cell):
                pins["CIN"] = [UNKNOWN]
                trimmed += 1
    return trimmed


def _kills(cell: dict[str, Any]) -> bool:
    """Say whether the first place of a cell passes no carry on, whatever its inputs."""
    table = int(cell["parameters"]["INIT0"], 2)
    pins = [cell["connections"].get(f"{pin}0", [UNKNOWN])[0] for pin in "ABCD"]
    choices = [(int(pin),) if pin in ("0", "1") else (0, 1) for pin in pins]
    entries = (sum(bit << n for n, bit in enumerate(bits)) for bits in product(*choices))
    return not any(table >> entry & 1 for entry in entries)
