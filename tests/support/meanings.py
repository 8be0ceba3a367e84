"""What a network means, as text and in PyTorch, against golden."""

import numpy as np
import torch
from torch import nn

from hwgen.importers.from_torch import trace_torch
from hwgen.network import ArgMax, Network
from hwgen.network.text import from_text, to_text


class DifferenceError(Exception):
    """Two meanings of one network differ; the text says where."""


def compare_text(network: Network) -> None:
    """text form == network; what is saved of a failure stands on it."""
    if from_text(to_text(network)) != network:
        raise DifferenceError("network read back from its text form is another one")


def compare_torch(module: nn.Module, network: Network, x: torch.Tensor) -> None:
    """torch == golden: every node's integers, and the output's reals, of float64."""
    q = network.quantize(x.numpy())
    ours, theirs = trace_torch(module, x), network.trace(q)
    if list(ours) != list(theirs):
        raise DifferenceError(f"nodes are {list(ours)} in torch and {list(theirs)} in golden")
    for name, values in theirs.items():
        if ours[name].dtype != np.int64:
            raise DifferenceError(f"{name}: torch's integers are {ours[name].dtype}")
        if not np.array_equal(ours[name], values):
            place = tuple(int(n) for n in np.argwhere(ours[name] != values)[0])
            raise DifferenceError(
                f"{name}, {place}: torch has {ours[name][place]}, golden {values[place]}"
            )
    with torch.no_grad():
        real = module(x).numpy()
    golden = network.run(q)
    expected = network.dequantize(golden)
    if real.dtype != np.float64:
        raise DifferenceError(f"output: torch's reals are {real.dtype}")
    if real.shape != expected.shape and not isinstance(network.nodes[-1].op, ArgMax):
        raise DifferenceError(f"output: {real.shape} in torch and {expected.shape} in golden")
    if not np.array_equal(real.reshape(expected.shape), expected):
        raise DifferenceError("output: torch's reals are not scale * (q - zero point) of golden's")
    scale = network.output.scale.reshape(-1, *[1] * (expected.ndim - 2))
    steps = np.rint(real.reshape(expected.shape) / scale).astype(np.int64)
    if not np.array_equal(steps + network.output.zero_point, golden):
        raise DifferenceError("output: torch's reals do not round to golden's integers")
