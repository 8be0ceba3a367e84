"""Recipes: what compression shall do, as validated data."""

__all__ = ["PruneRecipe", "PruneTarget", "QuantizeRecipe", "Recipe"]

from dataclasses import dataclass, replace
from pathlib import Path

from hwgen.compression.recipes.prune_recipe import PruneRecipe, PruneTarget, check_epochs
from hwgen.compression.recipes.quantize_recipe import QuantizeRecipe
from hwgen.compression.recipes.recipe_text import read_text, recipe_of
from hwgen.errors import HwgenError


@dataclass(frozen=True)
class Recipe:
    """What `compress` does: train, prune, quantize, in this order.

    epochs : of training the float model before anything else; None leaves it to the task (see
        `for_task`), and is none where there is no task. Epochs mean the same everywhere: what
        `train(model, epochs)` is called with, here once, in `prune` after each step, in `quantize`
        for each training. What the recipe says wins over what a task says

    Raises
    ------
    HwgenError : there is nothing to do but to train
    """

    prune: PruneRecipe | None = None
    quantize: QuantizeRecipe | None = None
    epochs: int | None = None

    def __post_init__(self) -> None:
        if self.epochs is not None:
            check_epochs(self.epochs)
        for name, kind in (("prune", PruneRecipe), ("quantize", QuantizeRecipe)):
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                raise HwgenError(f"Recipe.{name} must be a {kind.__name__}, not {value!r}")
        if self.prune is None and self.quantize is None:
            raise HwgenError(
                "Recipe must prune, quantize or both, not neither; "
                "try Recipe(quantize=QuantizeRecipe())"
            )

    def for_task(self, task: object) -> "Recipe":
        """Return the recipe, with the task's `epochs` where it says none of its own.

        Parameters
        ----------
        task : where it can train, its attribute `epochs` is what its model wants
        """
        if self.epochs is not None:
            return self
        return replace(self, epochs=getattr(task, "epochs", 0) if hasattr(task, "train") else 0)

    @classmethod
    def recommended(cls, drop: float = 0.01, *, tune: int = 5, epochs: int = 15) -> "Recipe":
        """Return the recipe to start with: 8 bits, and as little training as accuracy allows.

        Weights are symmetric, with a scale per output channel, quantized after training. Where
        accuracy drops by more than `drop`, the quantized model is trained on for `tune` epochs,
        and where it still does, for `epochs` more in which scales train as well. Krishnamoorthi,
        "Quantizing deep convolutional networks for efficient inference" (2018), section 7.

        `compress` wants `evaluate` then, and says in `Compressed.sufficed` which stage was enough.
        """
        return cls(quantize=QuantizeRecipe("int8", "uint8", tune=tune, epochs=epochs, drop=drop))

    @classmethod
    def from_toml(cls, path: str | Path) -> "Recipe":
        """Read a recipe from a TOML file of the same shape.

        Tables are [prune], [prune.target], [prune.layers], [quantize] and [quantize.layers]; a
        tuple is an array, and `output = "none"` stands for None.

        Raises
        ------
        HwgenError : names the file, the key, and what is allowed
        """
        return recipe_of(cls, read_text(path), str(path))

    @classmethod
    def parse(cls, text: str, name: str = "recipe") -> "Recipe":
        """Return the recipe that a TOML text means.

        Parameters
        ----------
        name : of the text in messages

        Raises
        ------
        HwgenError : as `from_toml`
        """
        return recipe_of(cls, text, name)
