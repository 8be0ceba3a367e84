"""The task of the demo: scikit-learn's handwritten digits, 1797 real images of 8x8 pixels.

The split is stratified and fixed: 360 images are held out, the same ones for every seed. The
seed sets initial weights, batches and augmentation. Training runs on one thread: so small a model
is slower on more (much slower on a busy machine), and results repeat whatever torch is set to.
"""

__all__ = ["HELD_OUT", "Digits", "DigitsCnn"]

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from hwgen.compression.recipe import PruneRecipe, QuantizeRecipe, Recipe
from hwgen.compression.threads import thrifty_threads

HELD_OUT = 360
SPLIT_SEED = 0
BATCH = 64
LEARNING_RATE = 4e-3


class DigitsCnn(nn.Module):
    """Two convolutions of 16 and 32 channels, each with batch norm, ReLU and a pool of 2."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(16)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(32)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (batch, 10) of images (batch, 1, 8, 8)."""
        x = self.pool1(self.relu1(self.norm1(self.conv1(x))))
        x = self.pool2(self.relu2(self.norm2(self.conv2(x))))
        logits: Tensor = self.fc(self.flatten(x))
        return logits


class Digits:
    """The digits task: data, an untrained model, and how to train and evaluate any model on it.

    Attributes
    ----------
    model : an untrained `DigitsCnn`; `train(model, epochs)` trains it
    epochs : that the float model wants
    recipe : of the demo: half of the channels, 4 bits
    example : (1, 1, 8, 8) float32
    calibration : batches of training images
    test_inputs : (360, 1, 8, 8) float32 in [0, 1], held out
    test_labels : (360,) int64
    """

    epochs = 40
    recipe = Recipe(
        PruneRecipe(channels=0.5, epochs=50),
        QuantizeRecipe(weights="int4", activations="uint4", output="int8", epochs=70),
    )

    def __init__(self, seed: int = 0):
        data, labels = load_digits(return_X_y=True)
        images = torch.from_numpy((data / 16).astype(np.float32)).reshape(-1, 1, 8, 8)
        train, test = train_test_split(
            np.arange(len(labels)), test_size=HELD_OUT, stratify=labels, random_state=SPLIT_SEED
        )
        self.seed = seed
        self._inputs = images[train]
        self._labels = torch.from_numpy(labels[train]).long()
        self.test_inputs = images[test]
        self.test_labels = torch.from_numpy(labels[test]).long()
        self.example = self.test_inputs[:1]
        self.calibration = list(torch.split(self._inputs, 256))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model: nn.Module = DigitsCnn()

    def train(
        self, model: nn.Module, epochs: int, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Train any model of digits in place, and leave it in evaluation mode.

        Adam with a one-cycle learning rate; half of the images are shifted by up to one pixel.

        Parameters
        ----------
        model : images (batch, 1, 8, 8) to logits (batch, 10)
        progress : called with (epochs done, epochs) after each epoch
        """
        generator = torch.Generator().manual_seed(self.seed)
        steps = -(-len(self._inputs) // BATCH)
        optimizer = torch.optim.Adam(model.parameters())
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, LEARNING_RATE, total_steps=max(1, epochs * steps)
        )
        model.train()
        for epoch in range(epochs):
            order = torch.randperm(len(self._inputs), generator=generator)
            with thrifty_threads(model, self.example):
                for batch in torch.split(order, BATCH):
                    logits = model(_shift(self._inputs[batch], generator))
                    loss = F.cross_entropy(logits, self._labels[batch])
                    optimizer.zero_grad()
                    torch.autograd.backward(loss)
                    optimizer.step()
                    schedule.step()
            if progress is not None:
                progress(epoch + 1, epochs)
        model.eval()

    def evaluate(self, model: nn.Module) -> float:
        """Return the share of the held-out images that the model, in evaluation mode, gets right.

        Returns
        -------
        accuracy in [0, 1]
        """
        model.eval()
        with torch.no_grad(), thrifty_threads(model, self.example):
            right = model(self.test_inputs).argmax(1) == self.test_labels
        return float(right.double().mean())


def _shift(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return a batch of images, half of them moved by up to a pixel each way, zeros moving in."""
    count, _, height, width = images.shape
    padded = F.pad(images, (1, 1, 1, 1))
    moved = torch.randint(0, 2, (count,), generator=generator)
    down, right = 1 + moved * torch.randint(-1, 2, (2, count), generator=generator)
    rows = down[:, None] + torch.arange(height)
    columns = right[:, None] + torch.arange(width)
    index = torch.arange(count)
    return padded[index[:, None, None], 0, rows[:, :, None], columns[:, None, :]][:, None]
