"""First scales and zero points, from weights and from what activations are on real data.

From 8 bits on the whole range is kept (min-max); below, the scale that gives the smallest mean
squared error wins, which clips outliers.
"""

__all__ = ["Observed", "Placement", "activation_placement", "observe", "weight_scales"]

from dataclasses import dataclass

import torch
from torch import Tensor

from hwgen.errors import FormatError
from hwgen.formats import Fixed

MINMAX_BITS = 8
CANDIDATES = 80
SMALLEST_SHARE = 0.1  # of the whole range that a candidate covers
SAMPLES = 1 << 17  # values kept for the search
SPREAD = 256.0  # largest over smallest scale of a layer's channels


@dataclass(frozen=True)
class Observed:
    """What a value was on the calibration data: extremes of all, and a sample."""

    lo: float
    hi: float
    sample: Tensor


@dataclass(frozen=True)
class Placement:
    """Where a grid lies: real = scale * (q - zero_point)."""

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
    if before is not None:
        lo, hi = min(lo, before.lo), max(hi, before.hi)
        values = torch.cat([before.sample, values])
    every = -(-values.numel() // SAMPLES)
    return Observed(lo, hi, values[::every])


def weight_scales(weight: Tensor, format: Fixed, power_of_two: bool) -> Tensor:
    """Return a symmetric scale for each output channel, (channels,) float64.

    A channel of zeros gets the scale of the largest channel; none gets less than 1/256 of it.

    Parameters
    ----------
    weight : (channels, ...)
    """
    rows = weight.detach().double().flatten(1)
    largest = rows.abs().amax(1)
    top = largest.max()
    if top == 0:
        return torch.ones_like(largest)
    largest = torch.where(largest == 0, top, largest).clamp(min=float(top) / SPREAD)
    return _search(rows, largest / format.hi, -format.hi, format.hi, format.bits, power_of_two)


def activation_placement(seen: Observed, format: Fixed, power_of_two: bool) -> Placement:
    """Return the scale, (1,) float64, and the zero point for a tensor.

    The zero point is 0, but for an unsigned format whose values go below zero.
    """
    lo, hi = min(seen.lo, 0.0), max(seen.hi, 0.0)  # real 0 is always on the grid
    levels = format.hi - format.lo
    rows = seen.sample[None]
    if not format.signed and lo < 0:
        best: tuple[float, Placement] | None = None
        for share in _shares(format.bits):
            step = torch.tensor([(hi - lo) * share / levels], dtype=torch.float64)
            if power_of_two:
                step = torch.exp2(torch.ceil(torch.log2(step)))
            zero = format.lo + round(-lo * share / float(step))
            zero = min(max(zero, format.lo), format.hi)
            error = float(_error(rows, step, format.lo, format.hi, zero))
            if best is None or error < best[0]:
                best = (error, Placement(step, zero))
        assert best is not None
        return best[1]
    reach = max(hi / format.hi, lo / format.lo if format.signed else 0.0)
    largest = torch.tensor([reach if reach > 0 else 1.0], dtype=torch.float64)
    scale = _search(rows, largest, format.lo, format.hi, format.bits, power_of_two)
    return Placement(scale, 0)


def _shares(bits: int) -> list[float]:
    if bits >= MINMAX_BITS:
        return [1.0]
    return [1 - (1 - SMALLEST_SHARE) * i / (CANDIDATES - 1) for i in range(CANDIDATES)]


def _error(rows: Tensor, step: Tensor, lo: int, hi: int, zero_point: int) -> Tensor:
    step = step[:, None]
    q = torch.clamp(torch.floor(rows / step + 0.5), lo - zero_point, hi - zero_point)
    return ((q * step - rows) ** 2).mean(1)


def _search(
    rows: Tensor, largest: Tensor, lo: int, hi: int, bits: int, power_of_two: bool
) -> Tensor:
    """Return for each row the step, up to `largest`, of least squared error."""
    best = torch.exp2(torch.ceil(torch.log2(largest))) if power_of_two else largest
    error = _error(rows, best, lo, hi, 0)
    for share in _shares(bits)[1:]:
        step = largest * share
        if power_of_two:
            step = torch.exp2(torch.ceil(torch.log2(step)))
        now = _error(rows, step, lo, hi, 0)
        best = torch.where(now < error, step, best)
        error = torch.minimum(now, error)
    return best
