"""What values were on real data, and the grids that can hold them."""

__all__ = ["Observed", "Placement", "mean_squared_error", "observe", "place", "up_to_power_of_two"]

from dataclasses import dataclass

import torch
from torch import Tensor

from hwgen.errors import FormatError
from hwgen.formats import Fixed

SAMPLES = 1 << 17  # values kept for the search
MOMENTUM = 0.1  # weight of the newest batch in the moving average


@dataclass(frozen=True)
class Observed:
    """What a value was on the calibration data.

    lo, hi : extremes of all batches
    average_lo, average_hi : moving average of the extremes of each batch
    sample : float64, (values,)
    """

    lo: float
    hi: float
    sample: Tensor
    average_lo: float
    average_hi: float


@dataclass(frozen=True)
class Placement:
    """Where a grid lies: real = scale * (q - zero_point); scale is (1,) float64."""

    scale: Tensor
    zero_point: int


def observe(before: Observed | None, x: Tensor, path: str) -> Observed:
    """Return what was seen so far together with x.

    Raises
    ------
    FormatError : x has NaN or infinity; names the layer
    """
    if not torch.isfinite(x).all():
        raise FormatError(
            f"{path}: activations on the calibration data must be finite, not NaN or infinity; "
            "mend the data, or the weights before this layer"
        )
    values = x.detach().flatten().double()
    lo, hi = float(values.min()), float(values.max())
    average_lo, average_hi = lo, hi
    if before is not None:
        average_lo = before.average_lo + MOMENTUM * (lo - before.average_lo)
        average_hi = before.average_hi + MOMENTUM * (hi - before.average_hi)
        lo, hi = min(lo, before.lo), max(hi, before.hi)
        values = torch.cat([before.sample, values])
    every = -(-values.numel() // SAMPLES)
    return Observed(lo, hi, values[::every], average_lo, average_hi)


def up_to_power_of_two(step: Tensor) -> Tensor:
    """Return the smallest power of two that is not below each step."""
    return torch.exp2(torch.ceil(torch.log2(step)))


def place(lo: float, hi: float, format: Fixed, power_of_two: bool) -> Placement:
    """Return the finest grid on which the reals [lo, hi] and zero lie without being clamped.

    The zero point is 0, but for an unsigned format whose values go below zero.
    """
    lo, hi = min(lo, 0.0), max(hi, 0.0)
    shifted = not format.signed and lo < 0
    if shifted:
        reach = (hi - lo) / (format.hi - format.lo)
    else:
        reach = max(hi / format.hi, lo / format.lo if format.signed else 0.0)
    step = torch.tensor([reach if reach > 0 else 1.0], dtype=torch.float64)
    if power_of_two:
        step = up_to_power_of_two(step)
    zero = format.lo + round(-lo / float(step)) if shifted else 0
    return Placement(step, min(max(zero, format.lo), format.hi))


def mean_squared_error(rows: Tensor, step: Tensor, lo: int, hi: int, zero_point: int) -> Tensor:
    """Return for each row, (rows,), the error of its values on the grid of its step."""
    step = step[:, None]
    q = torch.clamp(torch.floor(rows / step + 0.5), lo - zero_point, hi - zero_point)
    return ((q * step - rows) ** 2).mean(1)
