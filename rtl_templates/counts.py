"""Structural counts: what an array is made of at word level, before anything optimises it."""

__all__ = ["Counts", "counts_of"]

from collections.abc import Iterable
from dataclasses import dataclass
from functools import singledispatch

from amaranth.utils import bits_for, ceil_log2

from hwgen_rtl_templates.dot_product import DotProduct
from hwgen_rtl_templates.encodings import Codebook
from hwgen_rtl_templates.mac import MacParameters
from hwgen_rtl_templates.multiplier import MultiplierParameters
from hwgen_rtl_templates.summation import Bit
from hwgen_rtl_templates.tables import table_bits
from hwgen_rtl_templates.weights import WeightParameters

FLAGS = 3  # that go with a beat: valid, first, last


@dataclass(frozen=True)
class Counts:
    """Cells of a component's word-level netlist.

    multipliers : DSP blocks
    adders : additions, of any width
    registers : bits of flip-flops, those within blocks and memories apart
    memory_bits : of memories
    """

    multipliers: int = 0
    adders: int = 0
    registers: int = 0
    memory_bits: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            *(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True))
        )

    def __mul__(self, times: int) -> "Counts":
        return Counts(*(n * times for n in vars(self).values()))


@singledispatch
def counts_of(part: object) -> Counts:
    """Return the structural counts of a component, from its parameters alone."""
    raise TypeError(f"No counts of {type(part).__name__}")


@counts_of.register
def _weights(part: WeightParameters) -> Counts:
    depth = len(part.words)
    if depth == 1:
        return Counts(registers=part.latency)
    held = part.width if part.style == "block" else 0
    return Counts(0, 1, part.latency + ceil_log2(depth) + held, depth * part.width)


@counts_of.register
def _array(part: MacParameters) -> Counts:
    flags = Counts(registers=FLAGS * (part.latency - 1) + 1)
    if part.banks:
        return _in_banks(part) + _passes(part)
    if part.blocks:
        return _in_blocks(part) + flags
    return _in_adders(part) + flags


def _in_adders(part: MacParameters) -> Counts:
    """Return rows of adders with a register behind each, and what waits for others beside them."""
    row, lanes, pe = part.row, part.weights.simd, part.weights.pe
    ages = _ages(row)
    waiting = [word.width * age for word, age in zip(row.words, ages, strict=True)]
    computed = {part.word for part in (*row.additions, *row.settled)}
    own = sum(row.words[n].width for n in computed) + sum(waiting[lanes:])
    encoding = part.weights.encoding
    tables = 0
    if isinstance(encoding, Codebook):
        own += lanes * encoding.decoded.bits
        tables = lanes * table_bits(encoding.book)
    inputs = sum(waiting[:lanes])
    return Counts(
        adders=pe * len(row.additions),
        registers=pe * own + inputs * (pe if part.depthwise else 1),
        memory_bits=pe * tables,
    )


def _ages(row: DotProduct) -> list[int]:
    """Return for how many clocks each word of a row is kept beyond the one on which it is ready."""
    ages = [0] * len(row.words)

    def used(bits: Iterable[Bit], clock: int) -> None:
        for bit in bits:
            for number, _ in bit.inputs:
                ages[number] = max(ages[number], clock - row.words[number].ready)

    for table in row.settled:
        used(table.bits, table.clock)
    for addition in row.additions:
        used((*addition.p, *addition.q, addition.carry), addition.clock)
    used(row.result.bits, row.latency)
    return ages


def _in_blocks(part: MacParameters) -> Counts:
    """Return blocks, the trees of adders behind them, and accumulators."""
    weights, blocks = part.weights, part.blocks
    pe, simd = weights.pe, weights.simd
    registers = 0
    for row in range(pe):
        place, sharing = row % blocks.rows, min(blocks.rows, pe - row // blocks.rows * blocks.rows)
        multiplied = MultiplierParameters(
            part.x_bits, part.x_signed, weights.bits, weights.encoding.signed, sharing
        )
        packing = blocks.kind.packing(multiplied)
        lacks = place > 0 and packing is not None and packing.borrows
        lo, hi = multiplied.product_range
        terms = [(lo, hi, int(lacks))] * simd  # least, largest, single bits left to be added
        while len(terms) > 1:
            pairs = zip(terms[::2], terms[1::2], strict=False)
            sums = [(a[0] + b[0], a[1] + b[1], max(0, a[2] + b[2] - 1)) for a, b in pairs]
            terms = sums + terms[len(sums) * 2 :]
            registers += sum(min(part.bits, _width(*term)) + term[2] for term in terms)
        registers += part.bits
    return Counts(blocks.count(pe, simd), pe * simd, registers)


def _width(lo: int, hi: int, carries: int) -> int:
    least = lo - carries
    return max(bits_for(least), bits_for(hi, least < 0)) if least < 0 else bits_for(hi)


def _in_banks(part: MacParameters) -> Counts:
    """Return memories of sums by entry with an adder each, and what multiplies them."""
    weights, banks = part.weights, part.banks
    entries, places = weights.encoding.entries, weights.pe * weights.simd
    bank = Counts(0, 1, weights.bits, banks.bits * entries)
    inputs = Counts(registers=part.x_lanes * part.x_bits)
    products = counts_of(part.entry_products)
    return bank * places + inputs + counts_of(part.column_sums) * weights.pe + products


def _passes(part: MacParameters) -> Counts:
    """Return what says when memories are read, and which entry is read and multiplied."""
    encoding = part.weights.encoding
    assert isinstance(encoding, Codebook)
    entry = ceil_log2(encoding.entries)
    code = part.entry_products.weights.bits
    registers = 4 + 2 * entry + code
    return Counts(adders=2, registers=registers, memory_bits=table_bits(encoding.book))
