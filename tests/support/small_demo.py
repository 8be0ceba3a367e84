"""A program: `hwgen demo`, step by step what the user runs, with a network of a fraction's size.

    python -m support.small_demo ARGUMENTS

It makes the file STARTED where it is run, once all is imported and the first training is next.
"""

from dataclasses import replace
from pathlib import Path

from hwgen.cli import main
from hwgen.tasks import digits

STARTED = "started"
WIDTH = 2  # channels of the first convolution, of 16
EPOCHS = 10  # of each training, of 40 to 70


class SmallDigits(digits.Digits):
    """The digits task, of a smaller network that is trained for a shorter while."""

    epochs = EPOCHS
    recipe = replace(
        digits.Digits.recipe,
        prune=replace(digits.Digits.recipe.prune, epochs=EPOCHS),
        quantize=replace(digits.Digits.recipe.quantize, epochs=EPOCHS),
    )

    def __init__(self, seed: int = 0):
        super().__init__(seed, WIDTH)
        Path(STARTED).touch()


if __name__ == "__main__":
    digits.Digits = SmallDigits  # where the demo finds it
    main()
