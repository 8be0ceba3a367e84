"""Pools: running maxima of a window, and sums of it."""

__all__ = ["AVERAGE", "MAXIMUM"]

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from hwgen.planning.implementations.engine import array_output, engine, mac_array
from hwgen.planning.implementations.implementation import Conditions
from hwgen.planning.layers.folding import Folding, array_foldings
from hwgen.planning.layers.layer import Layer
from hwgen.planning.lowering.encodings import encoding_for
from hwgen.targets import Target
from hwgen_rtl_templates.mac import MacParameters
from hwgen_rtl_templates.pool import MaximumParameters
from hwgen_rtl_templates.weights import WeightParameters
from hwgen_rtl_templates.window import WindowParameters


def _candidates(name: str, layer: Layer, conditions: Conditions) -> Iterator[Folding]:
    for folding in array_foldings(layer):
        yield replace(folding, implementation=name)


def _maximum(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> MaximumParameters:
    return MaximumParameters(folding.pe, window.slices, window.bits, window.signed)


def _average(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> MacParameters:
    """Return an array whose weights are all one."""
    encoding = encoding_for(layer, folding, window, target)
    weights = WeightParameters(folding.pe, 1, encoding, ((1 << folding.pe) - 1,))
    return mac_array(layer, folding, window, target, weights)


MAXIMUM = engine(
    "maximum",
    "maximum",
    candidates=partial(_candidates, "maximum"),
    datapath=_maximum,
)
AVERAGE = engine(
    "average",
    "average",
    candidates=partial(_candidates, "average"),
    datapath=_average,
    output=array_output,
)
