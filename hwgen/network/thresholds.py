"""Requantizers as thresholds: the same function of every value that can occur, said by counting.

A requantizer never falls where its input rises, whatever its rounding and clamp, so the integers
at which its output steps say all about it (FINN, Umuroglu et al. 2017, section 4.2.2, absorbs
batch norm and activation so). A few comparisons are often cheaper than a multiplier.
"""

__all__ = ["absorb", "as_threshold", "thresholds_of"]

import numpy as np

from hwgen.network.graph import Network, Node
from hwgen.network.inference import infer
from hwgen.network.ops import IntArray, Requantize, Threshold
from hwgen.network.ranges import requantize_value
from hwgen.network.tensor import Tensor


def thresholds_of(op: Requantize, x: Tensor) -> IntArray:
    """Return the thresholds of a requantizer on the proven range of its input.

    With lo the smallest output of any channel and T the steps from there to the largest, the
    k-th threshold is the least q of the channel's range whose output is at least lo + k, and
    x.hi + 1 where no q reaches it.

    Parameters
    ----------
    op : the requantizer
    x : type of its input

    Returns
    -------
    (channels, T), or (1, T) where one multiplier and one shift serve all channels; int64

    Raises
    ------
    NetworkError : the input does not fit the requantizer
    """
    y = infer(op, [x])
    rows = max(op.multiplier.size, op.shift.size)
    multipliers = np.broadcast_to(op.multiplier, rows).tolist()
    shifts = np.broadcast_to(op.shift, rows).tolist()
    lows = x.lows.tolist() if rows > 1 else [x.lo]
    highs = x.highs.tolist() if rows > 1 else [x.hi]
    found = np.full((rows, y.hi - y.lo), x.hi + 1, dtype=np.int64)
    for row in range(rows):
        least, end = lows[row], highs[row] + 1
        for step in range(y.hi - y.lo):
            below, reached = least, end  # outputs below `below` are too small, `reached` is not
            while below < reached:
                middle = (below + reached) // 2
                value = requantize_value(op, middle - x.zero_point, multipliers[row], shifts[row])
                if value >= y.lo + step + 1:
                    reached = middle
                else:
                    below = middle + 1
            if reached == end:
                break  # and none of the following is reached either
            found[row, step] = least = reached
    return found


def as_threshold(op: Requantize, x: Tensor) -> Threshold | None:
    """Return the `Threshold` that equals a requantizer on the range of `x`.

    None where the output never changes: there is nothing to count.

    Raises
    ------
    NetworkError : the input does not fit the requantizer
    """
    thresholds = thresholds_of(op, x)
    if thresholds.shape[1] == 0:
        return None
    return Threshold(thresholds, op.format, op.scale, op.zero_point, infer(op, [x]).lo)


def absorb(network: Network, most: int = 15) -> Network:
    """Return the network with thresholds in place of requantizers of narrow outputs.

    Every value of the network stays what it was, and so do ranges and scales.

    Parameters
    ----------
    network : any
    most : steps from the smallest to the largest output that are still worth it
    """

    def change(node: Node) -> Node:
        y = network.tensors[node.name]
        if not isinstance(node.op, Requantize) or y.hi - y.lo > most:
            return node
        op = as_threshold(node.op, network.tensors[node.inputs[0]])
        return node if op is None else Node(node.name, op, node.inputs)

    return network.map(change)
