"""The executor: a network over a batch, chunk by chunk, in bounded memory."""

__all__ = ["run", "trace"]

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from hwgen.errors import NetworkError
from hwgen.golden.exact import Values
from hwgen.golden.kernels import GOLDEN, Kernel
from hwgen.network.ends import one_or_all
from hwgen.network.graph import Given, Network
from hwgen.network.inference import Tensor
from hwgen.network.ops import Conv, IntArray, MaxPool, Requantize, Threshold

CHUNK_ELEMENTS = 1 << 18  # what the widest value of a chunk may hold: it should stay in the cache


def run(network: Network, x: Given) -> Any:
    """Return the output integers of a network for a batch of input integers.

    Parameters
    ----------
    x : (batch, *shape), integers in the range of the input's format; of several inputs a dict of
        them by name, or a tuple in order

    Returns
    -------
    (batch, *shape) int64; of several outputs a dict of them by name

    Raises
    ------
    NetworkError : `x` has another shape, is not of integers, or leaves the format's range
    """
    batches = _checked(network, x)
    outs = _execute(network, batches, [end.node for end in network.ends])
    return one_or_all({end.name: outs[end.node] for end in network.ends})


def trace(network: Network, x: Given) -> dict[str, IntArray]:
    """Return the integers of every node, by name, for a batch of input integers.

    Parameters
    ----------
    x : as `run` takes it

    Returns
    -------
    name -> (batch, *shape of that node) int64, in the order of the nodes

    Raises
    ------
    NetworkError : `x` has another shape, is not of integers, or leaves the format's range
    """
    return _execute(network, _checked(network, x), list(network.tensors))


def _execute(
    network: Network, batches: Mapping[str, Values], wanted: Collection[str]
) -> dict[str, IntArray]:
    """Return the values of the nodes of these names."""
    frames = len(next(iter(batches.values())))
    outs = {
        name: np.empty((frames, *network.tensors[name].shape), dtype=np.int64) for name in wanted
    }
    kernels = _prepare(network, outs)
    last_use = {source: node.name for node in network.nodes for source in node.inputs}
    size = _chunk_size(network)
    for start in range(0, frames, size):
        values: dict[str, Values] = {}
        for node in network.nodes:
            if node.name in batches:
                inputs = [_chunk(batches[node.name][start : start + size])]
            else:
                inputs = [values[name] for name in node.inputs]
            value = values[node.name] = kernels[node.name](*inputs)
            if node.name in outs:
                stop = start + value.shape[-1]
                outs[node.name][start:stop] = np.moveaxis(value, -1, 0)
            for name in node.inputs:
                if last_use[name] == node.name:
                    values.pop(name, None)
    return outs


def _prepare(network: Network, wanted: Collection[str]) -> dict[str, Kernel]:
    """Return the function of every node; of those not `wanted`, in the cheaper order."""
    ops = {node.name: node.op for node in network.nodes}
    types = dict(network.tensors)
    for pool in network.nodes:
        # Requantizing is monotone in each channel, so the largest value may be taken before it,
        # which leaves fewer values to requantize. The name between the two is then another value.
        # The same goes for thresholds.
        if isinstance(pool.op, MaxPool) and pool.inputs[0] not in wanted:
            before = network[pool.inputs[0]]
            alone = network.users(before.name) == (pool,)
            if isinstance(before.op, (Requantize, Threshold)) and alone:
                ops[before.name], ops[pool.name] = pool.op, before.op
                shape = types[pool.name].shape
                types[before.name] = replace(types[before.inputs[0]], shape=shape)
    return {
        node.name: GOLDEN[type(ops[node.name])](
            ops[node.name], [types[name] for name in node.inputs]
        )
        for node in network.nodes
    }


def _chunk_size(network: Network) -> int:
    """Return how many frames are computed at once."""
    widest = 1
    for node in network.nodes:
        shape = network.tensors[node.name].shape
        widest = max(widest, math.prod(shape))
        if isinstance(node.op, Conv):  # its windows, side by side
            window = node.op.groups * math.prod(node.op.weight.shape[1:])
            widest = max(widest, window * math.prod(shape[1:]))
    return max(1, CHUNK_ELEMENTS // widest)


def _chunk(frames: Values) -> Values:
    """Return frames with the batch as the last axis."""
    # formats have 16 bits at most
    return np.ascontiguousarray(np.moveaxis(frames, 0, -1), dtype=np.float32)


def _checked(network: Network, x: Given) -> dict[str, Values]:
    """Return the batch of each input, by name; all have equally many frames."""
    given = network.given(x)
    batches = {
        name: _batch(tensor, given[name], "Input" if len(given) == 1 else f"Input {name!r}")
        for name, tensor in network.inputs.items()
    }
    counts = {name: len(batch) for name, batch in batches.items()}
    if len(set(counts.values())) > 1:
        raise NetworkError(f"Inputs must be equally many frames, not {counts}")
    return batches


def _batch(tensor: Tensor, x: object, what: str) -> Values:
    try:
        batch = np.asarray(x)
    except ValueError as error:
        raise NetworkError(f"{what} must be one array, not rows of unlike length ({error})") from (
            error
        )
    wanted = f"(batch, {', '.join(map(str, tensor.shape))})"
    if batch.shape == tensor.shape:
        raise NetworkError(f"{what} must have shape {wanted}, not {batch.shape}; pass x[None]")
    if batch.shape[1:] != tensor.shape or batch.ndim != len(tensor.shape) + 1:
        raise NetworkError(f"{what} must have shape {wanted}, not {batch.shape}")
    if batch.dtype.kind not in "iu":
        raise NetworkError(
            f"{what} must be integers, not {batch.dtype}; network.quantize(x) makes them from reals"
        )
    if batch.size == 0:
        return batch
    assert tensor.format is not None
    if not tensor.format.holds(batch):
        raise NetworkError(
            f"{what} must lie in {tensor.format.extent}, the range of "
            f"{tensor.format}, not [{batch.min()}, {batch.max()}]; "
            "network.quantize(x) makes such integers from reals"
        )
    return batch
