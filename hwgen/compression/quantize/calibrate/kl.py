"""Kullback-Leibler: the threshold whose quantized histogram loses the least information.

    argmin over t of KL(P || Q) = sum of P * log(P / Q)

P is the histogram of |x| up to t, with what lies beyond added to its last bin; Q is the same
histogram without that, merged to the levels of the format and spread out over the bins that hold
anything. Migacz, "8-bit Inference with TensorRT" (GTC 2017). As there, zeros take no part.
"""

__all__ = ["kl"]

import numpy as np
import numpy.typing as npt

from hwgen.compression.quantize.calibrate.minmax import minmax
from hwgen.compression.quantize.observed import Observed, Placement, place
from hwgen.formats import Fixed

BINS = 2048
THRESHOLDS = 256  # how many are tried
TINY = 1e-4  # stands for a zero of Q where P is not zero


def kl(seen: Observed, format: Fixed, power_of_two: bool) -> Placement:
    """Return the grid of the best threshold; that of min-max with as many levels as bins."""
    magnitudes = np.abs(seen.sample.cpu().numpy())
    magnitudes = magnitudes[magnitudes > 0]
    levels = format.hi if not format.signed and seen.lo >= 0 else (format.hi - format.lo) // 2
    if levels >= BINS or magnitudes.size == 0:
        return minmax(seen, format, power_of_two)
    reach = max(-seen.lo, seen.hi)
    histogram = np.histogram(magnitudes, BINS, (0, reach))[0].astype(np.float64)
    ends = np.unique(np.linspace(max(levels, BINS // 10), BINS, THRESHOLDS).astype(np.int64))
    divergences = [_divergence(histogram, int(end), levels) for end in ends]
    best = len(ends) - 1 - int(np.argmin(divergences[::-1]))  # of equal ones the widest
    limit = reach * int(ends[best]) / BINS
    return place(max(seen.lo, -limit), min(seen.hi, limit), format, power_of_two)


def _divergence(histogram: npt.NDArray[np.float64], end: int, levels: int) -> float:
    inside = histogram[:end]
    p = inside.copy()
    p[-1] += histogram[end:].sum()
    starts = np.arange(levels) * end // levels
    filled = (inside > 0).astype(np.float64)
    counts = np.maximum(np.add.reduceat(filled, starts), 1)
    merged = np.add.reduceat(inside, starts) / counts
    q = np.repeat(merged, np.diff([*starts, end])) * filled
    if q.sum() == 0:
        return np.inf
    p, q = p / p.sum(), q / q.sum()
    held = p > 0
    return float((p[held] * np.log(p[held] / np.maximum(q[held], TINY / end))).sum())
