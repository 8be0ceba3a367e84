"""Absorbing: requantizers of few output values become thresholds, which are counted.

A few comparisons are often cheaper than a multiplier. The integers at which a requantizer's output
steps say all about it: `hwgen.network.thresholds`.
"""

__all__ = ["absorb"]

from hwgen.network import Network, Node, Requantize
from hwgen.network.thresholds import as_threshold


def absorb(network: Network, most: int = 15) -> Network:
    """Return the network with thresholds in place of requantizers of narrow outputs.

    Every value of the network stays what it was, and so do names, ranges and scales.

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
