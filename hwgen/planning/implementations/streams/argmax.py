"""The index of the largest value."""

__all__ = ["ARGMAX"]

from collections.abc import Iterator

from hwgen.formats import bits_for
from hwgen.planning.implementations.implementation import Conditions, Implementation
from hwgen.planning.layers.folding import Folding, element_cycles
from hwgen.planning.layers.layer import Layer
from hwgen.targets import Target
from hwgen_rtl_templates.argmax import ArgMaxParameters


def _candidates(layer: Layer, conditions: Conditions) -> Iterator[Folding]:
    yield Folding(1, 1, 1, implementation="argmax")


def _lower(layer: Layer, folding: Folding, target: Target) -> ArgMaxParameters:
    bits, is_signed = bits_for(layer.x.lo, layer.x.hi)
    index_bits, _ = bits_for(layer.y.lo, layer.y.hi)
    return ArgMaxParameters(layer.x_frame[0], bits, is_signed, index_bits)


ARGMAX = Implementation(
    name="argmax",
    title="index of the largest",
    candidates=_candidates,
    min_cycles=element_cycles,
    lower=_lower,
)
