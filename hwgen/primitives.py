"""Our simulation models of the devices' cells: `sim/primitives`, a file a cell, in Verilog-2005,
each naming its source."""

__all__ = ["PRIMITIVES", "Cells", "find_models"]

import re
from collections.abc import Collection, Mapping
from pathlib import Path

PRIMITIVES = Path(__file__).resolve().parents[1] / "sim" / "primitives"

Cells = Mapping[str, Collection[str]]  # types of cells, and the parameters that they are given

_PARAMETER = re.compile(r"\bparameter\s+(?:\[[^]]*\]\s*)?(\w+)")


def find_models(cells: Cells) -> tuple[list[Path], list[str]]:
    """Return the models of some types of cells, in the order of their names, and what there is no
    model of: a type, or a parameter of one (of which simulators only warn)."""
    there = {path.stem: path for path in PRIMITIVES.glob("*.v")}
    unknown = sorted(set(cells) - set(there))
    if unknown:
        return [], unknown
    models = [there[cell] for cell in sorted(cells)]
    for model in models:
        known = _PARAMETER.findall(model.read_text(encoding="utf-8"))
        unknown += [f"{model.stem} with {name}" for name in sorted({*cells[model.stem]} - {*known})]
    return models, unknown
