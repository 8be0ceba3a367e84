"""Our simulation models of the devices' cells: `sim/primitives`, a folder a family and a file a
cell, in Verilog-2005, each naming its source. What models of several cells instantiate, as their
"Uses:" lines say, lies beside the folders."""

__all__ = ["PRIMITIVES", "Cells", "find_models"]

import re
from collections.abc import Collection, Iterable, Mapping
from importlib.resources import files
from pathlib import Path

PRIMITIVES = Path(str(files("hwgen_sim"))).resolve() / "primitives"

Cells = Mapping[str, Collection[str]]  # types of cells, and the parameters that they are given

_PARAMETER = re.compile(r"\bparameter\s+(?:\[[^]]*\]\s*)?(\w+)")
_USES = re.compile(r"^// Uses: (\w+)$", re.MULTILINE)


def find_models(cells: Cells, family: str) -> tuple[list[Path], list[str]]:
    """Return the models of some types of a family's cells, in the order of their names, and what
    there is no model of: a type, or a parameter of one (of which simulators only warn)."""
    there = {path.stem: path for path in (PRIMITIVES / family).glob("*.v")}
    unknown = sorted(set(cells) - set(there))
    if unknown:
        return [], unknown
    models = [there[cell] for cell in sorted(cells)]
    texts = [model.read_text(encoding="utf-8") for model in models]
    for model, text in zip(models, texts, strict=True):
        known = _PARAMETER.findall(text)
        unknown += [f"{model.stem} with {name}" for name in sorted({*cells[model.stem]} - {*known})]
    return [*models, *_used(texts)], unknown


def _used(texts: Iterable[str]) -> list[Path]:
    """Return what models instantiate."""
    return [
        PRIMITIVES / f"{name}.v" for name in sorted({n for t in texts for n in _USES.findall(t)})
    ]
