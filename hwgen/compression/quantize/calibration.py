"""First scales of weights.

From 8 bits on the whole range is kept (min-max); below, the scale that gives the smallest mean
squared error wins, which clips outliers. Activations have the methods of `calibrate`.
"""

__all__ = ["least_scales", "search_scales", "weight_scales"]

from collections.abc import Callable

import torch
from torch import Tensor

from hwgen.compression.quantize.calibrate import MINMAX_BITS
from hwgen.compression.quantize.calibrate.mse import SHARES
from hwgen.compression.quantize.observed import mean_squared_error, up_to_power_of_two
from hwgen.compression.quantize.scale_limits import ScaleLimits, relative
from hwgen.formats import Fixed


def weight_scales(
    weight: Tensor,
    format: Fixed,
    power_of_two: bool,
    per_channel: bool = True,
    limits: ScaleLimits | None = None,
) -> Tensor:
    """Return symmetric scales, float64: of each output channel, (channels,), or one, (1,).

    Without limits a channel of zeros gets the scale of the largest channel, and none gets less than
    1/256 of it.

    Parameters
    ----------
    weight : (channels, ...)
    limits : of the layer's scales
    """
    hi = format.hi

    def error(rows: Tensor, step: Tensor) -> Tensor:
        return mean_squared_error(rows, step, -hi, hi, 0)

    few = format.bits < MINMAX_BITS
    return search_scales(weight, -hi, hi, error if few else None, power_of_two, per_channel, limits)


def search_scales(
    weight: Tensor,
    lo: int,
    hi: int,
    error: Callable[[Tensor, Tensor], Tensor] | None,
    power_of_two: bool,
    per_channel: bool,
    limits: ScaleLimits | None = None,
) -> Tensor:
    """Return the scales of least error, (channels,) or (1,) float64, up to those of the range.

    Parameters
    ----------
    weight : (channels, ...)
    lo, hi : smallest and largest integer
    error : of (channels, weights) on grids of steps (channels,); None keeps the whole range
    """
    rows = weight.detach().double().flatten(1)
    if not per_channel:
        rows = rows.reshape(1, -1)
    above, below = rows.amax(1).clamp(min=0), (-rows.amin(1)).clamp(min=0)
    largest = torch.maximum(
        above / hi if hi > 0 else 0 * above, below / -lo if lo < 0 else 0 * below
    )
    return least_scales(rows, largest, error, power_of_two, limits)


def least_scales(
    rows: Tensor,
    largest: Tensor,
    error: Callable[[Tensor, Tensor], Tensor] | None,
    power_of_two: bool,
    limits: ScaleLimits | None = None,
) -> Tensor:
    """Return the scales of least error, (channels,) float64, up to the largest that make sense.

    Parameters
    ----------
    rows : (channels, weights) float64
    largest : (channels,), that cover the whole range; 0 for a channel of zeros
    error : as in `search_scales`
    limits : of the layer's scales, None for those that they set each other
    """
    limits = relative(largest) if limits is None else limits
    largest = limits.settled(largest)
    least_scale = limits.fitting(largest).least
    best = up_to_power_of_two(largest) if power_of_two else largest
    if error is None:
        return best
    least = error(rows, best)
    for share in SHARES[1:]:
        step = torch.maximum(largest * share, least_scale)
        if power_of_two:
            step = up_to_power_of_two(step)
        now = error(rows, step)
        best = torch.where(now < least, step, best)
        least = torch.minimum(now, least)
    return best
