"""Scores of channels that go together: the sum of the scores of their filters in each layer."""

__all__ = ["Importance", "summed"]

from collections.abc import Callable, Mapping

from torch import Tensor

from hwgen.compression.prune.channel_groups import ChannelGroups
from hwgen.compression.prune.state import PruningState
from hwgen.torch_graph.float_graph import FloatGraph

Importance = Callable[[PruningState, FloatGraph, ChannelGroups], dict[int, float]]


def summed(scores: Mapping[str, Tensor], groups: ChannelGroups) -> dict[int, float]:
    """Return the score of each number that `ChannelGroups` gives.

    Parameters
    ----------
    scores : of a layer's filters, (filters,), by its path
    """
    total: dict[int, float] = {}
    for path, score in scores.items():
        for channel, value in zip(groups.of(path), score.tolist(), strict=True):
            total[channel] = total.get(channel, 0.0) + value
    return total
