"""Structure of arrays and constant datapaths."""

__all__ = ["structure"]

from functools import reduce

from hwgen.formats import bits_for
from hwgen.planning.cells import lut_inputs
from hwgen.planning.structure import Structure, bits_of, storage, structure, total
from hwgen.targets import Target
from hwgen_rtl_templates.bit_serial import BitSerialParameters
from hwgen_rtl_templates.constant import ConstantParameters
from hwgen_rtl_templates.constant_array import ConstantArrayParameters
from hwgen_rtl_templates.encodings import TwosComplement
from hwgen_rtl_templates.mac import Banks, MacParameters
from hwgen_rtl_templates.multiplier import DspBlocks, MultiplierParameters
from hwgen_rtl_templates.weights import WeightParameters

PLACED = ("ecp5", "xilinx7")  # families whose adders are cells that are placed one by one


@structure.register
def _array(part: MacParameters, target: Target) -> Structure:
    if part.blocks:
        return _in_blocks(part, part.blocks) + structure(part.weights, target)
    if part.banks:
        return _in_banks(part, part.banks, target) + structure(part.weights, target)
    row, pe, simd = part.row, part.weights.pe, part.weights.simd
    encoding = part.weights.encoding
    places, tables = row.positions, row.tables(lut_inputs(target))
    # synthesis leaves out what weights that never change make constant, but not of placed cells
    live = 1.0 if target.family in PLACED else _share_that_varies(part.weights)
    logic = {
        "addition": pe * len(row.additions),
        "adder place": pe * places * live,
        "idle adder place": pe * places * (1 - live),
        "array table": pe * tables * live,
        "idle array table": pe * tables * (1 - live),
        "decoded bit": pe * simd * encoding.decoded.bits if encoding.latency else 0,
    }
    ffs = pe * sum(word.width for word in row.words[2 * simd :]) + 3 * part.latency
    return Structure(logic, ffs) + structure(part.weights, target)


def _share_that_varies(weights: WeightParameters) -> float:
    """Return the share of the bits of a word of weights that are not the same in all words."""
    first = weights.words[0]
    varied = reduce(lambda found, word: found | (word ^ first), weights.words, 0)
    return varied.bit_count() / max(1, weights.width)


def _in_blocks(part: MacParameters, blocks: DspBlocks) -> Structure:
    """Return what products in DSP blocks are, and trees of adders behind them."""
    weights = part.weights
    is_signed = isinstance(weights.encoding, TwosComplement) and weights.encoding.signed
    lo, hi = MultiplierParameters(part.x_bits, part.x_signed, weights.bits, is_signed).product_range
    bits = ffs = 0.0
    sums_made = 0
    counts = [1] * weights.simd  # of products in each term
    while len(counts) > 1:
        sums = [a + b for a, b in zip(counts[::2], counts[1::2], strict=False)]
        rest = counts[-1:] if len(counts) % 2 else []
        widths = [min(part.bits, bits_for(n * lo, n * hi)[0]) for n in (*sums, *rest)]
        bits += sum(widths[: len(sums)])
        sums_made += len(sums)
        ffs += sum(widths) + len(widths)
        counts = sums + rest
    logic = {"tree bit": weights.pe * bits, "tree sum": weights.pe * sums_made}
    if max(part.folds) > 1:
        logic["accumulator bit"] = weights.pe * part.bits
    elif blocks.rows > 1:  # for a last carry
        logic["tree bit"] += weights.pe * bits_for(weights.simd * lo, weights.simd * hi)[0]
    dsps = blocks.count(weights.pe, weights.simd)
    return Structure(logic, (ffs + part.bits) * weights.pe + 3 * part.latency, dsps)


def _in_banks(part: MacParameters, banks: Banks, target: Target) -> Structure:
    """Return what registers by entry are, and the sums and products behind them."""
    weights = part.weights
    entries = weights.encoding.entries
    bank = Structure({"bank place": banks.bits, "bank": 1}, weights.bits)
    bank += storage(banks.bits, entries, None, target)
    row = structure(part.column_sums, target) + bank.times(weights.simd)
    control = 2 * bits_of(entries) + part.x_lanes * part.x_bits
    rest = Structure({"bank counter bit": bits_of(entries)}, control)
    return total([structure(part.entry_products, target), row.times(weights.pe), rest])


@structure.register
def _constant_array(part: ConstantArrayParameters, target: Target) -> Structure:
    gathered = (part.beats - 1) * part.simd * part.values.x_bits
    return structure(part.values, target) + Structure({"constant array": 1}, gathered)


@structure.register
def _constant(part: ConstantParameters, target: Target) -> Structure:
    return Structure({"constant adder bit": part.adder_bits}, part.registers)


@structure.register
def _bit_serial(part: BitSerialParameters, target: Target) -> Structure:
    sums = part.adders / part.digit
    logic = {
        f"serial sum of {part.digit}": sums,
        "loaded bit": part.graph.inputs * part.x_bits,
    }
    return Structure(logic, part.registers)
