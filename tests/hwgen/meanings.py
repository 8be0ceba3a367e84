"""What a network means, as text and in PyTorch, against golden."""

import numpy as np
import torch
from torch import nn

from hwgen.importers import trace_torch
from hwgen.network import Network
from hwgen.network.text import from_text, to_text


class DifferenceError(Exception):
    """Two meanings of one network differ; the text says where."""


def compare_text(network: Network) -> None:
    """text form == network; what is saved of a failure stands on it."""
    if from_text(to_text(network)) != network:
        raise DifferenceError("network read back from its text form is another one")


def compare_torch(module: nn.Module, network: Network, x: torch.Tensor) -> None:
    """torch == golden: every node's integers, and the output's reals."""
    q = network.quantize(x.numpy())
    ours, theirs = trace_torch(module, x), network.trace(q)
    if list(ours) != list(theirs):
        raise DifferenceError(f"nodes are {list(ours)} in torch and {list(theirs)} in golden")
    for name, values in theirs.items():
        if not np.array_equal(ours[name], values):
            place = tuple(int(n) for n in np.argwhere(ours[name] != values)[0])
            raise DifferenceError(
                f"{name}, {place}: torch has {ours[name][place]}, golden {values[place]}"
            )
    with torch.no_grad():
        real = module(x).numpy()
    expected = network.dequantize(network.run(q))
    if not np.array_equal(real.reshape(expected.shape), expected):
        raise DifferenceError("output: torch's reals are not scale * (q - zero point) of golden's")
