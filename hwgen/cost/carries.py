"""Carry chains without what place and route would add to them for nothing, or would refuse.

nextpnr feeds a constant into a chain, and an unused carry out of one, through cells of their own
(ECP5), or takes no constant there (Nexus). Where a chain begins with a place that passes no carry
on, what comes in does not matter; where nobody looks at the last carry, it need not leave.
"""

__all__ = ["trim_carries"]

from collections import Counter
from collections.abc import Mapping
from itertools import product
from typing import Any

from hwgen.families.family import CarryCell

UNKNOWN = "x"


def trim_carries(netlist: dict[str, Any], carry: CarryCell) -> int:
    """Leave open, in yosys' JSON netlist, the carries that make no difference; return how many.

    Behaviour is unchanged: a carry into a place whose table is 0 whatever its inputs are is lost
    there, and a carry that drives nothing has no effect.
    """
    trimmed = 0
    for module in netlist["modules"].values():
        cells = [c for c in module["cells"].values() if c["type"] == carry.type]
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
        constants: dict[int | str, str] = {"0": "0", "1": "1"}
        for cell in module["cells"].values():
            if cell["type"] in carry.ties:
                ((bit,),) = cell["connections"].values()
                constants[bit] = carry.ties[cell["type"]]
        for cell in cells:
            pins = cell["connections"]
            if pins.get("COUT") and not uses[pins["COUT"][0]] and pins["COUT"] != [UNKNOWN]:
                pins["COUT"] = [UNKNOWN]
                trimmed += 1
            enters = pins.get("CIN", [UNKNOWN])[0] in constants
            if enters and _lost(cell, carry, uses, constants):
                pins["CIN"] = [UNKNOWN]
                trimmed += 1
    return trimmed


def _lost(
    cell: dict[str, Any],
    carry: CarryCell,
    uses: Mapping[int | str, int],
    constants: Mapping[int | str, str],
) -> bool:
    """Say whether what comes into a cell changes nothing: up to the place that passes no carry on,
    nobody looks at a sum."""
    for place in range(len(carry.tables)):
        if any(uses[bit] for bit in cell["connections"].get(f"S{place}", [])):
            return False
        if _kills(cell, carry, place, constants):
            return True
    return False


def _kills(
    cell: dict[str, Any], carry: CarryCell, place: int, constants: Mapping[int | str, str]
) -> bool:
    """Say whether a place of a cell passes no carry on, whatever its inputs."""
    table = int(cell["parameters"][carry.tables[place]], carry.base)
    bits = [cell["connections"].get(f"{pin}{place}", [UNKNOWN])[0] for pin in "ABCD"]
    choices = [(int(constants[bit]),) if bit in constants else (0, 1) for bit in bits]
    entries = (sum(bit << n for n, bit in enumerate(bits)) for bits in product(*choices))
    return not any(table >> entry & 1 for entry in entries)
