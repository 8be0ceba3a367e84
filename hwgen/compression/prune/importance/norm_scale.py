"""The scale |gamma| of the batch norm behind a filter.

After Liu et al., "Learning Efficient Convolutional Networks through Network Slimming" (ICCV
2017). Train with `penalty(model, "norms", strength)` added to the loss first, so that scales of
channels that do not matter become small.
"""

__all__ = ["norm_scale"]

from hwgen.compression.prune.channel_groups import NORMS, ChannelGroups
from hwgen.compression.prune.importance.layerwise import summed
from hwgen.compression.prune.state import PruningState
from hwgen.errors import HwgenError
from hwgen.torch_graph.float_graph import FloatGraph


def norm_scale(state: PruningState, graph: FloatGraph, groups: ChannelGroups) -> dict[int, float]:
    """Return the batch norms' scales, added up where channels go together.

    Raises
    ------
    HwgenError : channels without a batch norm; names the layer
    """
    scales = {
        layer.path: layer.module.get_parameter("weight").detach().abs()
        for layer in graph.layers
        if isinstance(layer.module, NORMS) and layer.module.affine
    }
    scores = summed(scales, groups)
    for paths, channels in groups.removable().items():
        if not all(channel in scores for channel in channels):
            raise HwgenError(
                f"{paths[0]}: importance norm_scale needs a BatchNorm with a scale behind the "
                "layer; add one, or use importance l1"
            )
    return scores
