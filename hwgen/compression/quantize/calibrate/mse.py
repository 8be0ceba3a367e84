"""Least squared error: the share of the whole range that represents a sample best.

    argmin over a of mean (x - a * s * quantize(x / (a * s)))**2

with s of min-max and a in [0.1, 1]: Sung et al., "Resiliency of Deep Neural Networks under
Quantization" (2015); the scan of candidates as in Banner et al. (NeurIPS 2019).
"""

__all__ = ["SHARES", "mse"]

from hwgen.compression.quantize.observed import (
    Observed,
    Placement,
    mean_squared_error,
    place,
)
from hwgen.formats import Fixed

CANDIDATES = 80
SMALLEST_SHARE = 0.1
SHARES = [1 - (1 - SMALLEST_SHARE) * i / (CANDIDATES - 1) for i in range(CANDIDATES)]


def mse(seen: Observed, format: Fixed, power_of_two: bool) -> Placement:
    """Return the best grid of 80; the widest of equally good ones."""
    best = place(seen.lo, seen.hi, format, power_of_two)
    least: float | None = None
    rows = seen.sample[None]
    tried: set[tuple[float, int]] = set()
    for share in SHARES:
        placed = place(seen.lo * share, seen.hi * share, format, power_of_two)
        key = float(placed.scale), placed.zero_point
        if key in tried:  # powers of two repeat
            continue
        tried.add(key)
        error = mean_squared_error(rows, placed.scale, format.lo, format.hi, placed.zero_point)
        if least is None or float(error) < least:
            best, least = placed, float(error)
    return best
