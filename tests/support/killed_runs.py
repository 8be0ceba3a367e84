"""A script: compress in child processes, kill each at a random moment, go on, compare the ends.

    python killed_runs.py FOLDER SEED

Each child has random states of its own, and its training draws from the global generators. It
prints how many children were killed, how many results were found, and whether the end is the one
of a run that was never killed.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from hwgen.compression import PruneRecipe, PruneTarget, QuantizeRecipe, Recipe, compress
from hwgen.compression.resume.checkpoints import state_hash

X = torch.randn(24, 2, 6, 6, generator=torch.Generator().manual_seed(0))
RECIPES = (
    Recipe(
        PruneRecipe(channels=0.5, importance="taylor", steps=2, epochs=3, sensitivity=0.5),
        QuantizeRecipe("int4", "uint4", tune=2, epochs=3),
        epochs=4,
    ),
    Recipe(
        PruneRecipe(stripes=0.5, weights=0.5, skeleton=1e-3, steps=2, epochs=3),
        QuantizeRecipe("pot4", "uint4", incremental=(0.5, 0.75, 1.0), epochs=3),
        epochs=4,
    ),
    Recipe(
        PruneRecipe(blocks=1, channels=0.5, steps=4, epochs=3, target=PruneTarget(accuracy=-0.3)),
        QuantizeRecipe("cb4:8", "uint4", epochs=3),
    ),
)


class Net(nn.Module):
    """A residual CNN with batch norm and dropout."""

    def __init__(self):
        super().__init__()
        self.a, self.norm = nn.Conv2d(2, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.b, self.c = nn.Conv2d(6, 8, 3, padding=1), nn.Conv2d(8, 6, 3, padding=1)
        self.drop, self.fc = nn.Dropout(0.2), nn.Linear(54, 4)

    def forward(self, x):
        x = torch.relu(self.norm(self.a(x)))
        x = torch.max_pool2d(torch.relu(x + self.c(torch.relu(self.b(x)))), 2)
        return self.fc(self.drop(x.flatten(1)))


def train(model: nn.Module, epochs: int) -> None:
    """Train on labels and batches that all three global generators have a part in."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(epochs):
        order = torch.randperm(len(X))[: random.randrange(12, 24)]
        labels = torch.from_numpy(np.random.randint(0, 4, len(order)))  # noise is data enough
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(X[order]), labels).backward()
        optimizer.step()
        time.sleep(0.002)


def evaluate(model: nn.Module) -> float:
    """Return a figure between -1 and 0 that draws a random number, too."""
    with torch.no_grad():
        return -float(torch.sigmoid(model(X[: random.randrange(4, 24)])).double().mean())


def run(recipe: Recipe, folder: Path, found: Path) -> None:
    """Compress, and write what came out."""
    torch.manual_seed(0)
    model = Net()
    torch.seed()
    np.random.seed()
    random.seed()
    batches = (X[torch.randperm(len(X))[:8]] for _ in range(3))  # random data, too
    done = compress(
        model,
        recipe,
        train=train,
        evaluate=evaluate,
        calibration=batches,
        example=X[:1],
        checkpoints=folder,
    )
    history = [repr(replace(record, seconds=0.0)) for record in done.history]
    ends = (random.random(), np.random.rand(), float(torch.rand(1)))
    found.write_text(json.dumps([state_hash(done.module), history, done.stopped, ends]))


def child(recipe: Recipe, folder: Path, found: Path) -> int:
    """Start a run in a process of its own, and return its id."""
    pid = os.fork()
    if pid == 0:
        try:
            run(recipe, folder, found)
            os._exit(0)
        finally:
            os._exit(1)
    return pid


def main(root: Path, seed: int) -> None:
    """Kill runs until one ends, and run again what was never killed."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    recipe = RECIPES[seed % len(RECIPES)]
    broken, whole = root / "broken", root / "whole"
    run(recipe, root / "warm", root / "warm.json")  # what Python imports late is there
    start = time.monotonic()
    run(recipe, root / "timed", root / "timed.json")
    whole_run = time.monotonic() - start
    killed = 0
    while True:
        pid = child(recipe, broken, root / "broken.json")
        time.sleep(whole_run * rng.uniform(0, 0.5 + killed / 4))  # at last one ends
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            break
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        killed += 1
    assert status == 0
    whole.mkdir()
    shutil.copyfile(broken / "run.json", whole / "run.json")  # the same random states
    assert os.waitpid(child(recipe, whole, root / "whole.json"), 0)[1] == 0
    kept = [len(list(folder.glob("??/*/complete.json"))) for folder in (broken, whole)]
    same = (root / "broken.json").read_text() == (root / "whole.json").read_text()
    leftovers = [path.name for path in broken.iterdir() if path.name.startswith(".")]
    print(json.dumps({"killed": killed, "kept": kept, "same": same, "left": leftovers}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
