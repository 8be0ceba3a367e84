"""Bounds: what a way to build a layer takes at the least, before it is built.

A row of an array grows by about the same with each column: what a second column adds to the
first, less a margin, is less than what each further one does (held by
`test_bounds.py`, over all encodings).
"""

__all__ = ["least_array"]

from functools import lru_cache

from hwgen.planning.array_structure import PLACED
from hwgen.planning.cells import adder_of
from hwgen.planning.coefficients import coefficients_of
from hwgen.planning.encodings import candidates, x_range_of
from hwgen.planning.estimate import Resources
from hwgen.planning.folding import Folding
from hwgen.planning.layers import Layer
from hwgen.planning.lowering import window_for
from hwgen.planning.sums import sums_of
from hwgen.targets import Target
from hwgen_rtl_templates.dot_product import RowParameters, dot_product
from hwgen_rtl_templates.encodings import Encoding

MARGIN = 0.5  # of what a second column adds, that each column adds at the least
SPARE = 2  # bits by which an encoding's own constants may make sums shorter


def least_array(layer: Layer, folding: Folding, target: Target) -> Resources:
    """Return what an array of adders takes at the least: the adders of its rows."""
    if layer.weight is None or layer.depthwise:
        return Resources()
    return Resources(folding.pe * (folding.simd - 1) * _least_column(layer, target))


@lru_cache(maxsize=64)  # all foldings of a layer have the same
def _least_column(layer: Layer, target: Target) -> float:
    """Return the least LUTs of a column of a row, whatever the encoding of the weights."""
    window = window_for(layer, Folding(1, 1, 1), target)
    each = coefficients_of(target.family).each
    place = each["adder place"]
    if target.family not in PLACED:  # synthesis leaves out what weights make constant
        place = min(place, each["idle adder place"])
    modulus = max(1, sums_of(layer).shape[0] - SPARE)
    x_range = x_range_of(layer, window)

    def places(encoding: Encoding, lanes: int) -> int:
        return dot_product(
            RowParameters(
                encoding,
                lanes,
                window.bits,
                window.signed,
                x_range,
                modulus,
                adder_of(target),
                True,
            )
        ).positions

    grown = [
        places(e, 2) - places(e, 1) for dense in (0, 1) for e in candidates(layer, bool(dense))
    ]
    return MARGIN * place * max(0, min(grown))
