"""Percentile: the range that holds all but the outermost values.

    [quantile(x, 1 - p), quantile(x, p)] with p = 99.99 %

McKinstry et al., "Discovering Low-Precision Networks Close to Full-Precision Networks for Efficient
Embedded Inference" (2018).
"""

__all__ = ["percentile"]

import numpy as np

from hwgen.compression.quantize.observed import Observed, Placement, place
from hwgen.formats import Fixed

SHARE = 0.9999


def percentile(seen: Observed, format: Fixed, power_of_two: bool) -> Placement:
    """Return the grid of the central 99.98 %, of a sample; all zeros keep the whole range."""
    lo, hi = np.quantile(seen.sample.cpu().numpy(), [1 - SHARE, SHARE])
    if lo >= 0 >= hi:
        lo, hi = seen.lo, seen.hi
    return place(float(lo), float(hi), format, power_of_two)
