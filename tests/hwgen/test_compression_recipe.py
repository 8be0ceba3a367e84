"""Recipes as TOML: the shape of the dataclasses; errors that name file, key, what is allowed."""

from dataclasses import fields, replace

import pytest

from hwgen import api
from hwgen.compression import PruneRecipe, PruneTarget, QuantizeRecipe, Recipe
from hwgen.errors import FormatError, HwgenError
from support.recipes import WHOLE


def test_a_file_says_all_that_python_does(tmp_path):
    file = tmp_path / "recipe.toml"
    file.write_text(WHOLE)
    target = PruneTarget(5000, 100000, 0.8, 1500, 0.95)
    expected = Recipe(
        PruneRecipe(
            *(0.5, 4, 0.25, 0.5, 0.75, 1, "taylor", "global", {"block.0.conv": 0.25, "fc": 0}),
            **{"multiple": 4, "group": 2, "skeleton": 1e-4, "steps": 3},
            **{"growth": "cubic", "target": target},
        ),
        QuantizeRecipe(
            *("cb4:8", "uint4", "int8", None, "power_of_two", True, 12, "kl", False, True, True),
            *("lsq", None, {"fc": "int8/uint6"}, False, (-3, 0, 5)),
            **{
                "budget": 1e5,
                "candidates": ("cb4:8", "int8"),
                "tune": 2,
                "drop": 0.01,
                "frozen_norms": 3,
                "tables": 9,
            },
        ),
        30,
    )
    assert Recipe.from_toml(file) == Recipe.from_toml(str(file)) == Recipe.parse(WHOLE) == expected
    assert api.read_recipe(file) == expected
    others = "[quantize]\nweights='pot4'\nincremental=[0.5, 1]\nasymmetric_weights=true"
    text = "[prune]\nweights = 0.5\nsensitivity = 0.1\n" + others
    quantize = QuantizeRecipe("pot4", incremental=(0.5, 1), asymmetric_weights=True)
    assert Recipe.parse(text) == Recipe(PruneRecipe(weights=0.5, sensitivity=0.1), quantize)
    bounded = "[quantize]\naccumulator=16\n"
    assert Recipe.parse(bounded) == Recipe(quantize=QuantizeRecipe(accumulator=16))
    written = {line.split(" =")[0].split("=")[0] for line in (WHOLE + text + bounded).splitlines()}
    for kind in (PruneRecipe, PruneTarget, QuantizeRecipe):  # every field was tried
        named = {field.name for field in fields(kind)} - {"layers", "target"}
        assert named <= written, named - written
    assert Recipe.parse("[quantize]") == Recipe(quantize=QuantizeRecipe())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "epoch = 3",
            r"^r\.toml: key must be one of prune, quantize, epochs, not 'epoch'; did you mean epo",
        ),
        (
            "[prune]\nchanels = 0.5",
            r"^r\.toml, \[prune\]: key must .* channels, .*'chanels'",
        ),
        ("[prune.target]\nluts = 5", r"\[prune.target\]: key must be one of parameters, macs,"),
        ("prune = 0.5", r"^r\.toml: prune must be a table, \[prune\], not 0.5"),
        ("[prune]\nchannels = 'half'", r"\[prune\]: channels must be a number, not 'half'"),
        ("[prune]\nchannels = true", "channels must be a number, not True"),
        ("[prune]\nchannels = 1.5", r"\[prune\]: channels: Share of channels .* not 1.5"),
        ("[prune]\nweights = 1.0", r"\[prune\]: weights: Share of weights to prune must lie in"),
        ("[prune]\nsteps = 1.5", "steps must be an integer, not 1.5"),
        ("[prune]\nlayers = 3", "layers must be a table, not 3"),
        ("[prune.layers]\nfc = 'x'", r"layers\.fc must be a number, not 'x'"),
        ("[prune.target]\nsparsity = 2", r"\[prune.target\]: sparsity: Target sparsity must lie"),
        ("[quantize]\nweights = 'int17'", r"\[quantize\]: weights: Number of bits .* 2 to 16"),
        ("[quantize]\nweights = 'int'", r"\[quantize\]: weights: "),
        ("[quantize.layers]\nfc = 4", r"layers\.fc must be a text, not 4"),
        ("[quantize.layers]\nfc = 'int17'", r"\[quantize\]: layers: .* 2 to 16"),
        ("[quantize]\nlevels = 3", "levels must be an array, not 3"),
        ("[quantize]\nlevels = [1.5]", "levels, each, must be an integer, not 1.5"),
        ("[quantize]\nasymmetric = 1", "asymmetric must be true or false, not 1"),
        ("[quantize]\ndrop = 1", r"\[quantize\]: drop: Drop of accuracy must lie in \[0, 1\)"),
        ("[quantize]\nbudget = 'none'", "budget must be a number, not 'none'"),
        ("[quantize]\nepochs = -1", r"\[quantize\]: epochs: Number of epochs must be"),
        ("epochs = 3", r"^r\.toml: Recipe must prune, quantize or both"),
        ("epochs = -3\n[quantize]", r"^r\.toml: epochs: Number of epochs must be"),
        ("[prune", r"^r\.toml: recipe must be TOML; "),
        ("[prune]\n[prune]", r"^r\.toml: recipe must be TOML; "),
    ],
)
def test_errors_name_file_key_and_what_is_allowed(text, message):
    with pytest.raises(HwgenError, match=message) as caught:
        Recipe.parse(text, "r.toml")
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(HwgenError, match=r"none\.toml: recipe cannot be read \(No such file"):
        Recipe.from_toml(tmp_path / "none.toml")
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "x", tmp_path):
        with pytest.raises(HwgenError, match="recipe cannot be read"):
            Recipe.from_toml(path)


def test_recipes_refuse():
    cases = [
        ({"sensitivity": 1.0, "weights": 0.5}, r"Sensitivity must lie in \[0, 1\), not 1.0"),
        ({"sensitivity": "a", "weights": 0.5}, "Sensitivity must lie in"),
        ({"sensitivity": 0.1}, "of one kind of pruning, .*not of none"),
        ({"sensitivity": 0.1, "weights": 0.5, "channels": 0.5}, "not of channels and weights"),
        ({"sensitivity": 0.1, "weights": 0.5, "scope": "global"}, "with scope 'global'"),
        ({"layers": ["a"]}, "Layers must be shares by path"),
        ({"target": 0.5}, "Target of pruning must be a PruneTarget"),
    ]
    for settings, message in cases:
        with pytest.raises(HwgenError, match=message):
            PruneRecipe(**settings)
    for settings in ({"tune": -1}, {"drop": 1.0}, {"drop": "x"}, {"drop": True}):
        with pytest.raises(HwgenError):
            QuantizeRecipe(**settings)
    with pytest.raises(HwgenError, match="Recipe.prune must be a PruneRecipe, not 0.5"):
        Recipe(0.5)
    with pytest.raises(FormatError, match="2 to 16, not 17"):
        QuantizeRecipe("int17")
    recipe = Recipe.recommended(0.02, tune=1, epochs=2)
    assert recipe.quantize == replace(QuantizeRecipe("int8", "uint8"), drop=0.02, tune=1, epochs=2)
