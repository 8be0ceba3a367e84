"""Which encoding of its weights a layer's array gets: the cheapest that holds them all."""

__all__ = ["encoding_for", "offsets_of", "x_range_of"]

from collections.abc import Iterable, Iterator

import numpy as np

from hwgen import formats
from hwgen.formats import bits_for
from hwgen.network.fields import IntArray
from hwgen.planning.folding import Folding
from hwgen.planning.layers import Layer
from rtl_templates.adder_row import AdderRow
from rtl_templates.dot_product import RowParameters, dot_product, offset
from rtl_templates.encodings import (
    Binary,
    Booth,
    Codebook,
    Encoding,
    PowersOfTwo,
    Radix4,
    Ternary,
    TwosComplement,
)
from rtl_templates.window import WindowParameters

MODULUS = 32  # bits of the sums that are compared; how many does not change which is least
ENTRY = 16  # words of a table that one look-up table of four inputs holds, a bit of output


def _candidates(layer: Layer, dense: bool) -> Iterator[Encoding]:
    """Yield the encodings that hold the weights of a layer.

    dense : whether every column of the array has a weight on every beat
    """
    if layer.weight is None:
        yield TwosComplement(1, False)
        return
    values = layer.values
    bits, is_signed = bits_for(values[0], values[-1])
    direct: list[Encoding] = [TwosComplement(bits, is_signed)]
    even = bits + (not is_signed) + (bits + (not is_signed)) % 2
    direct += [Booth(even), Radix4(even + 1)]
    if set(values) <= {-1, 1} and dense:
        direct.append(Binary())
    if set(values) <= {-1, 0, 1}:
        direct.append(Ternary())
    most = max(map(abs, values)).bit_length() - 1
    for terms in (1, 2):
        powers = PowersOfTwo(most=most, terms=terms) if most > 0 else None
        if powers and _holds(powers, values):
            direct.append(powers)
            break
    yield from direct
    of = getattr(layer.op, "weight_format", None)
    if isinstance(of, formats.Codebook):
        book = values if dense or 0 in values else (0, *values)
        index = max(1, (len(book) - 1).bit_length())
        yield from (Codebook(index, encoding, book) for encoding in direct)


def _holds(encoding: Encoding, values: Iterable[int]) -> bool:
    try:
        return all(encoding.weight(encoding.code(value)) == value for value in values)
    except ValueError:
        return False


def encoding_for(layer: Layer, folding: Folding, window: WindowParameters) -> Encoding:
    """Return the encoding whose array is the cheapest: adders, tables, and what the words take."""
    simd = 1 if layer.depthwise else folding.simd
    beats = layer.inputs // simd
    groups = -(-layer.outputs // folding.pe)

    def cost(encoding: Encoding) -> float:
        row = dot_product(
            RowParameters(
                encoding=encoding,
                lanes=simd,
                x_bits=window.bits,
                x_signed=window.signed,
                x_range=x_range_of(layer, window),
                modulus=MODULUS,
                adder=AdderRow,
                accumulates=beats > 1,
            )
        )
        decoding = encoding.decoded.bits * -(-encoding.entries // ENTRY)
        stored = encoding.bits * max(1.0, beats * groups / ENTRY) / 2
        return row.positions + row.tables + simd * (decoding + stored)

    return min(_candidates(layer, layer.inputs % simd == 0), key=cost)


def x_range_of(layer: Layer, window: WindowParameters) -> tuple[int, int]:
    """Return the least and largest element that a layer's array sees, padding included."""
    pads = [layer.x.pad_value] if window.padded else []
    return min(0, layer.x.lo, *pads), max(0, layer.x.hi, *pads)


def offsets_of(layer: Layer, encoding: Encoding, window: WindowParameters) -> IntArray:
    """Return what must be added to the array's sums of each output channel."""
    if layer.weight is None:
        ones = [1] * layer.inputs
        return np.array([offset(encoding, ones, window.bits, window.signed)], dtype=np.int64)
    each = [offset(encoding, [value], window.bits, window.signed) for value in layer.values]
    places = np.searchsorted(layer.values, layer.weight.reshape(layer.outputs, -1))
    return np.asarray(np.array(each, dtype=np.int64)[places].sum(axis=1), dtype=np.int64)
