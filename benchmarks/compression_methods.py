"""The methods that `compression_bench.py` compares, each a recipe, in groups of equal budgets."""

__all__ = ["Method", "Setting", "methods"]

from dataclasses import dataclass, fields, is_dataclass, replace

from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe
from hwgen.compression.quantize.weights import levels_of
from hwgen.compression.recipes.prune_recipe import IMPORTANCES
from hwgen.formats import Codebook

CALIBRATIONS = ("minmax", "moving_average", "percentile", "mse", "kl")


@dataclass(frozen=True)
class Setting:
    """What depends on the task.

    tune : epochs of fine-tuning after pruning, of all steps together
    qat : epochs of quantization-aware training
    weights : of the float model, biases aside
    """

    tune: int
    qat: int
    weights: int


@dataclass(frozen=True)
class Method:
    """A row of the results.

    group : methods of one group have the same budget
    recipe : ends with integers, so that golden and counts are those of a network
    goal : points of accuracy that it may lose against the float model, None without a goal
    penalty : kind and strength of a regularizer, under which the float model trains on before
    penalty_epochs : for so long
    """

    group: str
    recipe: Recipe
    goal: float | None = None
    penalty: tuple[str, float] | None = None
    penalty_epochs: int = 0

    @property
    def text(self) -> str:
        """All that decides the result: what is not as it is by default."""
        return " ".join(
            map(_text, (self.recipe.prune, self.recipe.quantize, self.penalty, self.penalty_epochs))
        )


def _text(value: object) -> str:
    if not is_dataclass(value):
        return repr(value)
    default = type(value)()
    given = {field.name: getattr(value, field.name) for field in fields(value)}
    changed = [(name, each) for name, each in given.items() if each != getattr(default, name)]
    return f"{type(value).__name__}({', '.join(f'{name}={_text(v)}' for name, v in changed)})"


def methods(setting: Setting) -> dict[str, Method]:
    """Return all methods by name."""
    return {
        **_eight_bits(),
        **_four_bits_ptq(setting),
        **_four_bits_qat(setting),
        **_few_bits(setting),
        **_channels(setting),
        **_shapes(setting),
        **_stripes(setting),
        **_weights(setting),
        **_combined(setting),
    }


def _ptq(weights: str, activations: str, **more: object) -> Recipe:
    return Recipe(quantize=replace(QuantizeRecipe(weights, activations, epochs=0), **more))


def _qat(setting: Setting, weights: str, activations: str, **more: object) -> Recipe:
    recipe = QuantizeRecipe(weights, activations, epochs=setting.qat)
    return Recipe(quantize=replace(recipe, **more))


def _pruned(setting: Setting, steps: int = 1, **what: object) -> Recipe:
    epochs = -(-setting.tune // steps)
    return Recipe(replace(PruneRecipe(epochs=epochs, steps=steps), **what), QuantizeRecipe.int8())


def _eight_bits() -> dict[str, Method]:
    group = "8 bits, no training"
    return {
        "int8 PTQ": Method(group, Recipe(quantize=QuantizeRecipe.int8()), goal=0.3),
        "int8 PTQ, scales powers of two": Method(
            group, _ptq("int8", "uint8", scales="power_of_two")
        ),
        "int8 PTQ, one scale a layer": Method(group, _ptq("int8", "uint8", per_channel=False)),
        "int8 PTQ, asymmetric": Method(
            group, _ptq("int8", "uint8", asymmetric=True, asymmetric_weights=True)
        ),
    }


def _four_bits_ptq(setting: Setting) -> dict[str, Method]:
    group = "4 bits and fewer, no training"
    rows = {f"int4 PTQ, {name}": _ptq("int4", "uint4", calibration=name) for name in CALIBRATIONS}
    rows |= {
        "int4 PTQ, mse, bias corrected": _ptq("int4", "uint4", correct_bias=True),
        "int4 PTQ, mse, one scale a layer": _ptq("int4", "uint4", per_channel=False),
        "int4 PTQ, mse, one scale a layer, equalized": _ptq(
            "int4", "uint4", per_channel=False, equalize=True
        ),
        "mixed PTQ, 4 bits a weight": _ptq("int4", "uint4", budget=4 * setting.weights),
        "int3 PTQ": _ptq("int3", "uint4"),
        "mixed PTQ, 3 bits a weight": _ptq("int4", "uint4", **_mixed(setting)),
        "codebook PTQ, 16 of 8 bits": _ptq("cb4:8", "uint4"),
        "power of two PTQ": _ptq("pot4", "uint4"),
    }
    return {name: Method(group, recipe) for name, recipe in rows.items()}


def _four_bits_qat(setting: Setting) -> dict[str, Method]:
    group = "4 bits, trained"
    cubes = levels_of(lambda t: t * abs(t), Codebook(4, 8))
    goals = {"int4 QAT, TQT": 0.5, "power of two": 1.0, "codebook, 16 of 8 bits": 0.5}
    rows = {
        "int4 QAT, TQT": _qat(setting, "int4", "uint4"),
        "int4 QAT, LSQ": _qat(setting, "int4", "uint4", steps="lsq"),
        "int4 QAT, STE": _qat(setting, "int4", "uint4", steps="ste"),
        "int4 QAT, scales powers of two": _qat(setting, "int4", "uint4", scales="power_of_two"),
        "int4 QAT, accumulators of 14 bits (A2Q)": _qat(setting, "int4", "uint4", accumulator=14),
        "power of two": _qat(setting, "pot4", "uint4"),
        "power of two, frozen in steps (INQ)": _qat(
            replace(setting, qat=-(-setting.qat // 3)),
            *("pot4", "uint4"),
            incremental=(0.5, 0.75, 0.875, 1.0),
        ),
        "power of two, two terms": _qat(setting, "pot4x2", "uint4"),
        "codebook, 16 of 8 bits": _qat(setting, "cb4:8", "uint4"),
        "codebook, 16 given levels": _qat(setting, "cb4:8", "uint4", levels=cubes),
    }
    return {name: Method(group, recipe, goals.get(name)) for name, recipe in rows.items()}


def _mixed(setting: Setting) -> dict[str, object]:
    return {"budget": 3 * setting.weights, "candidates": ("int2", "int3", "int4", "int8")}


def _few_bits(setting: Setting) -> dict[str, Method]:
    group = "3 bits and fewer, trained"
    goals = {"ternary": 1.0, "binary, activations of 2 bits": 2.0}
    rows = {
        "int3 QAT": _qat(setting, "int3", "uint4"),
        "mixed, 3 bits a weight": _qat(setting, "int4", "uint4", **_mixed(setting)),
        "int2 QAT": _qat(setting, "int2", "uint4"),
        "codebook, 4 of 8 bits": _qat(setting, "cb2:8", "uint4"),
        "ternary": _qat(setting, "ternary", "uint4"),
        "binary": _qat(setting, "binary", "uint4"),
        "binary, activations of 2 bits": _qat(setting, "binary", "uint2", input="uint8"),
        "binary, activations binary": _qat(setting, "binary", "binary", input="uint8"),
    }
    return {name: Method(group, recipe, goals.get(name)) for name, recipe in rows.items()}


def _channels(setting: Setting) -> dict[str, Method]:
    group = "half of the channels, then int8 PTQ"
    rows = {
        f"channels, {name}": Method(
            group, _pruned(setting, channels=0.5, importance=name), goal=0.5
        )
        for name in IMPORTANCES
    }
    half = _pruned(setting, channels=0.5)
    slim = _pruned(setting, channels=0.5, importance="norm_scale")
    return rows | {
        "channels, norm_scale, trained with L1 (Slimming)": Method(
            group, slim, 0.5, penalty=("norms", 1e-3), penalty_epochs=setting.tune
        ),
        "channels, l1, trained with group lasso (SSL)": Method(
            group, half, 0.5, penalty=("filters", 1e-3), penalty_epochs=setting.tune
        ),
        "channels, l1, all layers in one ranking": Method(
            group, _pruned(setting, channels=0.5, scope="global"), 0.5
        ),
    }


def _shapes(setting: Setting) -> dict[str, Method]:
    group = "half of the shapes, then int8 PTQ"
    half = _pruned(setting, shapes=0.5)
    return {
        "shapes": Method(group, half, 0.7),
        "shapes, trained with group lasso (SSL)": Method(
            group, half, 0.7, penalty=("shapes", 1e-3), penalty_epochs=setting.tune
        ),
    }


def _stripes(setting: Setting) -> dict[str, Method]:
    group = "60 % of the stripes, then int8 PTQ"
    lasso = ("stripes", 1e-3)
    skeleton = _pruned(replace(setting, tune=-(-setting.tune // 2)), stripes=0.6, skeleton=1e-3)
    return {
        "stripes, l1": Method(group, _pruned(setting, stripes=0.6), 0.7),
        "stripes, Filter Skeleton": Method(group, skeleton, 0.7),
        "stripes, trained with group lasso (SSL)": Method(
            group, _pruned(setting, stripes=0.6), 0.7, penalty=lasso, penalty_epochs=setting.tune
        ),
        "stripes, groups of 4 filters": Method(group, _pruned(setting, stripes=0.6, group=4), 0.7),
    }


def _weights(setting: Setting) -> dict[str, Method]:
    group = "90 % of the weights, then int8 PTQ"
    every = {"weights": 0.9, "scope": "global"}
    cubic = {**every, "growth": "cubic"}
    twice = replace(setting, tune=2 * setting.tune)
    return {
        "weights, each layer": Method(group, _pruned(setting, weights=0.9), 0.5),
        "weights, global": Method(group, _pruned(setting, **every), 0.5),
        "weights, global, 4 steps": Method(group, _pruned(setting, 4, **every), 0.5),
        "weights, global, 4 cubic steps": Method(group, _pruned(setting, 4, **cubic), 0.5),
        "weights, global, 4 cubic steps, trained with L1": Method(
            *(group, _pruned(setting, 4, **cubic), 0.5),
            penalty=("weights", 1e-4),
            penalty_epochs=setting.tune,
        ),
        "weights, global, 4 cubic steps, twice the epochs": Method(
            group, _pruned(twice, 4, **cubic), 0.5
        ),
    }


def _combined(setting: Setting) -> dict[str, Method]:
    group = "pruned, then trained with few bits"
    half = PruneRecipe(channels=0.5, epochs=setting.tune)
    epochs = -(-setting.tune // 4)
    sparse = PruneRecipe(weights=0.8, scope="global", steps=4, growth="cubic", epochs=epochs)
    stripes = PruneRecipe(stripes=0.6, epochs=setting.tune)
    four = QuantizeRecipe("int4", "uint4", epochs=setting.qat)
    return {
        "half of the channels + int4": Method(group, Recipe(half, four)),
        "60 % of the stripes + int4": Method(group, Recipe(stripes, four)),
        "80 % of the weights + int4": Method(group, Recipe(sparse, four)),
        "80 % of the weights + codebook": Method(
            group, Recipe(sparse, replace(four, weights="cb4:8"))
        ),
        "half of the channels + ternary": Method(
            group, Recipe(half, replace(four, weights="ternary"))
        ),
    }
