"""Moving average: the extremes of a batch, averaged over the batches, the newer the weightier.

    m <- m + 0.1 * (max x - m), and the minimum likewise

Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference" (CVPR 2018), section 3.1.
"""

__all__ = ["moving_average"]

from hwgen.compression.quantize.observed import Observed, Placement, place
from hwgen.formats import Fixed


def moving_average(seen: Observed, format: Fixed, power_of_two: bool) -> Placement:
    """Return the grid of the averaged extremes; one batch gives that of min-max."""
    return place(seen.average_lo, seen.average_hi, format, power_of_two)
