"""How much a channel matters: interchangeable functions, one file a method.

Each is `importance(state, graph, groups) -> {number: score}`, for the numbers that `ChannelGroups`
gives to channels that go together. The smallest scores of a group go first.
"""

__all__ = ["IMPORTANCE", "Importance"]

from hwgen.compression.prune.importance.layerwise import Importance
from hwgen.compression.prune.importance.median import median
from hwgen.compression.prune.importance.norm_scale import norm_scale
from hwgen.compression.prune.importance.norms import l1, l2
from hwgen.compression.prune.importance.reconstruction import reconstruction
from hwgen.compression.prune.importance.taylor import taylor

IMPORTANCE: dict[str, Importance] = {
    "l1": l1,
    "l2": l2,
    "norm_scale": norm_scale,
    "taylor": taylor,
    "median": median,
    "reconstruction": reconstruction,
}
