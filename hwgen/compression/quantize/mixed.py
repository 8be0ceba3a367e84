"""Mixed precision: weight formats by layer, by sensitivity under a budget.

    minimise the sum over layers of E_l(b_l),  E_l(b) = mean (f(x) - f_l,b(x))**2 / mean f(x)**2

where f_l,b is the float network with only layer l quantized, until the cost is within the budget:
from the widest candidates, the layer that loses least for what it saves goes one candidate down.
What room the last step left over goes back, one candidate up, to the layer that gains most for it.
After Dong et al., "HAWQ-V2" (NeurIPS 2020) with their sensitivity measured instead of estimated.
"""

__all__ = ["CostOf", "choose_formats"]

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf

import torch
from torch import Tensor, nn

from hwgen.compression.quantize.weights import make_weights
from hwgen.compression.recipes.quantize_recipe import QuantizeRecipe
from hwgen.errors import HwgenError
from hwgen.formats import Format, parse_format
from hwgen.torch_graph.batches import Batch, mapped
from hwgen.torch_graph.float_graph import FloatGraph
from hwgen.torch_graph.support import WEIGHTED

CostOf = Callable[[Mapping[str, str]], float]  # the cost of these formats, by layer
INPUTS = 256  # of the calibration data


def choose_formats(
    graph: FloatGraph, recipe: QuantizeRecipe, x: Batch, cost_of: CostOf | None = None
) -> dict[str, str]:
    """Return the weight format of each layer that the recipe leaves open, within its budget.

    Parameters
    ----------
    graph : of float layers, batch norm folded
    recipe : has `budget` and `candidates`
    x : inputs of the calibration data
    cost_of : cost of formats by path, of all layers; by default bits of all weights

    Raises
    ------
    HwgenError : even the narrowest candidates cost more than the budget
    """
    assert recipe.budget is not None
    weights = {
        layer.path: layer.module.get_parameter("weight")
        for layer in graph.layers
        if isinstance(layer.module, WEIGHTED)
    }
    given = {path: recipe.layer_names(path)[0] for path in weights if path in recipe.layers}
    widest_first = sorted(recipe.candidates, key=_bits, reverse=True)
    some = mapped(x, lambda t: t[:: -(-t.shape[0] // INPUTS)])
    errors = _sensitivities(graph, recipe, some, widest_first)

    def cost(chosen: Mapping[str, str]) -> float:
        formats = {**chosen, **given}
        if cost_of is not None:
            return float(cost_of(formats))
        return sum(_bits(formats[path]) * weight.numel() for path, weight in weights.items())

    places = {path: 0 for path in weights if path not in given}
    now = cost(_named(places, widest_first))
    while now > recipe.budget:
        down = []  # what a layer loses for what it saves, the layer, the cost then
        for path, place in places.items():
            if place + 1 < len(widest_first):
                less = cost(_named({**places, path: place + 1}, widest_first))
                loss = max(errors[path][place + 1] - errors[path][place], 0.0)
                if less < now:
                    down.append((loss / (now - less), path, less))
        if not down:
            fewest = sum(weight.numel() for weight in weights.values())  # a bit each
            enough = cost_of is not None or fewest <= recipe.budget
            narrower = enough and _bits(widest_first[-1]) > 1
            raise HwgenError(
                f"Budget of {recipe.budget:g} must be at least {now:g}, what the narrowest "
                f"candidates cost; raise it{', or add a narrower candidate' * narrower}"
            )
        _, path, now = min(down, key=_first)
        places[path] += 1
    while True:
        up = []
        for path, place in places.items():
            if place > 0:
                more = cost(_named({**places, path: place - 1}, widest_first))
                gain = errors[path][place] - errors[path][place - 1]
                if gain > 0 and more <= recipe.budget:
                    up.append((gain / (more - now) if more > now else inf, path, more))
        if not up:
            break
        _, path, now = max(up, key=_first)
        places[path] -= 1
    return _named(places, widest_first)


def _first(found: tuple[float, str, float]) -> float:
    return found[0]


def _named(places: Mapping[str, int], names: list[str]) -> dict[str, str]:
    return {path: names[place] for path, place in places.items()}


def _bits(name: str) -> int:
    return parse_format(name).storage_bits


@torch.no_grad()
def _sensitivities(
    graph: FloatGraph, recipe: QuantizeRecipe, x: Batch, names: list[str]
) -> dict[str, list[float]]:
    """Return for each layer the error of the output with each format."""
    expected = _outputs(graph, x)
    power = float((expected**2).mean()) or 1.0
    found: dict[str, list[float]] = {}
    for index, layer in enumerate(graph.layers):
        if not isinstance(layer.module, WEIGHTED):
            continue
        found[layer.path] = []
        for name in names:
            module = _with_format(layer.module, parse_format(name), recipe, layer.path)
            layers = list(graph.layers)
            layers[index] = replace(layer, module=module)
            got = _outputs(graph.with_layers(layers), x)
            found[layer.path].append(float(((got - expected) ** 2).mean()) / power)
    return found


def _outputs(graph: FloatGraph, x: Batch) -> Tensor:
    """Return all that a graph returns in one row, float64."""
    found = graph.returns.flat(graph.run(x))
    return torch.cat([value.double().flatten() for value in found])


def _with_format(module: nn.Module, format: Format, recipe: QuantizeRecipe, path: str) -> nn.Module:
    changed = copy.deepcopy(module)
    weight = changed.get_parameter("weight")
    weight.copy_(make_weights(weight, format, replace(recipe, accumulator=None), 1, path)(weight))
    return changed
