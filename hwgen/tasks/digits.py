"""The task of the demo: scikit-learn's handwritten digits, 1797 real images of 8x8 pixels.

The split is stratified and fixed: 360 images are held out, the same ones for every seed.
"""

__all__ = ["HELD_OUT", "Digits", "DigitsCnn"]

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from hwgen.compression.recipes.recipe import PruneRecipe, QuantizeRecipe, Recipe
from hwgen.tasks.images import ImageTask

HELD_OUT = 360
SPLIT_SEED = 0


class DigitsCnn(nn.Module):
    """Two convolutions, each with batch norm, ReLU and a pool of 2.

    Parameters
    ----------
    width : channels of the first one; the second has twice as many
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(2 * width)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(8 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (batch, 10) of images (batch, 1, 8, 8)."""
        x = self.pool1(self.relu1(self.norm1(self.conv1(x))))
        x = self.pool2(self.relu2(self.norm2(self.conv2(x))))
        logits: Tensor = self.fc(self.flatten(x))
        return logits


class Digits(ImageTask):
    """The digits task; its model is a `DigitsCnn`.

    Attributes
    ----------
    recipe : of the demo: half of the channels, 4 bits
    """

    epochs = 40
    recipe = Recipe(
        PruneRecipe(channels=0.5, epochs=50),
        QuantizeRecipe(weights="int4", activations="uint4", output="int8", epochs=70),
    )

    def __init__(self, seed: int = 0, width: int = 16):
        data, digits = load_digits(return_X_y=True)
        images = torch.from_numpy((data / 16).astype(np.float32)).reshape(-1, 1, 8, 8)
        labels = torch.from_numpy(digits).long()
        train, test = train_test_split(
            np.arange(len(digits)), test_size=HELD_OUT, stratify=digits, random_state=SPLIT_SEED
        )
        super().__init__(
            seed,
            lambda: DigitsCnn(width),
            (images[train], labels[train]),
            (images[test], labels[test]),
        )
