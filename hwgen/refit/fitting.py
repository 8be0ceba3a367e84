"""Fitting: which coefficients explain best what synthesis found."""

__all__ = ["Errors", "Sample", "errors_of", "fit"]

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PART = 0.7  # weight of what a part of a design is off by, beside the design as a whole
HELD = 0.05  # weight of a coefficient's distance from where it started, as a share of that; a few
# samples outweigh it
LOOKS = 4  # at the samples: each time those that are far off count less
FAR = 0.12  # relative error from which a sample counts less
ROUNDS = 3000  # of descent, a coefficient after the other
STILL = 1e-9  # change of a round, relative, after which nothing happens any more


@dataclass(frozen=True)
class Sample:
    """A design that was synthesised.

    name : says which
    luts : what synthesis found
    parts : of each part, (counts, what synthesis found in it); together they are the design
    """

    name: str
    luts: float
    parts: tuple[tuple[Mapping[str, float], float], ...]

    @property
    def counts(self) -> dict[str, float]:
        """Counts of all parts."""
        total: dict[str, float] = {}
        for counts, _ in self.parts:
            for name, count in counts.items():
                total[name] = total.get(name, 0) + count
        return total


def fit(
    samples: Sequence[Sample], start: Mapping[str, float], names: Collection[str] | None = None
) -> dict[str, float]:
    """Return coefficients, none negative, with the least squares of relative errors: those of whole
    designs, and to a lesser degree those of their parts relative to the whole.

    Coefficients that the samples say little about stay near where they start. Samples that are far
    off count in proportion to their distance, not to its square (Huber, Robust Estimation of a
    Location Parameter, 1964).

    names : of the coefficients that are fitted, all if None; the others stay as they start
    """
    order = sorted(start)
    place = {name: n for n, name in enumerate(order)}
    free = [n for n, name in enumerate(order) if names is None or name in names]
    rows, wanted, weights, owners = [], [], [], []
    for number, sample in enumerate(samples):
        whole = [(sample.counts, sample.luts, 1.0)]
        for counts, luts, weight in [*whole, *((c, luts, PART) for c, luts in sample.parts)]:
            row = np.zeros(len(order))
            for name, count in counts.items():
                row[place[name]] += count
            rows.append(row / sample.luts)
            wanted.append(luts / sample.luts)
            weights.append(weight)
            owners.append(number)
    a, b, w = np.array(rows), np.array(wanted), np.array(weights)
    first = np.array([start[name] for name in order])
    found = first.copy()
    for _ in range(LOOKS):
        off = np.abs(a @ found - b)
        off = off[np.flatnonzero(w == 1.0)]
        trust = np.minimum(1.0, FAR / np.maximum(off, 1e-12))
        found = _descended(a, b, w * np.sqrt(trust[owners]), first, found, free)
    return {name: float(value) for name, value in zip(order, found, strict=True)}


def _descended(
    a: Floats, b: Floats, w: Floats, first: Floats, found: Floats, free: Sequence[int]
) -> Floats:
    """Return the least of a sum of squares among numbers that are not negative, some of them free
    to change."""
    weighted = a * w[:, None]
    held = HELD / np.maximum(first, 0.1) ** 2
    square = weighted.T @ weighted + np.diag(held)
    target = weighted.T @ (b * w) + held * first
    found = found.copy()
    for _ in range(ROUNDS):
        before = found.copy()
        for n in free:
            step = (target[n] - square[n] @ found) / square[n, n]
            found[n] = max(0.0, found[n] + step)
        if np.abs(found - before).max() < STILL * max(1.0, np.abs(found).max()):
            break
    return found


@dataclass(frozen=True)
class Errors:
    """How far estimates are from synthesis.

    count : of designs
    median, most : of the relative error's magnitude, and its 90th percentile
    bias : median of the relative error, above zero where estimates are high
    rank : Spearman's rank correlation
    """

    count: int
    median: float
    most: float
    bias: float
    rank: float


def errors_of(estimated: Sequence[float], found: Sequence[float]) -> Errors:
    """Return how far estimates are from what synthesis found."""
    from scipy.stats import spearmanr  # heavy, and for this alone

    relative = np.array(estimated) / np.array(found) - 1
    size = np.abs(relative)
    return Errors(
        count=len(size),
        median=float(np.median(size)),
        most=float(np.quantile(size, 0.9)),
        bias=float(np.median(relative)),
        rank=float(spearmanr(estimated, found).statistic),
    )
