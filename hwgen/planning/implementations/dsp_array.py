"""MAC arrays in DSP blocks, where a family has them and operands fit."""

__all__ = ["DSP_ARRAY", "blocks_for"]

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from hwgen.errors import InternalError
from hwgen.planning.estimate.array_parts import blocks_structure
from hwgen.planning.implementations.bounds import Array, Bounds
from hwgen.planning.implementations.engine import engine, mac_array
from hwgen.planning.implementations.implementation import Bound, Conditions
from hwgen.planning.layers.folding import Folding, array_foldings, columns
from hwgen.planning.layers.layer import Layer
from hwgen.planning.layers.sparsity import padded_matrix
from hwgen.planning.lowering.dsp import arranged, sharing_of
from hwgen.planning.lowering.weight_words import weight_words
from hwgen.planning.lowering.window import element_of
from hwgen.targets import Target
from hwgen_rtl_templates.encodings import TwosComplement
from hwgen_rtl_templates.mac import MacParameters
from hwgen_rtl_templates.multiplier import DspBlocks, MultiplierParameters
from hwgen_rtl_templates.window import WindowParameters

NAME = "dsp"


def blocks_for(layer: Layer, folding: Folding, target: Target) -> int | None:
    """Return how many DSP blocks the products of a layer would take; None where they cannot."""
    found = sharing_of(layer, folding.pe, *element_of(layer), target)
    return None if found is None else found[0].count(folding.pe, columns(layer, folding))


def _candidates(layer: Layer, conditions: Conditions) -> Iterator[Folding]:
    """Yield the foldings whose blocks the device has, or whatever the user asks for."""
    for folding in array_foldings(layer):
        blocks = blocks_for(layer, folding, conditions.target)
        if blocks is not None and (NAME in conditions.wanted or blocks <= conditions.target.dsps):
            yield replace(folding, implementation=NAME)


def _sharing(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> tuple[DspBlocks, MultiplierParameters]:
    found = sharing_of(layer, folding.pe, window.bits, window.signed, target)
    if found is None:
        raise InternalError(f"{layer.name}: folding asks for DSP blocks where there are none")
    return found


def _datapath(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> MacParameters:
    blocks, multiplied = _sharing(layer, folding, window, target)
    matrix = arranged(padded_matrix(layer, folding.pe), blocks, multiplied)
    encoding = TwosComplement(multiplied.w_bits, multiplied.w_signed)
    weights = weight_words(layer, folding, window, encoding, matrix, target)
    return mac_array(layer, folding, window, target, weights, blocks=blocks)


def _least(bounds: Bounds, folding: Folding, close: bool) -> Bound:
    """Return what products in DSP blocks take, without the tables of their weights."""
    layer, simd = bounds.layer, columns(bounds.layer, folding)
    blocks, multiplied = _sharing(layer, folding, bounds.any_window, bounds.target)
    each = replace(multiplied, weights=1)
    output = bounds.output()
    array = blocks_structure(
        blocks, each, folding.pe, simd, output.shape[0], bounds.accumulates(folding)
    )
    encoding = TwosComplement(multiplied.w_bits, multiplied.w_signed)
    needs = bounds.cost(array) + bounds.weights(folding, encoding, close=False)
    return bounds.engine(folding, close, [Array(needs, output)])


def _details(array: MacParameters, layer: Layer, target: Target) -> Mapping[str, Any]:
    weights, blocks = array.weights, array.blocks
    assert blocks is not None
    return {
        "weights": weights.style,
        "blocks": blocks.count(weights.pe, weights.simd),
        "rows_a_block": blocks.rows,
    }


def _describe(details: Mapping[str, Any]) -> str:
    count, rows = details["blocks"], details["rows_a_block"]
    shared = f", each for {rows} rows of the array" if rows > 1 else ""
    return f"products in {count} DSP blocks{shared}"


DSP_ARRAY = engine(
    NAME,
    "array in DSP blocks",
    candidates=_candidates,
    datapath=_datapath,
    least=_least,
    details=_details,
    describe=_describe,
)
