"""From scores of the filters of each layer to scores of channels that go together: their sum."""

__all__ = ["Importance", "summed"]

from collections.abc import Callable, Mapping

from torch import Tensor

from hwgen.compression.prune.channel_groups import ChannelGroups
from hwgen.compression.prune.state import PruningState
from hwgen.torch_graph.float_graph import FloatGraph

Importance = Callable[[PruningState, FloatGraph, ChannelGroups], dict[int, float]]


def summed(scores: Mapping[str, Tensor], groups: ChannelGroups) -> dict[int, float]:
    """Return the score of each number.

    Parameters
    ----------
    scores : (channels,) by path of a layer
    """
    total: dict[int, float] = {}
    for path, score in scores.items():
        for channel, value in zip(groups.of(path), score.tolist(), strict=True):
            total[channel] = total.get(channel, 0.0) + value
    return total
