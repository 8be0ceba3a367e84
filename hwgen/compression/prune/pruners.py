"""All pruners by what they prune, in the order in which they run."""

__all__ = ["PRUNERS"]

from hwgen.compression.prune.channels import remove_channels
from hwgen.compression.prune.shapes import mask_shapes
from hwgen.compression.prune.state import Pruner
from hwgen.compression.prune.stripes import mask_stripes
from hwgen.compression.prune.weights import mask_weights

PRUNERS: dict[str, Pruner] = {
    "channels": remove_channels,
    "shapes": mask_shapes,
    "stripes": mask_stripes,
    "weights": mask_weights,
}
