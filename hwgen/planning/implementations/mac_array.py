"""MAC arrays in look-up tables: `pe` rows of `simd` columns, made of adders."""

__all__ = ["MAC_ARRAY", "least_row", "shapes"]

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from hwgen.families.cells import adder_of, adders_placed
from hwgen.planning.estimate.array_parts import rows_structure
from hwgen.planning.estimate.resources import Resources
from hwgen.planning.estimate.structure import Structure
from hwgen.planning.implementations.bounds import Array, Bounds, least_of
from hwgen.planning.implementations.engine import array_output, engine, mac_array
from hwgen.planning.implementations.implementation import Bound, Conditions
from hwgen.planning.layers.folding import ARRAY, Folding, array_foldings, columns
from hwgen.planning.layers.layer import Layer
from hwgen.planning.layers.sparsity import padded_matrix
from hwgen.planning.lowering.encodings import (
    candidates,
    encoding_for,
    fixed_instead,
    x_range_of,
)
from hwgen.planning.lowering.weight_words import weight_words
from hwgen.planning.lowering.window import window_for
from hwgen.targets import Target
from hwgen_rtl_templates.dot_product import RowParameters, dot_product
from hwgen_rtl_templates.encodings import Encoding
from hwgen_rtl_templates.mac import MacParameters
from hwgen_rtl_templates.window import WindowParameters

STRETCH = 16  # columns up to which a row is counted as it is
MARGIN = 0.75  # of what stretches take together, that a row of them takes at the least


def shapes(layer: Layer, conditions: Conditions) -> Iterator[Folding]:
    """Yield the shapes of an array."""
    return array_foldings(layer)


def _datapath(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> MacParameters:
    encoding = encoding_for(layer, folding, window, target)
    matrix = padded_matrix(layer, folding.pe)
    weights = weight_words(layer, folding, window, encoding, matrix, target)
    return mac_array(layer, folding, window, target, weights)


def _details(array: MacParameters, layer: Layer, target: Target) -> Mapping[str, Any]:
    return {
        "weights": array.weights.style,
        "fixed_instead": fixed_instead(layer, array, target),
    }


def _describe(details: Mapping[str, Any]) -> str:
    if not details["fixed_instead"]:
        return ""
    own, fixed = details["fixed_instead"]
    pays = f"{'cheaper' if own < fixed else 'no cheaper'} than {fixed:.1f} of fixed point as wide"
    return f"powers of two, about {own:.1f} cells a MAC, {pays}"


def _least(bounds: Bounds, folding: Folding, close: bool) -> Bound:
    found = []
    for encoding in _encodings(bounds, folding, close):
        simd, accumulates = columns(bounds.layer, folding), bounds.accumulates(folding)
        output = bounds.output(encoding)
        if close:
            live = bounds.live(folding, encoding)
            row = bounds.cost(_rows(bounds, encoding, simd, accumulates, live))
        else:
            row = _least_row(bounds, encoding, simd, accumulates)
        rows = Resources(folding.pe * row.luts, folding.pe * row.ffs)
        found.append(Array(rows + bounds.weights(folding, encoding, close), output, encoding))
    return bounds.engine(folding, close, found)


def _encodings(bounds: Bounds, folding: Folding, close: bool) -> list[Encoding]:
    """Return the encodings that an array's weights may have."""
    layer = bounds.layer
    if close:
        window = window_for(layer, replace(folding, skip=0), bounds.target)
        return [encoding_for(layer, folding, window, bounds.target)]
    dense = layer.inputs % columns(layer, folding) == 0
    return bounds.once(("encodings", dense), lambda: list(candidates(layer, dense)))


def _least_row(bounds: Bounds, encoding: Encoding, simd: int, accumulates: bool) -> Resources:
    """Return what a row takes at the least, however many of the bits of its weights vary."""
    shares = (1.0,) if adders_placed(bounds.target) else (0.0, 1.0)

    def of(lanes: int, sums_up: bool) -> Resources:
        rows = (bounds.cost(_rows(bounds, encoding, lanes, sums_up, live)) for live in shares)
        return least_of(list(rows))

    def made() -> Resources:
        return least_row(of, simd, accumulates)

    return bounds.once(("row", encoding, simd, accumulates), made)


def _rows(
    bounds: Bounds, encoding: Encoding, lanes: int, accumulates: bool, live: float
) -> Structure:
    window = bounds.any_window
    row = dot_product(
        RowParameters(
            encoding=encoding,
            lanes=lanes,
            x_bits=window.bits,
            x_signed=window.signed,
            x_range=x_range_of(bounds.layer, window),
            modulus=bounds.output(encoding).shape[0],
            adder=adder_of(bounds.target),
            accumulates=accumulates,
        )
    )
    return rows_structure(row, lanes, encoding, live, bounds.target)


def least_row(count: Callable[[int, bool], Resources], simd: int, accumulates: bool) -> Resources:
    """Return what a row of so many columns takes at the least.

    A row of many columns takes at least its stretches of `STRETCH` columns, less a margin (held
    by `test_bounds.py` over all encodings).

    Parameters
    ----------
    count : what one of a few columns takes, with an accumulator or without
    """
    if simd <= STRETCH:
        return count(simd, accumulates)
    stretches, rest = divmod(simd, STRETCH)
    whole = count(STRETCH, False)
    luts, ffs = stretches * whole.luts, stretches * whole.ffs
    if rest > 1:
        more = count(rest, False)
        luts, ffs = luts + more.luts, ffs + more.ffs
    return Resources(MARGIN * luts, MARGIN * ffs)


MAC_ARRAY = engine(
    ARRAY,
    "array in LUTs",
    candidates=shapes,
    datapath=_datapath,
    output=array_output,
    least=_least,
    details=_details,
    describe=_describe,
)
