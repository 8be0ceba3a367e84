"""From scores of the filters of each layer to scores of channels that go together: their sum."""

__all__ = ["Importance", "summed"]

from collections.abc import Callable, Mapping

from torch import Tensor

from hwgen.compression.prune.channel_groups import Families
from hwgen.compression.prune.state import Subject
from hwgen.torch_graph.float_graph import Flow

Importance = Callable[[Subject, Flow, Families], dict[int, float]]


def summed(scores: Mapping[str, Tensor], families: Families) -> dict[int, float]:
    """Return the score of each number.

    Parameters
    ----------
    scores : (channels,) by path of a layer
    """
    total: dict[int, float] = {}
    for path, score in scores.items():
        for kind, value in zip(families.of(path), score.tolist(), strict=True):
            total[kind] = total.get(kind, 0.0) + value
    return total
