"""The executor: a network over a batch, chunk by chunk, in bounded memory."""

__all__ = ["run", "trace"]

import math
from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hwgen.errors import NetworkError
from hwgen.golden.exact import Values
from hwgen.golden.kernels import GOLDEN, Kernel
from hwgen.network.graph import Network
from hwgen.network.ops import Conv, IntArray, MaxPool, Requantize, Threshold

CHUNK_ELEMENTS = 1 << 18  # what the widest value of a chunk may hold: it should stay in the cache


def run(network: Network, x: npt.ArrayLike) -> IntArray:
    """Return the output integers of a network for a batch of input integers.

    Parameters
    ----------
    x : (batch, *network.input.shape), integers in the range of the input's format

    Returns
    -------
    (batch, *network.output.shape) int64

    Raises
    ------
    NetworkError : `x` has another shape, is not of integers, or leaves the format's range
    """
    batch = _checked(network, x)
    last = network.nodes[-1].name
    out = np.empty((len(batch), *network.output.shape), dtype=np.int64)
    _execute(network, batch, {last: out})
    return out


def trace(network: Network, x: npt.ArrayLike) -> dict[str, IntArray]:
    """Return the integers of every node, by name, for a batch of input integers.

    Parameters
    ----------
    x : (batch, *network.input.shape), integers in the range of the input's format

    Returns
    -------
    name -> (batch, *shape of that node) int64, in the order of the nodes

    Raises
    ------
    NetworkError : `x` has another shape, is not of integers, or leaves the format's range
    """
    batch = _checked(network, x)
    outs = {
        name: np.empty((len(batch), *tensor.shape), dtype=np.int64)
        for name, tensor in network.tensors.items()
    }
    _execute(network, batch, outs)
    return outs


def _execute(network: Network, batch: Values, outs: dict[str, IntArray]) -> None:
    """Fill `outs` with the values of the nodes it names."""
    kernels = _prepare(network, outs)
    last_use = {source: node.name for node in network.nodes for source in node.inputs}
    first = network.nodes[0].name
    for start, chunk in _chunks(network, batch):
        values: dict[str, Values] = {}
        for node in network.nodes:
            inputs = [chunk] if node.name == first else [values[name] for name in node.inputs]
            value = values[node.name] = kernels[node.name](*inputs)
            if node.name in outs:
                stop = start + value.shape[-1]
                outs[node.name][start:stop] = np.moveaxis(value, -1, 0)
            for name in node.inputs:
                if last_use[name] == node.name:
                    values.pop(name, None)


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


def _chunks(network: Network, batch: Values) -> Iterator[tuple[int, Values]]:
    """Yield where each chunk starts and the chunk, with the batch as its last axis."""
    widest = 1
    for node in network.nodes:
        shape = network.tensors[node.name].shape
        widest = max(widest, math.prod(shape))
        if isinstance(node.op, Conv):  # its windows, side by side
            window = node.op.groups * math.prod(node.op.weight.shape[1:])
            widest = max(widest, window * math.prod(shape[1:]))
    size = max(1, CHUNK_ELEMENTS // widest)
    for start in range(0, len(batch), size):
        chunk = np.moveaxis(batch[start : start + size], 0, -1)
        yield start, np.ascontiguousarray(chunk, dtype=np.float32)  # formats have 16 bits at most


def _checked(network: Network, x: npt.ArrayLike) -> Values:
    tensor = network.input
    try:
        batch = np.asarray(x)
    except ValueError as error:
        raise NetworkError(f"Input must be one array, not rows of unlike length ({error})") from (
            error
        )
    wanted = f"(batch, {', '.join(map(str, tensor.shape))})"
    if batch.shape == tensor.shape:
        raise NetworkError(f"Input must have shape {wanted}, not {batch.shape}; pass x[None]")
    if batch.shape[1:] != tensor.shape or batch.ndim != len(tensor.shape) + 1:
        raise NetworkError(f"Input must have shape {wanted}, not {batch.shape}")
    if batch.dtype.kind not in "iu":
        raise NetworkError(
            f"Input must be integers, not {batch.dtype}; network.quantize(x) makes them from reals"
        )
    if batch.size == 0:
        return batch
    assert tensor.format is not None
    if not tensor.format.holds(batch):
        raise NetworkError(
            f"Input must lie in {tensor.format.extent}, the range of "
            f"{tensor.format}, not [{batch.min()}, {batch.max()}]; "
            "network.quantize(x) makes such integers from reals"
        )
    return batch
