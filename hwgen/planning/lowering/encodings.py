"""Which encoding of its weights a layer's array gets: the cheapest that holds them all."""

__all__ = [
    "Codes",
    "book_for",
    "candidates",
    "encoding_for",
    "fixed_instead",
    "offsets_of",
    "x_range_of",
]

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hwgen import formats
from hwgen.families.cells import adder_of, lut_inputs
from hwgen.formats import bits_for
from hwgen.network.fields import IntArray
from hwgen.planning.layers.folding import Folding, columns
from hwgen.planning.layers.layer import Layer
from hwgen.targets import Target
from hwgen_rtl_templates.dot_product import DotProduct, RowParameters, dot_product, offset
from hwgen_rtl_templates.encodings import (
    Binary,
    Booth,
    Codebook,
    Encoding,
    PowersOfTwo,
    Radix4,
    Ternary,
    TwosComplement,
)
from hwgen_rtl_templates.mac import Banks, MacParameters
from hwgen_rtl_templates.window import WindowParameters

MODULUS = 32  # bits of the sums that are compared; how many does not change which is least
ENTRY = 16  # words of a table that one look-up table of four inputs holds, a bit of output


def candidates(layer: Layer, dense: bool) -> Iterator[Encoding]:
    """Yield the encodings that hold the weights of a layer.

    dense : whether every column of the array has a weight on every beat
    """
    if layer.weight is None:
        yield TwosComplement(1, False)
        return
    direct = list(_direct(layer, dense))
    yield from direct
    if isinstance(getattr(layer.op, "weight_format", None), formats.Codebook):
        yield from (_book(layer, dense, encoding) for encoding in direct)


def _book(layer: Layer, dense: bool, inner: Encoding) -> Codebook:
    """Return the book of a layer's weights."""
    book = layer.values if dense or 0 in layer.values else (0, *layer.values)
    return Codebook(max(1, (len(book) - 1).bit_length()), inner, book)


def _direct(layer: Layer, dense: bool) -> Iterator[Encoding]:
    """Yield the encodings that hold the weights of a layer without a book."""
    values = layer.values
    yield from _fixed(*bits_for(values[0], values[-1]))
    if set(values) <= {-1, 1} and dense:
        yield Binary()
    if set(values) <= {-1, 0, 1}:
        yield Ternary()
    most = max(map(abs, values)).bit_length() - 1
    for terms in (1, 2):
        powers = PowersOfTwo(most=most, terms=terms) if most > 0 else None
        if powers and _holds(powers, values):
            yield powers
            break


def _fixed(bits: int, is_signed: bool) -> Iterator[Encoding]:
    """Yield the encodings of fixed point."""
    yield TwosComplement(bits, is_signed)
    even = bits + (not is_signed) + (bits + (not is_signed)) % 2
    yield from (Booth(even), Radix4(even + 1))


def _holds(encoding: Encoding, values: Iterable[int]) -> bool:
    try:
        return all(encoding.weight(encoding.code(value)) == value for value in values)
    except ValueError:
        return False


class Codes:
    """The codes of a matrix's weights.

    Zero has any code where there is none for it, since then only rows that fill the last group are
    zero, and nobody reads what they compute.
    """

    def __init__(self, encoding: Encoding, matrix: IntArray) -> None:
        self._bits = encoding.bits
        self._values = np.union1d(matrix, [0])
        self._codes = np.array([_code(encoding, value) for value in self._values.tolist()])

    def bits(self, weights: IntArray) -> npt.NDArray[np.uint8]:
        """Return (words, bits) of (words, weights): codes side by side, the first lowest."""
        codes = self._codes[np.searchsorted(self._values, weights)]
        bits = codes[..., None] >> np.arange(self._bits) & 1
        return bits.astype(np.uint8).reshape(len(weights), -1)

    def words(self, weights: IntArray) -> list[int]:
        """Return the same as integers."""
        width = weights.shape[1] * self._bits
        if width < 63:
            codes = self._codes[np.searchsorted(self._values, weights)]
            shifts = np.arange(weights.shape[1]) * self._bits
            return list((codes << shifts).sum(axis=1).tolist())
        packed = np.packbits(self.bits(weights), axis=1, bitorder="little")
        return [int.from_bytes(word, "little") for word in map(bytes, packed)]


def _code(encoding: Encoding, weight: int) -> int:
    try:
        return encoding.code(weight)
    except ValueError:
        if weight:
            raise
        return 0


def encoding_for(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> Encoding:
    """Return the encoding whose array is the cheapest: adders, tables, and what the words take."""
    simd = columns(layer, folding)
    beats = layer.inputs // simd
    groups = -(-layer.outputs // folding.pe)

    def cost(encoding: Encoding) -> float:
        x_range = x_range_of(layer, window)
        array = _adders(encoding, simd, window.bits, window.signed, x_range, target, beats > 1)
        decoding = encoding.decoded.bits * -(-encoding.entries // ENTRY)
        stored = encoding.bits * max(1.0, beats * groups / ENTRY) / 2
        return array + simd * (decoding + stored)

    return min(candidates(layer, layer.inputs % simd == 0), key=cost)


def book_for(layer: Layer, folding: Folding, total: int, target: Target) -> Codebook:
    """Return the book of a layer that is multiplied with sums of `total` bits, one a row, each
    entry written as is the cheapest for that."""
    full = (0, (1 << total) - 1)

    def cost(encoding: Encoding) -> float:
        return _adders(encoding, 1, total, False, full, target, True)

    dense = layer.depthwise or layer.inputs % folding.simd == 0
    return _book(layer, dense, min(_direct(layer, dense), key=cost))


def fixed_instead(layer: Layer, array: MacParameters, target: Target) -> tuple[float, float] | None:
    """Return the adders and tables a multiply-accumulate of an array of power-of-two weights, and
    those of an array of fixed-point weights whose codes are as wide; None for other arrays."""
    of = getattr(layer.op, "weight_format", None)
    if not isinstance(of, formats.PowerOfTwo) or array.blocks or array.banks:
        return None

    def size(encoding: Encoding) -> float:
        weights = replace(array.weights, encoding=encoding)
        return _size(replace(array, weights=weights).row, target) / weights.simd

    return size(array.weights.encoding), min(map(size, _fixed(of.bits, True)))


def _adders(
    encoding: Encoding,
    lanes: int,
    x_bits: int,
    x_signed: bool,
    x_range: tuple[int, int],
    target: Target,
    accumulates: bool,
) -> float:
    """Return the adder positions and the tables of a row of an array."""
    row = dot_product(
        RowParameters(
            encoding=encoding,
            lanes=lanes,
            x_bits=x_bits,
            x_signed=x_signed,
            x_range=x_range,
            modulus=MODULUS,
            adder=adder_of(target),
            accumulates=accumulates,
        )
    )
    return _size(row, target)


def _size(row: DotProduct, target: Target) -> float:
    """Return the adder positions and the tables of a row."""
    return row.positions + row.tables(lut_inputs(target))


def x_range_of(layer: Layer, window: WindowParameters) -> tuple[int, int]:
    """Return the least and largest element that a layer's array sees, padding included."""
    pads = [layer.x.pad_value] if window.padded else []
    return min(0, layer.x.lo, *pads), max(0, layer.x.hi, *pads)


def offsets_of(
    layer: Layer, encoding: Encoding, window: WindowParameters, banks: Banks | None = None
) -> IntArray:
    """Return what must be added to the array's sums of each output channel."""
    if layer.weight is None:
        ones = [1] * layer.inputs
        return np.array([offset(encoding, ones, window.bits, window.signed)], dtype=np.int64)
    if banks and isinstance(encoding, Codebook):
        # an entry is multiplied once, and its inputs count from their least value all the same
        least = -(1 << (window.bits - 1)) if window.signed else 0
        excess = sum(encoding.inner.excess(code, banks.total) for code in encoding.book)
        sums = layer.weight.reshape(layer.outputs, -1).sum(axis=1)
        return np.asarray(sums * least - excess, dtype=np.int64)
    return _weighted_offsets(layer, encoding, window.bits, window.signed)


@lru_cache(maxsize=64)  # all foldings of a layer have the same
def _weighted_offsets(layer: Layer, encoding: Encoding, bits: int, is_signed: bool) -> IntArray:
    assert layer.weight is not None
    each = [offset(encoding, [value], bits, is_signed) for value in layer.values]
    places = np.searchsorted(layer.values, layer.weight.reshape(layer.outputs, -1))
    found = np.array(each, dtype=np.int64)[places].sum(axis=1)
    found.flags.writeable = False
    return np.asarray(found, dtype=np.int64)
