"""How far a filter lies from all others of its layer: sum over j of ||w_i - w_j||.

The filters nearest to the geometric median go: the others can stand in for them. After He et al.,
"Filter Pruning via Geometric Median for Deep Convolutional Neural Networks Acceleration" (FPGM,
CVPR 2019).
"""

__all__ = ["median"]

import torch

from hwgen.compression.prune.channel_groups import WEIGHTED, ChannelGroups
from hwgen.compression.prune.importance.layerwise import summed
from hwgen.compression.prune.state import PruningState
from hwgen.torch_graph.float_graph import FloatGraph

EXACT = "donot_use_mm_for_euclid_dist"  # the other way loses small distances


def median(state: PruningState, graph: FloatGraph, groups: ChannelGroups) -> dict[int, float]:
    """Return the sums of distances to the layer's other filters."""
    scores = {}
    for layer in graph.layers:
        if isinstance(layer.module, WEIGHTED):
            rows = layer.module.get_parameter("weight").detach().double().flatten(1)
            scores[layer.path] = torch.cdist(rows, rows, compute_mode=EXACT).sum(1)
    return summed(scores, groups)
