"""Golden against the float PyTorch forward of the same network and batch, images per second.

Run as a script; prints both medians, measured alternately in one run, and their ratio.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from hwgen.formats import Fixed
from hwgen.network import Conv2d, Flatten, Input, Linear, MaxPool2d, Network, Node, Op, Requantize

SEED = 0
BATCHES = (360, 1437)  # the held-out and the training digits
REPEATS = 61


def float_model() -> nn.Module:
    """Return the digits CNN in float, ready for inference."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 10),
    ).eval()


def integer_network() -> Network:
    """Return the network of the same shapes with 4-bit weights and activations."""
    rng = np.random.default_rng(SEED)

    def weights(*shape: int) -> dict[str, object]:
        return {
            "weight": rng.integers(-7, 8, shape),
            "bias": rng.integers(-100, 101, shape[0]),
            "weight_format": Fixed(4),
            "weight_scale": np.full(shape[0], 0.1),
        }

    def requantize(channels: int, shift: int) -> Requantize:
        multiplier = rng.integers(128, 256, channels)
        return Requantize(multiplier, [8 + shift], Fixed(4, signed=False), [0.1])

    ops: list[tuple[str, Op]] = [
        ("input", Input((1, 8, 8), Fixed(4, signed=False), [1.0])),
        ("conv1", Conv2d(**weights(16, 1, 3, 3), padding=(1, 1))),
        ("relu1", requantize(16, 4)),
        ("pool1", MaxPool2d((2, 2), (2, 2))),
        ("conv2", Conv2d(**weights(32, 16, 3, 3), padding=(1, 1))),
        ("relu2", requantize(32, 6)),
        ("pool2", MaxPool2d((2, 2), (2, 2))),
        ("flatten", Flatten()),
        ("linear", Linear(**weights(10, 128))),
    ]
    names = [name for name, _ in ops]
    return Network(
        tuple(
            Node(name, op, tuple(names[index - 1 : index])) for index, (name, op) in enumerate(ops)
        )
    )


def seconds(call: Callable[[Any], object], x: object) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    call(x)
    return time.perf_counter() - start


def rates(model: nn.Module, network: Network, batch: int) -> tuple[float, float]:
    """Return the images per second of golden and of torch: medians of alternate calls."""
    x = np.random.default_rng(SEED).integers(0, 16, (batch, 1, 8, 8))
    real = torch.from_numpy(x.astype(np.float32))
    golden_times, torch_times = [], []
    with torch.no_grad():
        for _ in range(REPEATS):
            torch_times.append(seconds(model, real))
            golden_times.append(seconds(network.run, x))
    return batch / statistics.median(golden_times), batch / statistics.median(torch_times)


def main() -> None:
    """Measure and print."""
    torch.manual_seed(SEED)
    model, network = float_model(), integer_network()
    print(f"{'batch':>6} {'golden img/s':>14} {'torch img/s':>14} {'ratio':>7}")
    for batch in BATCHES:
        golden, reference = rates(model, network, batch)
        print(f"{batch:>6} {golden:>14.0f} {reference:>14.0f} {golden / reference:>7.2f}")


if __name__ == "__main__":
    main()
