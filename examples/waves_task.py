"""A task of one's own: which of four waveforms a noisy signal holds."""

import math

import torch
from torch import nn

NAMES = ("sine", "square", "triangle", "sawtooth")
LENGTH = 32  # samples of a signal, which is one channel


def signals(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (count, 1, LENGTH) signals of random phase and pitch, with noise, and their kinds."""
    random = torch.Generator().manual_seed(seed)
    kinds = torch.randint(len(NAMES), (count,), generator=random)
    phase = torch.rand(count, 1, generator=random)
    pitch = 1.5 + torch.rand(count, 1, generator=random)
    at = (phase + pitch * torch.arange(LENGTH) / LENGTH) % 1.0  # where in its period each sample is
    sine = torch.sin(2 * math.pi * at)
    waves = torch.stack([sine, sine.sign(), 1 - 4 * (at - 0.5).abs(), 2 * at - 1])
    clean = waves[kinds, torch.arange(count)]
    return (clean + 0.2 * torch.randn(count, LENGTH, generator=random))[:, None], kinds


class Waves:
    """What `hwgen compress` asks of a task."""

    def __init__(self) -> None:
        torch.manual_seed(0)  # so that each run begins with the same weights
        self.model = nn.Sequential(
            nn.Conv1d(1, 8, 5, padding=2),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(8, 12, 5, padding=2),
            nn.BatchNorm1d(12),
            nn.ReLU(),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.Linear(12, len(NAMES)),
        )
        self.inputs, self.labels = signals(2000, seed=1)
        self.test_inputs, self.test_labels = signals(1000, seed=2)
        self.example = self.inputs[:1]  # one input, with a batch axis
        self.calibration = list(self.inputs.split(100))  # what ranges are measured on
        self.epochs = 12  # of the float model

    def train(self, model: nn.Module, epochs: int) -> None:
        """Train in place: for the float model, behind each step of pruning, and in QAT."""
        model.train()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(epochs):
            for rows in torch.randperm(len(self.inputs)).split(100):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(self.inputs[rows]), self.labels[rows])
                loss.backward()
                optimizer.step()

    def evaluate(self, model: nn.Module) -> float:
        """Return the share of held-out signals that are right."""
        model.eval()
        with torch.no_grad():
            right = model(self.test_inputs).argmax(1) == self.test_labels
        return float(right.double().mean())


task = Waves()
