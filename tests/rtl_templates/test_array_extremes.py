"""Arrays at the ends of what they add up, in each number format: products, sums of columns, sums of
beats; and sums of inputs by entry, and products in DSP blocks."""

import pytest
from amaranth.sim import Simulator

from hwgen_rtl_templates.adder_row import AdderRow
from hwgen_rtl_templates.adder_row_ecp5 import Ecp5AdderRow
from hwgen_rtl_templates.adder_row_xilinx import Xilinx7AdderRow
from hwgen_rtl_templates.dot_product import offset
from hwgen_rtl_templates.dsp_array import DspArray
from hwgen_rtl_templates.encodings import (
    Binary,
    Booth,
    Codebook,
    PowersOfTwo,
    Radix4,
    Ternary,
    TwosComplement,
)
from hwgen_rtl_templates.mac import Banks, MacArray, MacParameters
from hwgen_rtl_templates.multiplier import DspBlocks, Multiplier, shared
from hwgen_rtl_templates.pasm import PasmArray
from hwgen_rtl_templates.streams import range_shape
from hwgen_rtl_templates.weights import WeightParameters
from support.arrays import stored
from support.extremes import patterns, vectors
from support.stream_bench import pack, unpack

POWERS = (-8, 8, 0, 1, -1, 2, 4)
BOOK = (-100, -1, 0, 127)
ENCODINGS = {
    "binary": (Binary(), (-1, 1)),
    "ternary": (Ternary(), (-1, 0, 1)),
    "one bit": (TwosComplement(1, False), (0, 1)),
    "int4": (TwosComplement(4), range(-8, 8)),
    "uint3": (TwosComplement(3, False), range(8)),
    "booth": (Booth(4), range(-8, 8)),
    "radix 4": (Radix4(5), range(-8, 8)),
    "pot": (PowersOfTwo(most=3), POWERS),
    "pot x2": (PowersOfTwo(most=3, terms=2), (*POWERS, 12, -12, 16, -16)),
    "codebook": (Codebook(2, TwosComplement(8), BOOK), BOOK),
}
X = {  # bits, sign, range
    "binary": (1, False, (0, 1)),
    "uint4 up to 8": (4, False, (0, 8)),
    "uint4": (4, False, (0, 15)),
    "int4": (4, True, (-8, 7)),
    "int2": (2, True, (-2, 1)),
}


class PlainEcp5(AdderRow):
    """The additions that an array for ECP5 is made of, without the cells."""

    longest, takes = Ecp5AdderRow.longest, Ecp5AdderRow.takes


class PlainXilinx(AdderRow):
    """Those of Xilinx 7 series."""

    longest, takes = Xilinx7AdderRow.longest, Xilinx7AdderRow.takes


def send(dut, dots, codes) -> list[int]:
    """Send dot products, lists of beats (x, rows of weights), back to back into an array; return
    what it delivers.

    codes : of (rows of weights), what goes into the array
    """
    p, found = dut.parameters, []
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)

    async def source(ctx):
        for _ in range(p.rest + 3):  # registers of entries are cleared first
            await ctx.tick()
        for beats in dots:
            for n, (x, rows) in enumerate(beats):
                last = n == len(beats) - 1
                word = pack(x, p.x_bits) | (n == 0) << p.x_lanes * p.x_bits
                ctx.set(dut.x.payload.as_value(), word | last << p.x_lanes * p.x_bits + 1)
                ctx.set(dut.w.payload.as_value(), pack(codes(rows), p.weights.bits))
                ctx.set(dut.x.valid, 1)
                await ctx.tick()
            ctx.set(dut.x.valid, 0)
            for _ in range(p.rest):
                await ctx.tick()

    async def sink(ctx):
        while len(found) < len(dots):
            _, _, valid, word = await ctx.tick().sample(dut.o.valid, dut.o.payload.as_value())
            if valid:
                found.append(unpack(word, p.weights.pe, p.bits, False))

    simulator.add_testbench(source, background=True)
    simulator.add_testbench(sink)
    simulator.run()
    return found


def dot(x, row):
    return sum(a * w for a, w in zip(x, row, strict=True))


def rows_and_inputs(some, lanes, x_range):
    """Return rows of weights with the inputs that bring each to its extremes."""
    return [(row, vectors([row], *x_range)) for row in patterns(some, lanes)]


def dots_of(cases, beats):
    """Return dot products of so many beats: of the same inputs, and of opposite ones."""
    dots = []
    for row, xs in cases:
        least, most = (end(xs, key=lambda x: dot(x, row)) for end in (min, max))
        dots += [[(x, [row])] * beats for x in xs]
        if beats > 1:
            dots += [
                [(x, [row]) for x in (a, *[b] * (beats - 1))]
                for a, b in ((least, most), (most, least))
            ]
    return dots


def total(dots_beats):
    return sum(dot(x, rows[0]) for x, rows in dots_beats)


# each encoding with one and with two beats to a dot product, and with inputs of each kind
ARRAYS = [
    *(("binary", "binary", 1), ("binary", "uint4 up to 8", 2)),
    *(("ternary", "binary", 1), ("ternary", "int4", 2)),
    *(("one bit", "binary", 2), ("one bit", "uint4 up to 8", 1)),
    *(("int4", "uint4", 1), ("int4", "int2", 2)),
    *(("uint3", "uint4 up to 8", 1), ("uint3", "binary", 2)),
    *(("booth", "int4", 1), ("booth", "binary", 2)),
    *(("radix 4", "uint4", 1), ("radix 4", "int2", 2)),
    *(("pot", "int4", 1), ("pot", "binary", 2)),
    *(("pot x2", "uint4", 1), ("pot x2", "int2", 2)),
    *(("codebook", "int4", 1), ("codebook", "binary", 2)),
]


@pytest.mark.parametrize(("name", "x", "beats"), ARRAYS)
def test_array(name, x, beats):
    """Eight columns of everything: whose sum is a power of two where each product is one."""
    encoding, some = ENCODINGS[name]
    x_bits, x_signed, x_range = X[x]
    dots = dots_of(rows_and_inputs(some, 8, x_range), beats)
    wanted = [total(each) for each in dots]
    shape = range_shape(min(wanted), max(wanted))
    adder = (AdderRow, PlainEcp5, PlainXilinx)[(len(name) + x_bits + beats) % 3]
    weights = WeightParameters(1, 8, encoding, (0,) * beats)
    p = MacParameters(
        weights, x_bits, x_signed, shape.width, shape.signed, (beats,), x_range=x_range, adder=adder
    )
    found = send(MacArray(p), dots, lambda rows: [encoding.code(w) for row in rows for w in row])
    for each, (got,), result in zip(dots, found, wanted, strict=True):
        lacks = sum(offset(encoding, rows[0], x_bits, x_signed) for _, rows in each)
        assert (got + lacks - result) % (1 << p.bits) == 0, f"{each}: {got} + {lacks}, not {result}"


@pytest.mark.parametrize("adder", [AdderRow, PlainEcp5, PlainXilinx])
@pytest.mark.parametrize("lanes", [1, 2, 3, 4, 7, 8, 9])
def test_xnor_sum(lanes, adder):
    """So many ones, each number of them."""
    weights = WeightParameters(1, lanes, Binary(), (0,))
    p = MacParameters(weights, 1, False, lanes.bit_length(), False, (1,), adder=adder)
    counts = [[int(n < ones) for n in range(lanes)] for ones in range(lanes + 1)]
    same = [[(x, [[1] * lanes])] for x in counts]
    found = send(MacArray(p), same, lambda rows: [0 for _ in rows[0]])
    assert [got for (got,) in found] == list(range(lanes + 1))


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("x", ["binary", "uint4", "int4"])
@pytest.mark.parametrize("ends", [(-4, 3), (0, 7), (-1, 0)])
def test_dsp_array(rows, x, ends):
    """Products that share a block, each beside the least, the largest and the smallest."""
    x_bits, x_signed, x_range = X[x]
    p = shared(Multiplier, x_bits, x_signed, ends, rows)
    some = range(ends[0], ends[1] + 1)
    dots = []
    for own, xs in rows_and_inputs(some, 3, x_range):
        for beside in patterns(some, 3):
            matrix = [(own, beside)[n % 2] for n in range(rows)]
            dots += [[(x, matrix)] for x in xs[:4]]
    wanted = [[dot(x, row) for row in matrix] for ((x, matrix),) in dots]
    flat = [y for each in wanted for y in each]
    shape = range_shape(min(flat), max(flat))
    encoding = TwosComplement(p.w_bits, p.w_signed)
    array = MacParameters(
        WeightParameters(rows, 3, encoding, (0,)),
        x_bits,
        x_signed,
        shape.width,
        shape.signed,
        (1,),
        blocks=DspBlocks(Multiplier, p.weights),
    )

    def codes(matrix):
        held = stored(matrix, p.weights) if Multiplier.borrows(p) else matrix
        return [w for row in held for w in row]

    found = send(DspArray(array), dots, codes)
    assert found == [[y % (1 << array.bits) for y in each] for each in wanted]


@pytest.mark.parametrize("x", ["binary", "uint4", "int4"])
@pytest.mark.parametrize("lanes", [1, 4])
def test_sums_by_entry(lanes, x):
    """All inputs at one entry of the book, in every column and beat, and spread over them."""
    x_bits, x_signed, x_range = X[x]
    book, beats = BOOK, 2
    encoding = Codebook(2, TwosComplement(8), book)
    dots = dots_of(rows_and_inputs(book, lanes, x_range), beats)
    dots += dots_of([([w] * lanes, vectors([[1] * lanes], *x_range)) for w in book], beats)
    wanted = [total(each) for each in dots]
    shape = range_shape(min(wanted), max(wanted))
    span = (1 << x_bits) - 1
    banks = Banks((beats * span).bit_length(), (lanes * beats * span).bit_length())
    weights = WeightParameters(1, lanes, encoding, (0,) * beats)
    p = MacParameters(weights, x_bits, x_signed, shape.width, shape.signed, (beats,), banks=banks)
    found = send(PasmArray(p), dots, lambda rows: [encoding.code(w) for row in rows for w in row])
    least = -(1 << x_bits - 1) if x_signed else 0
    excess = sum(encoding.inner.excess(code, banks.total) for code in encoding.book)
    for each, (got,), result in zip(dots, found, wanted, strict=True):
        moved = sum(least * w for _, (row,) in each for w in row)
        assert (got - excess + moved - result) % (1 << p.bits) == 0, f"{each}: {got}"
