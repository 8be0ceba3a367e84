"""How far a grid reaches: post-training calibration, one file a method.

Each method takes what was `Observed`, a format, and whether scales are powers of two, and returns
the `Placement` of the grid.
"""

__all__ = ["METHODS", "Method", "kl", "minmax", "moving_average", "mse", "percentile"]

from collections.abc import Callable

from hwgen.compression.quantize.calibrate.kl import kl
from hwgen.compression.quantize.calibrate.minmax import minmax
from hwgen.compression.quantize.calibrate.moving_average import moving_average
from hwgen.compression.quantize.calibrate.mse import mse
from hwgen.compression.quantize.calibrate.percentile import percentile
from hwgen.compression.quantize.observed import Observed, Placement
from hwgen.formats import Fixed

Method = Callable[[Observed, Fixed, bool], Placement]
MINMAX_BITS = 8


def _auto(seen: Observed, format: Fixed, power_of_two: bool) -> Placement:
    """The whole range from 8 bits on; below, the least squared error, which clips outliers."""
    method = minmax if format.bits >= MINMAX_BITS else mse
    return method(seen, format, power_of_two)


METHODS: dict[str, Method] = {
    "auto": _auto,
    "minmax": minmax,
    "moving_average": moving_average,
    "percentile": percentile,
    "mse": mse,
    "kl": kl,
}
