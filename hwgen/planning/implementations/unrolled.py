"""Unrolled layers: a run of them as cells, which take a whole frame a clock."""

__all__ = ["UNROLLED", "whole_run"]

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hwgen.errors import PlanError
from hwgen.planning.estimate.resources import Resources, weigh
from hwgen.planning.implementations.bounds import Bounds
from hwgen.planning.implementations.implementation import Bound, Conditions, Implementation
from hwgen.planning.layers.folding import Folding
from hwgen.planning.layers.layer import Layer
from hwgen.planning.layers.run import Run, run_of
from hwgen.planning.lowering.constants import least_constant, levels_within
from hwgen.planning.lowering.unrolled import may_unroll, unrolled
from hwgen.targets import Target
from hwgen_rtl_templates.unrolled import UnrolledParameters

NAME = "unrolled"
SHARED = 2  # windows that overlap have at most so many times the adders that they would share


def whole_run(layers: Sequence[Layer]) -> Layer | None:
    """Return all layers of a network as one that takes a frame a beat, None where they cannot be
    unrolled."""
    if len(layers) < 2 or len({s for layer in layers for s in layer.sources} - _names(layers)) > 1:
        return None
    if not may_unroll(layers):
        return None
    try:
        return run_of(layers, layers)
    except PlanError:
        return None


def _names(layers: Sequence[Layer]) -> set[str]:
    return {layer.name for layer in layers}


def _candidates(layer: Layer, conditions: Conditions) -> Iterator[Folding]:
    """Yield it with as many adders between registers as the clock allows, which takes the fewest
    registers, or with as many as the user wants."""
    levels = conditions.wanted.get(NAME, 0) or levels_within(conditions.clock_hz, conditions.target)
    elements, outputs = math.prod(layer.x_frame), math.prod(layer.y_frame)
    yield Folding(outputs, elements, outputs, implementation=NAME, parameter=levels)


def _lower(layer: Layer, folding: Folding, target: Target) -> UnrolledParameters:
    return unrolled(layer, folding.parameter)


def _least(bounds: Bounds, folding: Folding, close: bool) -> Bound:
    assert isinstance(bounds.layer.op, Run)
    needs = Resources()
    for layer in bounds.layer.op.inside:
        if layer.weight is not None and layer.groups == 1:
            once = least_constant(layer, 0, bounds.target)
            shares = SHARED if layer.kernel != (1, 1) or layer.padded else 1
            needs += Resources(once.luts * layer.pixels / shares)
    return Bound(weigh(needs, bounds.target), needs)


def _details(core: UnrolledParameters, layer: Layer, target: Target) -> Mapping[str, Any]:
    assert isinstance(layer.op, Run)
    cells = len(core.circuit.cells)
    return {"layers": [one.name for one in layer.op.inside], "cells": cells, "interval": 1}


def _describe(details: Mapping[str, Any]) -> str:
    return (
        f"{len(details['layers'])} layers unrolled into {details['cells']:,} cells, a frame a clock"
    )


UNROLLED = Implementation(
    name=NAME,
    title="unrolled layers",
    candidates=_candidates,
    min_cycles=lambda layer, folding: 1,
    lower=_lower,
    least=_least,
    details=_details,
    describe=_describe,
    stored=False,
    apart=True,
)
