"""A residual model, what trains it, and a recipe of each way to prune by masks."""

import torch
from torch import nn

from hwgen.compression import PruneRecipe
from support.torch_models import random_norm

X = torch.randn(24, 2, 8, 8, generator=torch.Generator().manual_seed(0))

MASKING = {
    "weights": PruneRecipe(weights=0.8, epochs=2),
    "weights, global": PruneRecipe(weights=0.8, scope="global", epochs=2),
    "shapes": PruneRecipe(shapes=0.5, epochs=2),
    "stripes": PruneRecipe(stripes=0.6, epochs=2),
    "stripes in groups": PruneRecipe(stripes=0.6, group=4, epochs=2),
    "skeleton": PruneRecipe(stripes=0.6, skeleton=1e-3, epochs=2, steps=2),
    "channels, weights": PruneRecipe(0.5, weights=0.5, epochs=2, steps=3),
    "all": PruneRecipe(0.25, shapes=0.25, stripes=0.25, weights=0.5, epochs=2, steps=2),
}


class Residual(nn.Module):
    """Two residual blocks, the second of a depthwise and a grouped convolution."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(2, 8, 3, padding=1, bias=False), random_norm(8)
        self.a, self.b = nn.Conv2d(8, 12, 3, padding=1), nn.Conv2d(12, 8, 3, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.grouped = nn.Conv2d(8, 8, 1, groups=2)
        self.relu, self.pool = nn.ReLU(), nn.MaxPool2d(4)
        self.fc = nn.Linear(32, 5)

    def forward(self, x):
        x = self.relu(self.norm(self.stem(x)))
        x = self.relu(x + self.b(self.relu(self.a(x))))
        x = self.relu(self.grouped(self.relu(self.depthwise(x))) + x)
        return self.fc(self.pool(x).flatten(1))


def residual() -> Residual:
    torch.manual_seed(0)
    return Residual()


def train(model: nn.Module, epochs: int) -> None:
    """Adam with momentum, and weight decay; each epoch one step on random labels."""
    labels = torch.arange(len(X)) % 5
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(epochs):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(X), labels).backward()
        optimizer.step()
