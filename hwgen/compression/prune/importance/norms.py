"""Norms of filters: sum |w| (L1), or the root of sum w**2 (L2).

After Li et al., "Pruning Filters for Efficient ConvNets" (ICLR 2017); L2 as in He et al., "Soft
Filter Pruning" (IJCAI 2018).
"""

__all__ = ["l1", "l2"]

from hwgen.compression.prune.channel_groups import WEIGHTED, ChannelGroups
from hwgen.compression.prune.importance.layerwise import summed
from hwgen.compression.prune.state import PruningState
from hwgen.torch_graph.float_graph import FloatGraph


def l1(state: PruningState, graph: FloatGraph, groups: ChannelGroups) -> dict[int, float]:
    """Return the L1 norms of what belongs to each channel."""
    return _norms(graph, groups, 1)


def l2(state: PruningState, graph: FloatGraph, groups: ChannelGroups) -> dict[int, float]:
    """Return the L2 norms, of each layer's filters, added up over layers."""
    return _norms(graph, groups, 2)


def _norms(graph: FloatGraph, groups: ChannelGroups, order: int) -> dict[int, float]:
    layers = [layer for layer in graph.layers if isinstance(layer.module, WEIGHTED)]
    scores = {
        la.path: la.module.get_parameter("weight").detach().flatten(1).norm(order, 1)
        for la in layers
    }
    return summed(scores, groups)
