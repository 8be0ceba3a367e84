"""The models of the device's cells that a package takes along, so that anybody can simulate it."""

__all__ = ["primitive_files"]

from collections.abc import Iterable

from hwgen.codegen.modules import HardwareModule
from hwgen.errors import InternalError
from hwgen.primitives import find_models

FOLDER = "primitives"

# The models are no part of the design that `make lint` is about.
LINT = f"{FOLDER}/lint.vlt"
_LINT = f"""\
`verilator_config
lint_off -file "*{FOLDER}/*.v"
"""


def primitive_files(modules: Iterable[HardwareModule], family: str) -> dict[str, tuple[str, str]]:
    """Return what belongs into a package for the cells that its modules instantiate: each file's
    path, text and purpose. `family` is that of the target. Synthesis knows the cells without.

    Raises
    ------
    InternalError : there is no model of a cell, or of a parameter
    """
    cells: dict[str, set[str]] = {}
    for module in modules:
        for cell, parameters in module.primitives.items():
            cells.setdefault(cell, set()).update(parameters)
    models, unknown = find_models(cells, family)
    if unknown:
        raise InternalError(f"Components instantiate cells without a model: {', '.join(unknown)}")
    if not models:
        return {}
    files = {
        f"{FOLDER}/{model.name}": (
            _guarded(model.stem, model.read_text(encoding="utf-8")),
            f"the device's cell {model.stem}, for simulation only",
        )
        for model in models
    }
    return {**files, LINT: (_LINT, "tells Verilator to leave these models alone")}


def _guarded(name: str, text: str) -> str:
    """Return a model that a design may hold several times, once from each package in it."""
    guard = f"HWGEN_MODEL_OF_{name}"
    return f"`ifndef {guard}\n`define {guard}\n{text}`endif\n"
