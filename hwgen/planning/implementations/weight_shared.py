"""Weight-shared arrays (PASM): inputs are summed up by the entry of the book that their weight is,
and multiplied afterwards.

Garland and Gregg, "Low Complexity Multiply-Accumulate Units for Convolutional Neural Networks with
Weight-Sharing", ACM TACO 2018.
"""

__all__ = ["WEIGHT_SHARED", "sums_by_entry"]

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from hwgen import formats
from hwgen.families.memories import lut_memory_luts
from hwgen.planning.estimate.structure import Structure, bits_of, storage
from hwgen.planning.implementations.bounds import Array, Bounds
from hwgen.planning.implementations.engine import array_output, engine, engine_cycles, mac_array
from hwgen.planning.implementations.implementation import Bound, Conditions
from hwgen.planning.layers.folding import Folding, array_foldings, beats
from hwgen.planning.layers.layer import Layer
from hwgen.planning.layers.sparsity import padded_matrix
from hwgen.planning.lowering.encodings import book_for, x_range_of
from hwgen.planning.lowering.weight_words import weight_beats, weight_words
from hwgen.targets import Target
from hwgen_rtl_templates.mac import Banks, MacParameters
from hwgen_rtl_templates.window import WindowParameters

NAME = "pasm"
SPARE = 2  # bits by which the constants of an encoding may make sums shorter


def sums_by_entry(layer: Layer, target: Target) -> bool:
    """Say whether a layer's inputs can be summed up by the entry that their weight is: weights come
    from a book, and the target has memories small enough for an entry's sums."""
    of = getattr(layer.op, "weight_format", None)
    return isinstance(of, formats.Codebook) and lut_memory_luts(1, 1, target) is not None


def _candidates(layer: Layer, conditions: Conditions) -> Iterator[Folding]:
    if sums_by_entry(layer, conditions.target):
        for folding in array_foldings(layer):
            yield replace(folding, implementation=NAME)


def _min_cycles(layer: Layer, folding: Folding) -> int:
    dots = len(beats(layer, folding.pe, folding.simd, folding.skip))
    return engine_cycles(layer, folding) + layer.pixels * dots * len(layer.values)


def _datapath(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> MacParameters:
    """Return an array whose registers are as wide as the most inputs that come together."""
    matrix = padded_matrix(layer, folding.pe)
    single = joint = 0
    for read in weight_beats(layer, folding, window, matrix):
        for value in filter(None, layer.values):  # what zero is multiplied with may overflow
            counts = (read == value).sum(axis=1)
            single = max(single, int(counts.max()))
            joint = max(joint, int(counts.sum(axis=1).max()))
    least = -(1 << (window.bits - 1)) if window.signed else 0
    span = x_range_of(layer, window)[1] - least
    banks = Banks(max(1, (single * span).bit_length()), max(1, (joint * span).bit_length()))
    encoding = book_for(layer, folding, banks.total, target)
    weights = weight_words(layer, folding, window, encoding, matrix, target)
    return mac_array(layer, folding, window, target, weights, banks=banks)


def _least(bounds: Bounds, folding: Folding, close: bool) -> Bound:
    """Return what the registers take at the least; what follows is not looked at."""
    layer = bounds.layer
    entries = len(layer.values)
    bits = bits_of(max(map(abs, x_range_of(layer, bounds.any_window))))
    bank = Structure({"bank place": bits, "bank": 1}, bits_of(entries - 1))
    bank += storage(bits, entries, None, bounds.target)
    needs = bounds.cost(bank.times(folding.pe * folding.simd))
    array = Array(needs, bounds.output(), spare=SPARE, followed=False)
    return bounds.engine(folding, close, [array])


def _details(array: MacParameters, layer: Layer, target: Target) -> Mapping[str, Any]:
    return {"weights": array.weights.style}


def _describe(details: Mapping[str, Any]) -> str:
    return "inputs are summed up by entry of the book, and multiplied afterwards"


WEIGHT_SHARED = engine(
    NAME,
    "array that sums up by entry",
    candidates=_candidates,
    datapath=_datapath,
    min_cycles=_min_cycles,
    output=array_output,
    least=_least,
    details=_details,
    describe=_describe,
)
