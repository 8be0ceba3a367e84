"""Constant datapaths: weights wired into adders, which take whole words or some bits a clock."""

__all__ = ["BIT_SERIAL", "PARALLEL"]

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from hwgen.planning.estimate.resources import estimate
from hwgen.planning.implementations.bounds import Array, Bounds
from hwgen.planning.implementations.engine import engine
from hwgen.planning.implementations.implementation import Bound, Conditions
from hwgen.planning.layers.folding import Folding, array_foldings
from hwgen.planning.layers.layer import Layer
from hwgen.planning.lowering.constants import (
    DIGITS,
    constant_array,
    least_constant,
    levels_within,
    may_be_constant,
)
from hwgen.planning.lowering.window import window_for
from hwgen.targets import Target
from hwgen_rtl_templates.constant_array import ConstantArrayParameters
from hwgen_rtl_templates.window import WindowParameters


def _whole(layer: Layer, conditions: Conditions) -> list[Folding]:
    """Return the shapes of all outputs at once; of a large matrix only where the user asks."""
    chosen = any(conditions.wanted.get(name) for name in ("parallel", "serial"))
    if not may_be_constant(layer, large=chosen):
        return []
    return [f for f in array_foldings(layer) if f.pe == layer.outputs and not f.skip]


def _parallel_candidates(layer: Layer, conditions: Conditions) -> Iterator[Folding]:
    within = levels_within(conditions.clock_hz, conditions.target)
    whole = _whole(layer, conditions)
    for levels in range(1, 1 + max(within, conditions.wanted.get("parallel", 1))):
        for folding in whole:
            yield replace(folding, implementation="parallel", parameter=levels)


def _serial_candidates(layer: Layer, conditions: Conditions) -> Iterator[Folding]:
    whole = _whole(layer, conditions)
    for digit in DIGITS:
        for folding in whole:
            yield replace(folding, implementation="serial", parameter=digit)


def _parallel(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> ConstantArrayParameters:
    return constant_array(layer, folding.simd, window, levels=folding.parameter)


def _bit_serial(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> ConstantArrayParameters:
    return constant_array(layer, folding.simd, window, digit=folding.parameter)


def _least(bounds: Bounds, folding: Folding, close: bool, serial: bool) -> Bound:
    """Return what a graph of adders takes at the least; with a close look it is solved."""
    if close:
        window = window_for(bounds.layer, folding, bounds.target)
        made = (_bit_serial if serial else _parallel)(bounds.layer, folding, window, bounds.target)
        needs, read = estimate(made, bounds.target), made.read
    else:
        digit = folding.parameter if serial else 0
        needs, read = least_constant(bounds.layer, digit, bounds.target), ()
    # a datapath that rests between two dot products lets fewer lanes do
    lanes = 1 if serial else folding.lanes
    array = Array(needs, bounds.output(), read=read, constant=True, least_lanes=lanes)
    return bounds.engine(folding, close, [array])


def _details(array: ConstantArrayParameters, layer: Layer, target: Target) -> Mapping[str, Any]:
    return {"adders": array.values.adders, "interval": array.beats + array.rest}


def _describe(details: Mapping[str, Any]) -> str:
    clocks = details["interval"]
    each = f"a window every {clocks} clocks" if clocks > 1 else "a window a clock"
    return f"weights wired into {details['adders']:,} adders, {each}"


PARALLEL = engine(
    "parallel",
    "parallel constants",
    candidates=_parallel_candidates,
    datapath=_parallel,
    least=partial(_least, serial=False),
    details=_details,
    describe=_describe,
    stored=False,
    apart=True,
)
BIT_SERIAL = engine(
    "serial",
    "bit-serial constants",
    candidates=_serial_candidates,
    datapath=_bit_serial,
    least=partial(_least, serial=True),
    details=_details,
    describe=_describe,
    stored=False,
)
