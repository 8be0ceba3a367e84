"""What a network means, as text and in PyTorch, against golden."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hwgen.importers.from_torch import trace_torch
from hwgen.network import ArgMax, Network, Output
from hwgen.network.text import from_text, to_text

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Reals = torch.Tensor | tuple[torch.Tensor, ...]  # of several inputs a tuple


class DifferenceError(Exception):
    """Two meanings of one network differ; the text says where."""


def compare_text(network: Network) -> None:
    """text form == network; what is saved of a failure stands on it."""
    if from_text(to_text(network)) != network:
        raise DifferenceError("network read back from its text form is another one")


def parts_of(x: Reals) -> tuple[torch.Tensor, ...]:
    """Return the reals of each input, in order."""
    return x if isinstance(x, tuple) else (x,)


def arrays_of(x: Reals) -> object:
    """Return reals as `Network.quantize` takes them."""
    arrays = tuple(part.numpy() for part in parts_of(x))
    return arrays if len(arrays) > 1 else arrays[0]


def compare_torch(module: nn.Module, network: Network, x: Reals) -> None:
    """torch == golden: every node's integers, and the reals of each output, of float64."""
    q = network.quantize(arrays_of(x))
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
        returned = module(*parts_of(x))
    if isinstance(returned, torch.Tensor):
        returned = (returned,)
    reals = returned.values() if isinstance(returned, Mapping) else returned
    golden = network.returned(network.run(q))
    expected = network.returned(network.dequantize(golden))
    for end, real in zip(network.ends, reals, strict=True):
        _compare_output(network, end, real.numpy(), expected[end.name], golden[end.name])


def _compare_output(
    network: Network, end: Output, real: FloatArray, expected: FloatArray, golden: IntArray
) -> None:
    if real.dtype != np.float64:
        raise DifferenceError(f"output {end.name}: torch's reals are {real.dtype}")
    if real.shape != expected.shape and not isinstance(network[end.node].op, ArgMax):
        raise DifferenceError(
            f"output {end.name}: {real.shape} in torch and {expected.shape} in golden"
        )
    if not np.array_equal(real.reshape(expected.shape), expected):
        raise DifferenceError(
            f"output {end.name}: torch's reals are not what golden's integers stand for"
        )
    if end.steps:  # the host's functions do not round back
        return
    y = network.tensors[end.node]
    scale = y.scale.reshape(-1, *[1] * (expected.ndim - 2))
    steps = np.rint(real.reshape(expected.shape) / scale).astype(np.int64)
    if not np.array_equal(steps + y.zero_point, golden):
        raise DifferenceError(f"output {end.name}: torch's reals do not round to golden's integers")
