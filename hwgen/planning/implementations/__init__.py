"""Implementations: the ways to compute a layer, and which of them each op has."""

__all__ = [
    "IMPLEMENTATIONS",
    "WAYS",
    "Conditions",
    "Core",
    "Implementation",
    "candidates",
    "core_for",
    "implementation_of",
    "min_cycles",
    "plain_foldings",
]

from collections.abc import Iterator

from hwgen.network.ops import (
    Add,
    Affine,
    ArgMax,
    AvgPool1d,
    AvgPool2d,
    Concat,
    Conv1d,
    Conv2d,
    Linear,
    Maximum,
    MaxPool1d,
    MaxPool2d,
    Minimum,
    Multiply,
    PositionScale,
    Requantize,
    Table,
    Threshold,
)
from hwgen.planning.implementations.constants import BIT_SERIAL, PARALLEL
from hwgen.planning.implementations.dsp_array import DSP_ARRAY
from hwgen.planning.implementations.implementation import Conditions, Core, Implementation
from hwgen.planning.implementations.mac_array import MAC_ARRAY
from hwgen.planning.implementations.streams.argmax import ARGMAX
from hwgen.planning.implementations.streams.elementwise import CONCATENATION, SUM
from hwgen.planning.implementations.streams.pairs import EXTREME, PRODUCT
from hwgen.planning.implementations.streams.pool import AVERAGE, MAXIMUM
from hwgen.planning.implementations.streams.position_scale import POSITION_SCALE
from hwgen.planning.implementations.streams.rearrange import REARRANGE, SIFT
from hwgen.planning.implementations.streams.running_maximum import RUNNING_MAXIMUM
from hwgen.planning.implementations.unrolled import UNROLLED
from hwgen.planning.implementations.weight_shared import WEIGHT_SHARED
from hwgen.planning.layers.folding import Folding
from hwgen.planning.layers.layer import Layer
from hwgen.planning.layers.orders import Order
from hwgen.planning.layers.run import Run
from hwgen.targets import Target

DOT_PRODUCT = (MAC_ARRAY, DSP_ARRAY, WEIGHT_SHARED, BIT_SERIAL, PARALLEL)

# Of each op that a layer may begin with, in the order in which they are looked at; the first is
# there on every target, for every layer.
WAYS: dict[type, tuple[Implementation, ...]] = {
    Conv1d: DOT_PRODUCT,
    Conv2d: DOT_PRODUCT,
    Linear: DOT_PRODUCT,
    MaxPool1d: (MAXIMUM, RUNNING_MAXIMUM),
    Affine: DOT_PRODUCT,
    MaxPool2d: (MAXIMUM, RUNNING_MAXIMUM),
    AvgPool1d: (AVERAGE,),
    AvgPool2d: (AVERAGE,),
    PositionScale: (POSITION_SCALE,),
    Add: (SUM,),
    Concat: (CONCATENATION,),
    Multiply: (PRODUCT,),
    Maximum: (EXTREME,),
    Minimum: (EXTREME,),
    ArgMax: (ARGMAX,),
    Requantize: (MAXIMUM,),  # of one value
    Threshold: (MAXIMUM,),
    Table: (MAXIMUM,),
    Order: (REARRANGE, SIFT),
    Run: (UNROLLED,),
}
IMPLEMENTATIONS = {way.name: way for ways in WAYS.values() for way in ways}


def implementation_of(folding: Folding) -> Implementation:
    """Return what computes in a folding."""
    return IMPLEMENTATIONS[folding.implementation]


def candidates(layer: Layer, conditions: Conditions) -> list[Folding]:
    """Return all foldings of a layer worth looking at."""
    ways = WAYS[type(layer.op)]
    return [folding for way in ways for folding in way.candidates(layer, conditions)]


def plain_foldings(layer: Layer, target: Target) -> Iterator[Folding]:
    """Yield the foldings of the way to compute a layer that is there on every target."""
    yield from WAYS[type(layer.op)][0].candidates(layer, Conditions(target, target.clock_hz))


def min_cycles(layer: Layer, folding: Folding) -> int:
    """Return a lower bound of the clocks of a frame, without building anything."""
    return implementation_of(folding).min_cycles(layer, folding)


def core_for(layer: Layer, folding: Folding, target: Target) -> Core:
    """Return the component of a layer, with a queue that lets it run at full rate."""
    return implementation_of(folding).lower(layer, folding, target)
