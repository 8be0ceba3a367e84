"""Datapaths of engines: what they are made of, and what they do."""

__all__ = ["DATAPATHS", "blocks_structure", "rows_structure", "weights_structure"]

from collections.abc import Callable
from functools import reduce
from typing import Any

from hwgen.families.cells import adders_placed, lut_inputs
from hwgen.families.memories import block_rams
from hwgen.formats import bits_for
from hwgen.planning.estimate.lookup_tables import words_luts
from hwgen.planning.estimate.structure import Counted, Structure, bits_of, storage, total
from hwgen.planning.estimate.work import Work, stored
from hwgen.targets import Target
from hwgen_rtl_templates.bit_serial import BitSerialParameters
from hwgen_rtl_templates.constant import ConstantParameters
from hwgen_rtl_templates.constant_array import ConstantArrayParameters
from hwgen_rtl_templates.dot_product import DotProduct
from hwgen_rtl_templates.encodings import Encoding, TwosComplement
from hwgen_rtl_templates.mac import Banks, MacParameters
from hwgen_rtl_templates.multiplier import DspBlocks, MultiplierParameters
from hwgen_rtl_templates.pool import MaximumParameters
from hwgen_rtl_templates.weights import WeightParameters


def _array(part: MacParameters, target: Target) -> Structure:
    if part.blocks:
        return _in_blocks(part, part.blocks) + weight_structure(part.weights, target)
    if part.banks:
        return _in_banks(part, part.banks, target) + weight_structure(part.weights, target)
    live = _share_that_varies(part.weights)
    rows = rows_structure(part.row, part.weights.simd, part.weights.encoding, live, target)
    flags = Structure(ffs=3 * part.latency)
    return rows.times(part.weights.pe) + flags + weight_structure(part.weights, target)


def rows_structure(
    row: DotProduct, simd: int, encoding: Encoding, live: float, target: Target
) -> Structure:
    """Return the structure of one row of an array of adders.

    live : share of the bits of a word of weights that vary
    """
    if adders_placed(target):  # synthesis leaves out what weights that never change make constant
        live = 1.0
    places, tables = row.positions, row.tables(lut_inputs(target))
    logic = {
        "addition": len(row.additions),
        "adder place": places * live,
        "idle adder place": places * (1 - live),
        "array table": tables * live,
        "idle array table": tables * (1 - live),
        "decoded bit": simd * encoding.decoded.bits if encoding.latency else 0,
    }
    return Structure(logic, sum(word.width for word in row.words[2 * simd :]))


def _share_that_varies(weights: WeightParameters) -> float:
    """Return the share of the bits of a word of weights that are not the same in all words."""
    first = weights.words[0]
    varied = reduce(lambda found, word: found | (word ^ first), weights.words, 0)
    return varied.bit_count() / max(1, weights.width)


def _in_blocks(part: MacParameters, blocks: DspBlocks) -> Structure:
    """Return what products in DSP blocks are, and trees of adders behind them."""
    weights = part.weights
    is_signed = isinstance(weights.encoding, TwosComplement) and weights.encoding.signed
    multiplied = MultiplierParameters(part.x_bits, part.x_signed, weights.bits, is_signed)
    found = blocks_structure(
        blocks, multiplied, weights.pe, weights.simd, part.bits, max(part.folds) > 1
    )
    return found + Structure(ffs=3 * part.latency)


def blocks_structure(
    blocks: DspBlocks,
    multiplied: MultiplierParameters,
    pe: int,
    simd: int,
    bits: int,
    accumulates: bool,
) -> Structure:
    """Return the structure of products in DSP blocks, `pe` times `simd`, their sums, of `bits`
    bits, and accumulators."""
    lo, hi = multiplied.product_range
    tree = ffs = 0
    sums_made = 0
    counts = [1] * simd  # of products in each term
    while len(counts) > 1:
        sums = [a + b for a, b in zip(counts[::2], counts[1::2], strict=False)]
        rest = counts[-1:] if len(counts) % 2 else []
        widths = [min(bits, bits_for(n * lo, n * hi)[0]) for n in (*sums, *rest)]
        tree += sum(widths[: len(sums)])
        sums_made += len(sums)
        ffs += sum(widths) + len(widths)
        counts = sums + rest
    logic: dict[str, float] = {"tree bit": pe * tree, "tree sum": pe * sums_made}
    if accumulates:
        logic["accumulator bit"] = pe * bits
    elif blocks.rows > 1:  # for a last carry
        logic["tree bit"] += pe * bits_for(simd * lo, simd * hi)[0]
    return Structure(logic, (ffs + bits) * pe, blocks.count(pe, simd))


def _in_banks(part: MacParameters, banks: Banks, target: Target) -> Structure:
    """Return what registers by entry are, and the sums and products behind them."""
    weights = part.weights
    entries = weights.encoding.entries
    bank = Structure({"bank place": banks.bits, "bank": 1}, weights.bits)
    bank += storage(banks.bits, entries, None, target)
    row = _array(part.column_sums, target) + bank.times(weights.simd)
    control = 2 * bits_of(entries) + part.x_lanes * part.x_bits
    rest = Structure({"bank counter bit": bits_of(entries)}, control)
    return total([_array(part.entry_products, target), row.times(weights.pe), rest])


def _array_work(part: MacParameters, beats: int, dots: int) -> Work:
    weights = part.weights
    total = Work()
    if len(weights.words) > 1:
        total += stored(weights.width, len(weights.words), beats)
    if part.blocks:
        products = weights.pe * weights.simd * beats
        # the tree of a row has an adder fewer than products, and its accumulator is one more
        sums = weights.pe * (weights.simd - (max(part.folds) == 1)) * beats
        return total + Work(sums * part.bits, products * part.x_bits * weights.bits)
    if part.banks:
        places, entries = weights.pe * weights.simd, weights.encoding.entries
        bank = Work(part.banks.bits) + stored(part.banks.bits, entries, 2)
        after = _array_work(part.column_sums, entries, entries) * weights.pe
        after += _array_work(part.entry_products, entries, 1)
        return total + bank * (places * beats) + after * dots
    return total + Work(adder_bits=weights.pe * part.row.positions * beats)


def weight_structure(part: WeightParameters, target: Target) -> Structure:
    depth = len(part.words)
    tables = (0, 0)
    if part.style != "block" and depth > 1:
        tables = words_luts(part.words, part.width, lut_inputs(target))
    return weights_structure(part.width, depth, part.style, tables, target)


def weights_structure(
    width: int, depth: int, style: str, tables: tuple[int, int], target: Target
) -> Structure:
    """Return the structure of a memory of weights.

    tables : look-up tables that hold it, and bits more that choose between them
    """
    if depth == 1:
        return Structure()
    counter = bits_of(depth - 1)
    logic: dict[str, float] = {"weight counter bit": counter}
    rams = block_rams(width, depth, target) if style == "block" else 0
    logic |= {"weight table": tables[0], "weight choice": tables[1]}
    return Structure(logic, counter + 4 + width, 0, rams)


def _constant(part: ConstantParameters, target: Target) -> Structure:
    return Structure({"constant adder bit": part.adder_bits}, part.registers)


def _bit_serial(part: BitSerialParameters, target: Target) -> Structure:
    sums = part.adders / part.digit
    logic = {
        f"serial sum of {part.digit}": sums,
        "loaded bit": part.graph.inputs * part.x_bits,
    }
    return Structure(logic, part.registers)


VALUES: dict[type, Callable[[Any, Target], Structure]] = {
    ConstantParameters: _constant,
    BitSerialParameters: _bit_serial,
}


def _constant_array(part: ConstantArrayParameters, target: Target) -> Structure:
    gathered = (part.beats - 1) * part.simd * part.values.x_bits
    return VALUES[type(part.values)](part.values, target) + Structure(
        {"constant array": 1}, gathered
    )


def _constant_array_work(part: ConstantArrayParameters, beats: int, dots: int) -> Work:
    values = part.values
    return Work(adder_bits=values.added_bits * dots)


def _maximum(part: MaximumParameters, target: Target) -> Structure:
    return Structure({"maximum bit": part.lanes * part.bits}, part.lanes * part.bits)


def _maximum_work(part: MaximumParameters, beats: int, dots: int) -> Work:
    return Work(adder_bits=part.lanes * part.bits * beats)


DATAPATHS: dict[type, Counted] = {
    MacParameters: Counted(_array, _array_work),
    ConstantArrayParameters: Counted(_constant_array, _constant_array_work),
    MaximumParameters: Counted(_maximum, _maximum_work),
}
