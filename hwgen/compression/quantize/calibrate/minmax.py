"""Min-max: the whole range that was seen, nothing is clipped.

    scale = (max x - min x) / (levels - 1)

Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference" (2018).
"""

__all__ = ["minmax"]

from hwgen.compression.quantize.observed import Observed, Placement, place
from hwgen.formats import Fixed


def minmax(seen: Observed, format: Fixed, power_of_two: bool) -> Placement:
    """Return the grid of the extremes of all batches."""
    return place(seen.lo, seen.hi, format, power_of_two)
