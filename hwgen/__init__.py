"""hwgen: from a PyTorch network to an FPGA or ASIC, bit for bit.

    done    = hwgen.compress(model, recipe, calibration=batches)
    network = hwgen.import_torch(done.module, example)
    plan    = hwgen.plan(network, target="ulx3s-85f", goal="10000 fps")
    package = hwgen.generate(plan, "build/digits")
    result  = package.simulate(x)
    cost    = package.cost("route")

Names are loaded when they are first used, so that importing hwgen is quick and needs no PyTorch.
"""

__all__ = [
    "Cost",
    "HwgenError",
    "Network",
    "Package",
    "Plan",
    "PruneRecipe",
    "PruneTarget",
    "QuantizeRecipe",
    "Recipe",
    "build",
    "compare",
    "compress",
    "elementwise",
    "flash",
    "generate",
    "hardware_cost",
    "import_exported",
    "import_onnx",
    "import_tflite",
    "import_torch",
    "load",
    "plan",
]

from importlib import import_module
from typing import TYPE_CHECKING

from hwgen.errors import HwgenError

if TYPE_CHECKING:
    from hwgen.api import (
        Cost,
        Package,
        compress,
        generate,
        hardware_cost,
        import_exported,
        import_onnx,
        import_tflite,
        import_torch,
        load,
        plan,
    )
    from hwgen.building import build, flash
    from hwgen.comparison import compare
    from hwgen.compression.recipes.recipe import PruneRecipe, PruneTarget, QuantizeRecipe, Recipe
    from hwgen.network.graph import Network
    from hwgen.planning.plan import Plan
    from hwgen.torch_graph.modules.elementwise import elementwise

_HOMES = {
    "build": "hwgen.building",
    "flash": "hwgen.building",
    "compare": "hwgen.comparison",
    "Network": "hwgen.network.graph",
    "Plan": "hwgen.planning.plan",
    "PruneRecipe": "hwgen.compression",
    "PruneTarget": "hwgen.compression",
    "QuantizeRecipe": "hwgen.compression",
    "Recipe": "hwgen.compression",
    "elementwise": "hwgen.torch_graph.modules.elementwise",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'hwgen' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "hwgen.api")), name)


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
