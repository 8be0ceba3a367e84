"""Recipes that anybody may have written: understood, or refused in one line, and soon."""

import math
import time
from dataclasses import fields

import numpy as np
import pytest

from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe
from hwgen.errors import HwgenError
from support.recipes import WHOLE


def refused(text, match=""):
    start = time.process_time()
    with pytest.raises(HwgenError, match=match) as caught:
        Recipe.parse(text, "r.toml")
    message = str(caught.value)
    assert message.startswith("r.toml") and "\n" not in message and len(message) < 700
    assert time.process_time() - start < 2, "a recipe is read within a moment"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a = " + "[" * 100_000, "must be TOML; it is nested too deeply"),
        ("a = " + "{a=" * 30_000, "must be TOML; it is nested too deeply"),
        ("epochs = " + "9" * 6000, "must be TOML; it holds a number of thousands of digits"),
        (
            "epochs = -" + "1_" * 6000 + "1",
            "must be TOML; it holds a number of thousands of digits",
        ),
        (".".join(["a"] * 50_000) + " = 1", "must have at most 1,024 dots in a line"),
        ("[" + ".".join(["a"] * 50_000) + "]", "must have at most 1,024 dots in a line"),
        (".".join(['"a"'] * 40_000) + " = 1", "dots in a line|at most 131,072 characters"),
        ("[prune]\nlayers." + ".".join(["a"] * 900) + " = 0.5", r"layers.a must be a number"),
        ("#" * 2_000_000, "must have at most 131,072 characters"),
        ("x" * 100_000 + " = 1", "key must be one of"),
        ("epochs = 0x" + "f" * 100_000, "epochs must be smaller than 2"),
        ("epochs = 1" + "0" * 300, "epochs must be smaller than 2"),
        ("[quantize]\nweights = '" + "w" * 100_000 + "'", "weights: "),
        ("[quantize]\nlevels = [" + "1," * 60_000 + "1" + "0" * 30 + "]", "smaller than 2"),
        ("[quantize]\nbudget = inf", "budget must be a number that is finite, not inf"),
        ("[quantize]\nbudget = 1e400", "budget must be a number that is finite, not inf"),
        ("[quantize]\ndrop = nan", "drop must be a number that is finite, not nan"),
        ("[quantize]\nincremental = [nan, 1.0]", "incremental, each, must be a number that is fin"),
        ("[prune]\nskeleton = -inf", "skeleton must be a number that is finite, not -inf"),
        ("[prune.layers]\nfc = nan", r"layers\.fc must be a number that is finite, not nan"),
        ("[prune.target]\ncost = inf", "cost must be a number that is finite, not inf"),
        ("epochs = 2000-01-01", "epochs must be an integer, not datetime.date"),
        ("epochs = '\\ud800'", "must be an integer, not"),
        ('"\\ud800" = 1', "must be TOML; Escaped character is not a Unicode scalar value"),
        ("epochs = 1\0", "must be TOML; "),
        ("\ufeffepochs = 1", "must be TOML; "),
    ],
)
def test_limits(text, match):
    refused(text, match)


def test_every_number_is_finite():
    tried = 0
    for table, kind in (("prune", PruneRecipe), ("quantize", QuantizeRecipe)):
        for field in fields(kind):
            if "float" in str(field.type) and "tuple" not in str(field.type):
                for value in ("nan", "inf", "-inf", "1e999"):
                    at = f"{field.name}.fc" if "Mapping" in str(field.type) else field.name
                    refused(f"[{table}]\n{at} = {value}", "must be a number that is finite")
                    tried += 1
    assert tried > 20


def test_bytes_that_are_no_text(tmp_path):
    for data in (b"\xff\xfe", b"epochs = 1 # \xed\xa0\x80", b"\x80"):  # UTF-8 has no surrogates
        (tmp_path / "r.toml").write_bytes(data)
        with pytest.raises(HwgenError, match="recipe cannot be read"):
            Recipe.from_toml(tmp_path / "r.toml")


OTHERS = ("nan", "-inf", "1e999", "[]", "{}", '""', "'x'", "true", "0", "-1", "1979-05-27", "[[1]]")


def test_mutations_are_refused_or_recipes():
    """400 of a recipe with every key: lines lost, doubled, joined, and with other values."""
    fine = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        lines = WHOLE.strip().splitlines()
        for _ in range(int(rng.integers(1, 4))):
            at, kind = int(rng.integers(len(lines))), int(rng.integers(6))
            key, sign, value = lines[at].partition("=")
            if kind == 0:
                del lines[at]
            elif kind == 1:
                lines.insert(at, lines[at])
            elif kind == 2:
                cut = int(rng.integers(len(lines[at]) + 1))
                lines[at] = lines[at][:cut] + chr(int(rng.integers(1, 0x800))) + lines[at][cut:]
            elif kind == 3:
                lines[at] = key[: int(rng.integers(len(key) + 1))] + sign + value
            else:
                lines[at] = f"{key}= {OTHERS[int(rng.integers(len(OTHERS)))]}"
        try:
            recipe = Recipe.parse("\n".join(lines), "r.toml")
            fine += 1
        except HwgenError as error:
            assert str(error).startswith("r.toml") and len(str(error)) < 700, f"seed {seed}"
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
        numbers = [
            v for part in (recipe.prune, recipe.quantize) if part for v in vars(part).values()
        ]
        assert all(math.isfinite(v) for v in numbers if isinstance(v, float)), f"seed {seed}"
    assert 20 < fine < 300, "mutations that are all refused, or never, test nothing"
